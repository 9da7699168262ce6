package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"postward/test/rig"
)

// tick is the unit of CPU time in /proc/PID/stat: USER_HZ is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// cpu is the CPU time of every process of the room but this one: its own, and that of children it waited for.
func cpu() (time.Duration, error) {
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

// written is how many bytes processes caused to be written to disks.
func written(pids []int) (int64, error) {
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

// binaries builds postward for the machines it is for, and starts those that are not this one's under qemu.
func binaries() error {
	for _, b := range []struct{ arch, arm, qemu, cpu string }{
		{"amd64", "", "", ""}, {"arm64", "", "qemu-aarch64-static", "max"}, {"arm", "6", "qemu-arm-static", "arm1176"},
	} {
		path := filepath.Join(rig.Dir(), "postward-"+b.arch)
		cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, "postward/cmd/postward")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+b.arch, "GOARM="+b.arm)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("build for %s: %w\n%s", b.arch, err, out)
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		run := exec.Command(path, "version")
		if b.qemu != "" {
			run = exec.Command(b.qemu, "-cpu", b.cpu, path, "version")
		}
		start := time.Now()
		out, err := run.CombinedOutput()
		if err != nil {
			return fmt.Errorf("start the binary for %s: %w\n%s", b.arch, err, out)
		}
		said, _, _ := strings.Cut(string(out), "\n")
		fmt.Printf("binary %s%s: %.1f MB, said %q after %s %s\n", b.arch, b.arm, float64(info.Size())/1e6, said,
			time.Since(start).Round(time.Millisecond), b.qemu)
	}
	return nil
}
