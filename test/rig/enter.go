package rig

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Where this process stands: not set outside, then "init" (process 1 of the room), then "room".
const (
	stageVar = "POSTWARD_RIG_STAGE"
	dirVar   = "POSTWARD_RIG_DIR"
	keepVar  = "POSTWARD_RIG_KEEP" // set: the room's directory stays for reading after a failure
)

// Room says what a program runs in: namespaces of its own for mounts and processes, and for the network unless Open.
type Room struct {
	// Open leaves the network as it is, so that a person in another terminal reaches the daemons on loopback.
	Open bool
	// Addresses are added to the loopback interface, like "198.51.100.25/32": a connection to such an address
	// also comes from it, and so from outside of mynetworks. Not in an open room.
	Addresses []string
	// Needs are programs that must be installed, like "postfix".
	Needs []string
	// Hosts are further lines of /etc/hosts, like "203.0.113.7 shop.example.net".
	Hosts []string
}

// Outside is the address that a test connects to when it wants to be somebody from outside.
const Outside = "198.51.100.25"

// Lacking says what this machine lacks to be a room: root, or programs. Tests skip with it, and fail with it in CI.
type Lacking struct{ What string }

func (l *Lacking) Error() string {
	return "this machine lacks " + l.What + " (test/setup.sh installs it)"
}

// Enter runs the program again inside of the room. Inside, it returns true, and the program goes on; Dir is its
// directory. Outside, it returns false when the program inside has ended, with its exit code. The error is a
// *Lacking when the machine cannot be a room, and 2 the code of every error.
func Enter(room Room) (inside bool, code int, err error) {
	widenPath()
	switch os.Getenv(stageVar) {
	case "room":
		return true, 0, nil
	case "init":
		code, err = beFirst(room)
	default:
		if err = room.possible(); err == nil {
			code, err = runInside(room)
		}
	}
	if err != nil {
		return false, 2, err
	}
	return false, code, nil
}

// Outermost reports whether this process stands before a room: Enter will run the program again.
func Outermost() bool { return os.Getenv(stageVar) == "" }

// Dir is the room's own directory: gone when the room is left. Not world-writable above, traversable for daemons.
// Empty outside of a room.
func Dir() string {
	if os.Getenv(stageVar) != "room" {
		return ""
	}
	return os.Getenv(dirVar)
}

// NewDir makes a directory in the room's own, traversable for daemons.
func NewDir(name string) (string, error) {
	base := Dir()
	if base == "" {
		return "", fmt.Errorf("make directory %s: not in a room, call rig.Enter first", name)
	}
	dir, err := os.MkdirTemp(base, name+"-")
	if err != nil {
		return "", fmt.Errorf("make directory %s: %w", name, err)
	}
	return dir, os.Chmod(dir, 0o755)
}

// widenPath: Postfix lives in sbin, which an ordinary PATH does not have.
func widenPath() {
	path := os.Getenv("PATH")
	for _, dir := range []string{"/usr/local/sbin", "/usr/sbin", "/sbin"} {
		if !strings.Contains(":"+path+":", ":"+dir+":") {
			path += ":" + dir
		}
	}
	os.Setenv("PATH", path)
}

func (room Room) possible() error {
	if os.Geteuid() != 0 {
		return &Lacking{"root (private namespaces for real daemons)"}
	}
	var missing []string
	needs := room.Needs
	if !room.Open {
		needs = append([]string{"ip"}, needs...)
	}
	for _, program := range needs {
		if _, err := exec.LookPath(program); err != nil {
			missing = append(missing, program)
		}
	}
	if len(missing) > 0 {
		return &Lacking{"the programs " + strings.Join(missing, ", ")}
	}
	return nil
}

// runInside starts process 1 of the room, waits for its end and takes the room's directory away.
func runInside(room Room) (code int, err error) {
	dir, err := os.MkdirTemp("/var/lib", "postward-rig-")
	if err != nil {
		return 2, fmt.Errorf("make the room's directory: %w", err)
	}
	defer func() {
		if os.Getenv(keepVar) != "" {
			fmt.Fprintln(os.Stderr, "rig: kept", dir)
			return
		}
		if gone := os.RemoveAll(dir); gone != nil && err == nil {
			code, err = 2, fmt.Errorf("remove the room's directory: %w", gone)
		}
	}()
	if err := os.Chmod(dir, 0o755); err != nil {
		return 2, fmt.Errorf("open the room's directory: %w", err)
	}
	flags := uintptr(unix.CLONE_NEWNS | unix.CLONE_NEWPID)
	if !room.Open {
		flags |= unix.CLONE_NEWNET
	}
	return again("init", dir, flags)
}

// again runs this program once more, with the same arguments, one stage further. What would end this process is handed on,
// and it waits. An interrupt from the terminal reaches the other by itself too: whoever catches it there does so twice.
func again(stage, dir string, flags uintptr) (int, error) {
	// The parent-death signal is tied to the thread that starts the child.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), stageVar+"="+stage, dirVar+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags, Pdeathsig: syscall.SIGKILL}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, Endings()...)
	defer signal.Stop(signals)
	if err := cmd.Start(); err != nil {
		return 2, fmt.Errorf("start the room (%s): %w", stage, err)
	}
	ended := make(chan struct{})
	handed := make(chan struct{})
	go func() {
		defer close(handed)
		handOn(cmd.Process.Pid, signals, ended)
	}()
	code, err := waitFor(cmd.Process.Pid)
	close(ended)
	<-handed
	return code, err
}

// Endings are the signals by which somebody ends a program. Under nohup(1) a hang-up is none.
func Endings() []os.Signal {
	if signal.Ignored(syscall.SIGHUP) {
		return []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	}
	return []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP}
}

func handOn(pid int, signals <-chan os.Signal, ended <-chan struct{}) {
	for {
		select {
		case s := <-signals:
			if s, ok := s.(syscall.Signal); ok {
				// Gone already is as good.
				_ = syscall.Kill(pid, s)
			}
		case <-ended:
			return
		}
	}
}

// waitFor reaps every child until pid has ended: process 1 of a room inherits the orphans of all daemons.
func waitFor(pid int) (int, error) {
	for {
		var status syscall.WaitStatus
		got, err := syscall.Wait4(-1, &status, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 2, fmt.Errorf("wait for the room: %w", err)
		case got == pid && status.Signaled():
			return 128 + int(status.Signal()), nil
		case got == pid && status.Exited():
			return status.ExitStatus(), nil
		}
	}
}

// beFirst is process 1 of the room: it furnishes it, runs the program in it, and reaps.
func beFirst(room Room) (int, error) {
	dir := os.Getenv(dirVar)
	if os.Getpid() != 1 || filepath.Dir(dir) != "/var/lib" {
		return 2, fmt.Errorf("enter the room: %s is set by hand", stageVar)
	}
	if err := furnish(room, dir); err != nil {
		return 2, fmt.Errorf("furnish the room: %w", err)
	}
	return again("room", dir, 0)
}
