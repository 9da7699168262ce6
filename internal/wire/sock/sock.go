// Package sock opens sockets for others of this host and asks the kernel who is at the other end: of a unix socket
// (SO_PEERCRED), and of a TCP connection that stays on this host (sock_diag(7)). It ends connections of other processes
// (Destroy). It imports nothing of the house.
package sock

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ErrAnswered says that a process answers at the socket already.
var ErrAnswered = errors.New("another process answers there: stop it first")

// Listen opens a unix socket with mode 0660 and this process's group. A socket that nobody answers is removed first; one
// that somebody answers is ErrAnswered; anything else at the path is left, and an error.
func Listen(path string) (net.Listener, error) {
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		c.Close()
		return nil, fmt.Errorf("open socket %s: %w", path, ErrAnswered)
	}
	if err := removeStale(path); err != nil {
		return nil, fmt.Errorf("remove stale socket: %w", err)
	}
	old := unix.Umask(0o117)
	l, err := net.Listen("unix", path)
	unix.Umask(old)
	if err != nil {
		return nil, fmt.Errorf("open socket: %w", err)
	}
	return l, nil
}

// removeStale removes a socket. Whoever wrote a file's name for it keeps his file.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&fs.ModeSocket == 0:
		return fmt.Errorf("%s is no socket: name another path, or move it away", path)
	}
	return os.Remove(path)
}

// Peer returns the user of the process that opened a connection (unix(7), SO_PEERCRED).
func Peer(c net.Conn) (uid uint32, err error) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return 0, fmt.Errorf("ask who is there: %T is no unix socket", c)
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("ask who is there: %w", err)
	}
	var cred *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) { cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err := errors.Join(err, failed); err != nil {
		return 0, fmt.Errorf("ask who is there: %w", err)
	}
	return cred.Uid, nil
}
