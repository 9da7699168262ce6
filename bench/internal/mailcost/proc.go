package mailcost

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"postward/test/rig"
)

// tick is the unit of CPU time in /proc/PID/stat: USER_HZ is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// CPU is the CPU time of every process of the room but this one: its own, and that of children it waited for.
func CPU() (time.Duration, error) {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, err
	}
	var total time.Duration
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // ended meanwhile; whoever waited for it has its time
		}
		if filepath.Base(filepath.Dir(path)) == strconv.Itoa(os.Getpid()) {
			continue
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		for _, f := range fields[11:15] { // utime, stime, cutime, cstime: 14 to 17 of proc(5)
			n, err := strconv.ParseInt(f, 10, 64)
			if err != nil {
				return 0, fmt.Errorf("read %s: %w", path, err)
			}
			total += time.Duration(n) * tick
		}
	}
	return total, nil
}

// Written is how many bytes processes caused to be written to disks.
func Written(pids []int) (int64, error) {
	var total int64
	for _, pid := range pids {
		n, err := rig.Field(fmt.Sprintf("/proc/%d/io", pid), "write_bytes:")
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}
