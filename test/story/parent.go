package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// endWithParent ends this process as a SIGTERM does when whoever started it is gone, or is a make(1) that was told to end.
// A make that gets a SIGINT or SIGHUP alone, not from its terminal, waits for its child and tells it nothing. Its handler has
// given the signal back its default by then, which /proc says; there is no other sign of it.
func endWithParent() {
	parent := os.Getppid()
	made := caught(parent)
	for {
		time.Sleep(200 * time.Millisecond) // between two looks: nothing tells it
		if os.Getppid() != parent || made&^caught(parent)&interrupts != 0 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGTERM) // this process is there
			return
		}
	}
}

// interrupts are SIGHUP and SIGINT in a mask of signals.
const interrupts = 1<<(syscall.SIGHUP-1) | 1<<(syscall.SIGINT-1)

// caught is the mask of signals that a make catches (SigCgt of proc(5)); 0 for any other program, and for one that is gone.
func caught(pid int) (mask uint64) {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	if err != nil || strings.TrimSpace(string(name)) != "make" {
		return 0
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "\nSigCgt:")
	digits, _, _ := strings.Cut(rest, "\n")
	mask, _ = strconv.ParseUint(strings.TrimSpace(digits), 16, 64) // 0 if it is none
	return mask
}
