package warden

import (
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// overSocket is a client of acts as a child has it: over a socketpair.
func overSocket(t *testing.T, a *Acts) *Client {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	var ends [2]net.Conn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "end")
		ends[i], err = net.FileConn(f)
		must(t, err, f.Close())
	}
	served := make(chan error, 1)
	go func() { served <- a.serve(t.Context(), ends[0]) }()
	c := connect(ends[1])
	t.Cleanup(func() { must(t, ends[1].Close(), <-served, ends[0].Close()) })
	return c
}

// TestTheDaemonIsHandedTheLogAndNothingElse: Postfix's own log is root's alone from 3.9 on.
func TestTheDaemonIsHandedTheLogAndNothingElse(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"mail.log", "mail.log.1", "mail.log-20261130.gz", "mail.log.20261130-101112", "secret", "mail.logs", "mail.log.key", "mail.log.bak"} {
		must(t, os.WriteFile(at(name), []byte("of "+name), 0o600))
	}
	must(t, os.Symlink("secret", at("mail.log.2")), unix.Mkfifo(at("mail.log.3"), 0o600), os.Mkdir(at("mail.log.4"), 0o700))
	c := overSocket(t, &Acts{Log: at("mail.log")})
	for name, want := range map[string]error{
		"mail.log": nil, "mail.log.1": nil, "mail.log-20261130.gz": nil, "mail.log.20261130-101112": nil, "mail.log.9": fs.ErrNotExist,
		"secret": fs.ErrPermission, "mail.logs": fs.ErrPermission, "mail.log.key": fs.ErrPermission, "mail.log.bak": fs.ErrPermission, "": fs.ErrPermission,
		"..": fs.ErrPermission, "mail.log.2": fs.ErrPermission, "mail.log.3": fs.ErrPermission, "mail.log.4": fs.ErrPermission,
	} {
		f, err := c.Log(t.Context(), at(name))
		if want != nil {
			if f != nil || !errors.Is(err, want) {
				t.Errorf("%q: %v, want %v", name, err, want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		text, err := io.ReadAll(f)
		if string(text) != "of "+name || f.Name() != at(name) {
			t.Errorf("%s: %q of %s, %v", name, text, f.Name(), err)
		}
		if _, err := f.Write([]byte("x")); err == nil {
			t.Errorf("%s can be written", name)
		}
		must(t, f.Close())
	}
	for _, name := range []string{"../secret", "mail.log/../secret", "mail.log.1/../../x", "/etc/shadow"} {
		if a, err := c.do(t.Context(), &request{Act: actLog, Name: name}); !errors.Is(err, fs.ErrPermission) || a.fd != 0 {
			t.Errorf("%q: %+v %v", name, a, err)
		}
	}
}

// TestALogWhereOthersWriteIsNotHandedOver: a link in its place would lead root to what it links to.
func TestALogWhereOthersWriteIsNotHandedOver(t *testing.T) {
	base := asRoot(t)
	theirs, open := filepath.Join(base, "theirs"), filepath.Join(base, "open")
	must(t, os.Mkdir(theirs, 0o755), os.Mkdir(open, 0o755), os.Chmod(open, 0o777))
	for _, dir := range []string{theirs, open} {
		must(t, os.WriteFile(filepath.Join(dir, "mail.log"), nil, 0o600))
	}
	must(t, os.Chown(theirs, nobody, nobody))
	for _, log := range []string{theirs + "/mail.log", open + "/mail.log", "journal", ""} {
		if f, err := overSocket(t, &Acts{Log: log}).Log(t.Context(), log); f != nil || !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%q: %v", log, err)
		}
	}
}
