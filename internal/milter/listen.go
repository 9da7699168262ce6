package milter

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Listen opens a milter socket: "unix:/path" with mode 0660 and group gid (-1: as it comes), or "inet:host:port".
// A unix socket that nobody answers is removed first; one that somebody answers is an error.
func Listen(address string, gid int) (net.Listener, error) {
	if tcp, ok := strings.CutPrefix(address, "inet:"); ok {
		l, err := net.Listen("tcp", tcp) // the net package sets TCP_NODELAY on what it accepts
		if err != nil {
			return nil, fmt.Errorf("open milter socket: %w", err)
		}
		return l, nil
	}
	path, ok := strings.CutPrefix(address, "unix:")
	if !ok || path == "" {
		return nil, fmt.Errorf("open milter socket: %q is neither unix:/path nor inet:host:port", address)
	}
	if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
		c.Close()
		return nil, fmt.Errorf("open milter socket: another process answers at %s: stop it first", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("remove stale milter socket: %w", err)
	}
	old := unix.Umask(0o117)
	l, err := net.Listen("unix", path)
	unix.Umask(old)
	if err != nil {
		return nil, fmt.Errorf("open milter socket: %w", err)
	}
	if gid >= 0 {
		if err := os.Chown(path, -1, gid); err != nil {
			l.Close()
			return nil, fmt.Errorf("give milter socket its group: %w", err)
		}
	}
	return l, nil
}

// peer returns the user id of the process that opened the connection.
func peer(c *net.UnixConn) (uint32, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("ask for the peer of a milter session: %w", err)
	}
	var cred *unix.Ucred
	var failed error
	if err := raw.Control(func(fd uintptr) { cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return 0, fmt.Errorf("ask for the peer of a milter session: %w", err)
	}
	if failed != nil {
		return 0, fmt.Errorf("ask for the peer of a milter session: %w", failed)
	}
	return cred.Uid, nil
}
