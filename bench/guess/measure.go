package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"time"

	"postward/test/rig"
)

// cost is what a program took for a log.
type cost struct {
	took, cpu time.Duration
	pss       float64 // MiB, the highest that was seen
}

// measured runs a program and keeps what it prints. Its memory is looked at 50 times a second.
func measured(cmd *exec.Cmd) ([]byte, cost, error) {
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, cost{}, err
	}
	ended, highest := make(chan struct{}), make(chan float64)
	go func() { highest <- watch(cmd.Process.Pid, ended) }()
	err := cmd.Wait()
	close(ended)
	c := cost{time.Since(began), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), <-highest}
	if err != nil {
		return nil, c, fmt.Errorf("%w: %s", err, complaint.Bytes())
	}
	return out.Bytes(), c, nil
}

func watch(pid int, ended <-chan struct{}) (highest float64) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return highest
		case <-tick.C:
			if pss, err := rig.PSS([]int{pid}); err == nil { // else it has ended
				highest = max(highest, pss)
			}
		}
	}
}

func (c cost) perSecond(lines int) float64  { return float64(lines) / c.took.Seconds() }
func (c cost) perMillion(lines int) float64 { return c.cpu.Seconds() / float64(lines) * 1e6 }
