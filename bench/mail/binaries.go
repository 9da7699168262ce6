package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"postward/test/rig"
)

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
