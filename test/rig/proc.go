package rig

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// PSS is the proportional set size of processes, in MiB: proc(5), smaps_rollup.
func PSS(pids []int) (float64, error) {
	total := 0.0
	for _, pid := range pids {
		kib, err := Field(fmt.Sprintf("/proc/%d/smaps_rollup", pid), "Pss:")
		if err != nil {
			return 0, err
		}
		total += float64(kib) / 1024
	}
	return total, nil
}

// Field is the number behind a name in a file of /proc.
func Field(path, name string) (int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			return strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
		}
	}
	return 0, fmt.Errorf("%s has no %s", path, name)
}
