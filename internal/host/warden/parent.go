package warden

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Child says how the daemon is started.
type Child struct {
	Args     []string // of this same program
	UID, GID uint32
	Groups   []uint32 // supplementary ones: to read the mail log
	Log      *slog.Logger
}

// Patience with the child.
const (
	drain       = 30 * time.Second // between SIGTERM and SIGKILL
	steady      = 30 * time.Second // a child that lived so long is started again at once
	firstPause  = 100 * time.Millisecond
	longPause   = 10 * time.Second
	pruneTrash  = time.Hour
	environPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
)

// Run starts the child and does its acts until ctx ends; then the child drains and ends, and Run returns nil. A
// child that dies is started again: at once, and with pauses of up to 10 s if it keeps dying. again, when it is
// received from, ends the child and starts another one (a new configuration).
func Run(ctx context.Context, c Child, a *Acts, again <-chan os.Signal) error {
	stopPruning := a.pruneHourly(ctx, c.Log)
	defer stopPruning()
	pause := firstPause
	for {
		started := time.Now()
		asked, err := c.once(ctx, a, again)
		if ctx.Err() != nil {
			return nil
		}
		if asked {
			c.Log.Info("the daemon is started again, as asked")
			continue
		}
		if time.Since(started) > steady {
			pause = firstPause
		}
		c.Log.Error("the daemon ended and is started again", "err", err, "in", pause)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, longPause)
	}
}

// once runs one child to its end. asked: it ended because again said so.
func (c *Child) once(ctx context.Context, a *Acts, again <-chan os.Signal) (asked bool, err error) {
	cmd, conn, err := c.start()
	if err != nil {
		return false, err
	}
	c.Log.Info("the daemon runs", "pid", cmd.Process.Pid, "uid", c.UID, "warden", os.Getpid())
	served := make(chan error, 1)
	go func() { served <- a.serve(context.WithoutCancel(ctx), conn) }()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	var kill <-chan time.Time
	stop, speech := ctx.Done(), served
	for {
		select {
		case err = <-ended:
			closing := conn.Close()
			if speech != nil {
				<-speech
			}
			if err == nil && !asked && ctx.Err() == nil {
				err = errors.New("it ended by itself")
			}
			return asked, errors.Join(err, closing)
		case err := <-speech:
			speech = nil
			if err != nil { // no honest child says that
				c.Log.Error("the daemon asked for something that is no act, and is ended", "err", err)
				kill = now()
			}
		case <-again:
			asked = true
			kill = c.end(cmd)
		case <-stop:
			stop = nil
			kill = c.end(cmd)
		case <-kill:
			kill = nil
			if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				c.Log.Error("the daemon cannot be ended", "err", err)
			}
		}
	}
}

// end asks the child to end and returns when patience is over.
func (c *Child) end(cmd *exec.Cmd) <-chan time.Time {
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		c.Log.Error("the daemon cannot be asked to end", "err", err)
	}
	return time.After(drain)
}

func now() <-chan time.Time {
	c := make(chan time.Time, 1)
	c <- time.Now()
	return c
}

// start starts the child with one end of a socketpair as its file descriptor 3.
func (c *Child) start() (*exec.Cmd, net.Conn, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("start the daemon: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "child"), os.NewFile(uintptr(fds[1]), "warden")
	conn, err := net.FileConn(ours) // a copy
	if err := errors.Join(err, ours.Close()); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("start the daemon: %w", err), theirs.Close())
	}
	cmd := exec.Command("/proc/self/exe", c.Args...) // this program, also when its file was replaced meanwhile
	cmd.Args[0] = "postward"
	cmd.Dir = "/"
	cmd.Env = []string{environPath, childEnv + "=1"}
	for _, name := range []string{"GOMEMLIMIT", "GOMAXPROCS", "TZ", "LANG", "LC_ALL"} {
		if v, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{theirs}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: c.UID, Gid: c.GID, Groups: c.Groups},
		Setpgid:    true, // a Ctrl-C at the terminal is for the warden, which asks the child to drain
	}
	err = startConfined(cmd)
	if err := errors.Join(err, theirs.Close()); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("start the daemon: %w", err), conn.Close())
	}
	return cmd, conn, nil
}

// pruneHourly empties the trash of what is old enough, until the returned function is called.
func (a *Acts) pruneHourly(ctx context.Context, log *slog.Logger) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		every := time.NewTicker(pruneTrash)
		defer every.Stop()
		for began, c := time.Now(), (Cutoff{Keep: a.Trash.keepFor()}); ; {
			if n, err := a.Trash.pruneOnce(&c, time.Now(), time.Since(began)); err != nil {
				log.Error("trash not emptied", "err", err)
			} else if n > 0 {
				log.Info("trash emptied", "mails", n)
			}
			select {
			case <-ctx.Done():
				return
			case <-every.C:
			}
		}
	}()
	return func() { cancel(); <-done }
}

// pruneOnce removes what the clock and the time that went by since the start allow.
func (t Trash) pruneOnce(c *Cutoff, wall time.Time, elapsed time.Duration) (n int, err error) {
	if c.Until.IsZero() {
		if c.Until, err = t.cutoff(); err != nil {
			return 0, fmt.Errorf("empty the trash: %w", err)
		}
	}
	if !c.Move(wall, elapsed) {
		return 0, nil
	}
	return t.Prune(c.Until)
}

// startConfined starts a process that can never gain rights by running a program (prctl(2), PR_SET_NO_NEW_PRIVS).
// It inherits that from the thread that forks it. The thread cannot take it back, so it is given up: a goroutine
// that ends while it is locked ends its thread.
func startConfined(cmd *exec.Cmd) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
			started <- fmt.Errorf("give up new privileges: %w", err)
			return
		}
		started <- cmd.Start()
	}()
	return <-started
}
