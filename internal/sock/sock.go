// Package sock opens unix sockets for a group and asks the kernel who is at the other end: of a unix socket (SO_PEERCRED),
// and of a TCP connection that stays on this host (sock_diag(7)). It imports nothing of the house.
package sock

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// ErrAnswered says that a process answers at the socket already.
var ErrAnswered = errors.New("another process answers there: stop it first")

// Listen opens a unix socket with mode 0660 and the group of its directory, which this process must belong to. A socket
// that nobody answers is removed first; one that somebody answers is ErrAnswered.
func Listen(path string) (net.Listener, error) {
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		c.Close()
		return nil, fmt.Errorf("open socket %s: %w", path, ErrAnswered)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove stale socket: %w", err)
	}
	old := unix.Umask(0o117)
	l, err := net.Listen("unix", path)
	unix.Umask(old)
	if err != nil {
		return nil, fmt.Errorf("open socket: %w", err)
	}
	if err := groupOfDir(path); err != nil {
		return nil, errors.Join(fmt.Errorf("open socket %s for the group of its directory: %w", path, err), l.Close())
	}
	return l, nil
}

// groupOfDir gives a file to the group of the directory that it lies in.
func groupOfDir(path string) error {
	var dir, file unix.Stat_t
	if err := errors.Join(unix.Stat(filepath.Dir(path), &dir), unix.Lstat(path, &file)); err != nil {
		return err
	}
	if dir.Gid == file.Gid {
		return nil
	}
	return os.Lchown(path, -1, int(dir.Gid))
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
