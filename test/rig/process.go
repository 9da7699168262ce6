package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a daemon started in the foreground, in a session of its own.
type Process struct {
	Name string
	Pid  int
	Log  string // the file that holds its stdout and stderr

	cmd   *exec.Cmd
	ended chan struct{}
	err   error // of Wait; read after ended is closed
}

// StartProcess starts a program in the foreground; stdout and stderr are appended to the file log. env is added to
// this process's environment.
func StartProcess(log string, env []string, name string, args ...string) (*Process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer out.Close()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &Process{Name: filepath.Base(name), Pid: cmd.Process.Pid, Log: log, cmd: cmd, ended: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// Pids are those of its session: its own, and those of what it started.
func (p *Process) Pids() []int { return PidsOf(func(r Running) bool { return r.Session == p.Pid }) }

// Ended is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Signal sends a signal, to this process only.
func (p *Process) Signal(s syscall.Signal) error { return p.cmd.Process.Signal(s) }

// Kill ends it with SIGKILL and waits. What it had started in its session is killed too.
func (p *Process) Kill() error {
	return errors.Join(killSession(p.Pid), p.wait(10*time.Second))
}

// Stop ends it with SIGTERM and waits up to 10 s. A process that has to be killed, or that leaves others behind in
// its session, is an error.
func (p *Process) Stop() error {
	select {
	case <-p.ended:
	default:
		if err := p.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("stop %s: %w", p.Name, err)
		}
	}
	if err := p.wait(10 * time.Second); err != nil {
		return errors.Join(err, killSession(p.Pid))
	}
	return sessionEnds(p.Name, p.Pid, 2*time.Second)
}

// ExitCode is -1 while the process runs, and when a signal ended it.
func (p *Process) ExitCode() int {
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	default:
		return -1
	}
}

func (p *Process) wait(limit time.Duration) error {
	select {
	case <-p.ended:
		return nil
	case <-time.After(limit):
		return fmt.Errorf("stop %s: still there after %s", p.Name, limit)
	}
}

// Processes is what a test or a program has started, in order. The zero value is ready.
type Processes struct {
	mu    sync.Mutex
	stops []func() error
}

// Add remembers how something is stopped.
func (ps *Processes) Add(stop func() error) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.stops = append(ps.stops, stop)
}

// Start is StartProcess, remembered.
func (ps *Processes) Start(log string, env []string, name string, args ...string) (*Process, error) {
	p, err := StartProcess(log, env, name, args...)
	if err == nil {
		ps.Add(p.Stop)
	}
	return p, err
}

// Close stops everything, the newest first, and tells every failure. A second Close does nothing.
func (ps *Processes) Close() error {
	ps.mu.Lock()
	stops := ps.stops
	ps.stops = nil
	ps.mu.Unlock()
	var errs []error
	for i := len(stops) - 1; i >= 0; i-- {
		errs = append(errs, stops[i]())
	}
	return errors.Join(errs...)
}

// Wait polls until the fact is there, every 10 ms, and says what was waited for when ctx ends first. The fact's
// last error is part of it.
func Wait(ctx context.Context, what string, fact func() error) error {
	for {
		err := fact()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Running is one process as /proc shows it.
type Running struct {
	Pid, Parent, Session int
	State                byte // R, S, D, Z …
	Command              string
}

func (r Running) String() string { return fmt.Sprintf("%d (parent %d) %s", r.Pid, r.Parent, r.Command) }

// Leftovers lists the living processes of the room other than process 1 and this one, after waiting up to patience
// for none. Outside of a room it lists nothing.
func Leftovers(patience time.Duration) []Running {
	if Dir() == "" {
		return nil
	}
	var left []Running
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = Wait(ctx, "the room to be empty", func() error {
		left = running(func(r Running) bool { return r.Pid != 1 && r.Pid != os.Getpid() })
		if len(left) > 0 {
			return errors.New("somebody is left")
		}
		return nil
	})
	return left
}

// PidsOf are the living processes of the room that are wanted.
func PidsOf(want func(Running) bool) []int {
	var pids []int
	for _, r := range running(want) {
		pids = append(pids, r.Pid)
	}
	return pids
}

// running lists living processes; zombies are not, whoever should have reaped them.
func running(want func(Running) bool) []Running {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	var all []Running
	for _, path := range stats {
		r, ok := readStat(path)
		if ok && r.State != 'Z' && r.State != 'X' && want(r) {
			all = append(all, r)
		}
	}
	return all
}

// readStat reads proc(5) stat: pid (comm) state ppid pgrp session …; comm may hold blanks and parentheses.
func readStat(path string) (Running, bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Running{}, false
	}
	head, tail, ok := strings.Cut(string(text), " (")
	end := strings.LastIndexByte(tail, ')')
	if !ok || end < 0 {
		return Running{}, false
	}
	fields := strings.Fields(tail[end+1:])
	if len(fields) < 4 {
		return Running{}, false
	}
	pid, _ := strconv.Atoi(head)
	parent, _ := strconv.Atoi(fields[1])
	session, _ := strconv.Atoi(fields[3])
	line, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
	command := strings.TrimSpace(strings.ReplaceAll(string(line), "\x00", " "))
	if command == "" {
		command = tail[:end]
	}
	return Running{Pid: pid, Parent: parent, Session: session, State: fields[0][0], Command: command}, true
}

// sessionEnds waits until nobody of the session lives; whoever does is named, killed, and an error.
func sessionEnds(name string, session int, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := Wait(ctx, "the end of "+name, func() error {
		left := inSession(session)
		if len(left) > 0 {
			return fmt.Errorf("processes are left: %v", left)
		}
		return nil
	})
	if err != nil {
		return errors.Join(err, killSession(session))
	}
	return nil
}

func inSession(session int) []Running {
	return running(func(r Running) bool { return r.Session == session && r.Pid != os.Getpid() })
}

// killSession kills every process of a session by its pid, and again those that were forked meanwhile.
func killSession(session int) error {
	if session <= 1 {
		return fmt.Errorf("kill session %d: not ours", session)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return Wait(ctx, "the end of session "+strconv.Itoa(session), func() error {
		left := inSession(session)
		for _, r := range left {
			// Gone already is as good.
			_ = syscall.Kill(r.Pid, syscall.SIGKILL)
		}
		if len(left) > 0 {
			return fmt.Errorf("processes are left: %v", left)
		}
		return nil
	})
}
