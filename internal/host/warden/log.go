package warden

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"postward/internal/log/oldlog"
)

// Log opens the mail log, or a file that was rotated away from it: Postfix's own log is root's alone from 3.9 on
// (maillog_file_permissions). path is as in the configuration, or beside it. What the parent does not open is
// fs.ErrPermission.
func (c *Client) Log(ctx context.Context, path string) (*os.File, error) {
	a, err := c.do(ctx, &request{Act: actLog, Name: filepath.Base(path)})
	if err != nil {
		return nil, err
	}
	switch {
	case a.file != nil: // this process's own
		return a.file, nil
	case a.fd == 0:
		return nil, fmt.Errorf("open %s: the parent sent no descriptor: %w", path, fs.ErrPermission)
	}
	return os.NewFile(uintptr(a.fd), path), nil
}

// openLog opens a regular file for reading, in a directory that only root can change: in another's a link could lead to
// whatever root reads.
func (a *Acts) openLog(name string) (*os.File, error) {
	if _, _, ok := oldlog.Rotated(filepath.Base(a.Log), name); !ok || !filepath.IsAbs(a.Log) {
		return nil, fmt.Errorf("open %.80q: it is no file of the mail log %s: %w", name, a.Log, fs.ErrPermission)
	}
	dir, err := openTrusted(filepath.Dir(a.Log))
	if err != nil {
		return nil, fmt.Errorf("open %s beside %s as root: %v: %w", name, a.Log, err, fs.ErrPermission)
	}
	defer dir.Close()
	f, err := openAt(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_NOCTTY)
	switch {
	case errors.Is(err, unix.ELOOP):
		return nil, fmt.Errorf("open %s beside %s as root: it is a symbolic link, name the file itself in postfix.log_file: %w", name, a.Log, fs.ErrPermission)
	case err != nil:
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("open %s beside %s as root: it is no regular file: %w", name, a.Log, fs.ErrPermission)
	}
	return f, nil
}

// writeAnswer writes an answer, with the descriptor that belongs to it.
func writeAnswer(conn io.Writer, a *answer) error {
	if a.file == nil {
		return writeFrame(conn, a, maxAnswer)
	}
	defer a.file.Close()
	return writeFrame(lender{conn, a.file}, a, maxAnswer)
}

// lender hands a descriptor over with what is written.
type lender struct {
	conn io.Writer
	file *os.File
}

func (l lender) Write(b []byte) (int, error) {
	conn, ok := l.conn.(*net.UnixConn)
	if !ok {
		return 0, fmt.Errorf("hand over %s: not over a unix socket", l.file.Name())
	}
	n, _, err := conn.WriteMsgUnix(b, unix.UnixRights(int(l.file.Fd())), nil)
	return n, err
}

// borrower reads a connection, and keeps the last descriptor that came with it.
type borrower struct {
	conn net.Conn
	fd   int // 0: none
}

func (b *borrower) Read(into []byte) (int, error) {
	conn, ok := b.conn.(*net.UnixConn)
	if !ok {
		return b.conn.Read(into)
	}
	rights := make([]byte, unix.CmsgSpace(4)) // one descriptor
	n, m, _, _, err := conn.ReadMsgUnix(into, rights)
	if m > 0 {
		b.keep(rights[:m])
	}
	return n, err
}

// keep takes what the parent sends: one descriptor an answer.
func (b *borrower) keep(rights []byte) {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil || len(messages) != 1 {
		return
	}
	if fds, err := unix.ParseUnixRights(&messages[0]); err == nil && len(fds) == 1 {
		b.fd = fds[0]
	}
}

// take gives the descriptor away.
func (b *borrower) take() int {
	fd := b.fd
	b.fd = 0
	return fd
}
