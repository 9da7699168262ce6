package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"postward/test/rig"
)

// Goals of a postward that has little to do, in percent of a core.
const (
	goalStream = 0.5
	goalRest   = 0.1
)

// idle measures what postward as shipped, both of its processes, costs while nothing is written to the log, and while it grows by 50 lines
// a second, beside `tail -F | grep` on the same file.
func idle(binary string, each time.Duration) (err error) {
	var parts rig.Processes
	defer func() { err = errors.Join(err, parts.Close()) }()
	dir, err := rig.NewDir("idle")
	if err != nil {
		return err
	}
	path, from := filepath.Join(dir, "mail.log"), filepath.Join(dir, "lines")
	if _, err := generate(from, 2*int(each.Seconds()+1)*perSecond); err != nil {
		return err
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		return err
	}
	ward, err := quiet(&parts, binary, path)
	if err != nil {
		return err
	}
	peer := exec.Command("sh", "-c", `tail -F "$0" | grep -E "authentication failed|status=bounced|reject:" >/dev/null`, path)
	if err := peer.Start(); err != nil {
		return err
	}
	parts.Add(func() error { return stopAll(peer.Process.Pid, peer) })
	time.Sleep(settle)
	theirs := append(children(peer.Process.Pid), peer.Process.Pid)
	rest := share(each, ward.Pids(), theirs, func() error { time.Sleep(each); return nil })
	busy := share(each, ward.Pids(), theirs, func() error { return grow(path, from, each) })
	if err := errors.Join(rest.err, busy.err); err != nil {
		return err
	}
	fmt.Printf("postward at rest: %.3f %% of a core (goal %g); tail -F | grep: %.3f\n", rest.ours, goalRest, rest.theirs)
	fmt.Printf("postward at %d lines a second: %.3f %% of a core (goal %g); tail -F | grep: %.3f\n", perSecond, busy.ours, goalStream, busy.theirs)
	fmt.Printf("idle: rest_percent=%.3f stream_percent=%.3f grep_percent=%.3f\n", rest.ours, busy.ours, busy.theirs)
	if rest.ours > goalRest || busy.ours > goalStream {
		return errors.New("missed: an idle daemon is idle")
	}
	return nil
}

const (
	perSecond = 50
	settle    = 10 * time.Second // what a start does is not counted
)

// quiet is a postward whose Postfix does not run.
func quiet(parts *rig.Processes, binary, log string) (*rig.Postward, error) {
	p, err := rig.NewPostfix(rig.PostfixConfig{Sink: "127.0.0.1:1"})
	if err != nil {
		return nil, err
	}
	parts.Add(p.Close)
	w, err := rig.NewPostward(p, rig.PostwardConfig{Binary: binary, Mode: "enforce", Log: log})
	if err != nil {
		return nil, err
	}
	parts.Add(w.Stop)
	return w, w.Start()
}

// guesser is in the lines of those who guess: what they cost is bench-ban's to say.
const guesser = "smtpd[1203]"

// grow writes lines to a log as a syslog daemon does: each by itself, stamped now. They are of mails and of strangers who are refused.
func grow(path, from string, each time.Duration) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	out, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer out.Close()
	tick := time.NewTicker(time.Second / perSecond)
	defer tick.Stop()
	lines := bufio.NewScanner(bytes.NewReader(text))
	for end := time.Now().Add(each); time.Now().Before(end) && lines.Scan(); <-tick.C {
		for strings.Contains(lines.Text(), guesser) && lines.Scan() {
		}
		if _, err := fmt.Fprintf(out, "%s%s\n", time.Now().Format(time.Stamp), lines.Text()[len(time.Stamp):]); err != nil {
			return err
		}
	}
	return lines.Err()
}

// shares are percents of a core.
type shares struct {
	ours, theirs float64
	err          error
}

func share(each time.Duration, ours, theirs []int, do func() error) (s shares) {
	a, b, began := spentBy(ours), spentBy(theirs), time.Now()
	s.err = do()
	took := time.Since(began)
	s.ours, s.theirs = 100*float64(spentBy(ours)-a)/float64(took), 100*float64(spentBy(theirs)-b)/float64(took)
	return s
}

// spentBy is the CPU time of processes, by what the scheduler counts of each thread (proc(5), schedstat), in which one that has ended is
// missing: Go's stay.
func spentBy(pids []int) (total time.Duration) {
	for _, pid := range pids {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		for _, t := range threads {
			text, _ := os.ReadFile(t)
			if f := strings.Fields(string(text)); len(f) > 0 {
				n, _ := strconv.ParseInt(f[0], 10, 64)
				total += time.Duration(n)
			}
		}
	}
	return total
}

// children are the processes that one has started.
func children(pid int) (all []int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, f := range strings.Fields(string(text)) {
		n, _ := strconv.Atoi(f)
		all = append(all, n)
	}
	return all
}

func stopAll(pid int, c *exec.Cmd) error {
	for _, child := range children(pid) {
		if p, err := os.FindProcess(child); err == nil {
			_ = p.Kill()
		}
	}
	_ = c.Process.Kill()
	_ = c.Wait() // it was killed
	return nil
}
