package warden

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// nobody stands for a hijacked daemon, or a hijacked Postfix; daemonUser for the daemon that a directory is prepared for.
const (
	nobody     = 65534
	daemonUser = 12345
)

func asRoot(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can be led astray")
	}
	return t.TempDir()
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func owner(t *testing.T, path string) int {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Lstat(path, &st))
	return int(st.Uid)
}

// TestADirectoryOfAnothersIsNotTaken: a socket path in Postfix's private/ gave that directory to the daemon, one in /run all
// of /run.
func TestADirectoryOfAnothersIsNotTaken(t *testing.T) {
	base := asRoot(t)
	at := func(name string) string { return filepath.Join(base, name) }
	for _, name := range []string{"private", "full", "full/of", "own", "empty", "real", "open", "sticky", "theirs"} {
		must(t, os.Mkdir(at(name), 0o755))
	}
	must(t, os.Chown(at("private"), nobody, nobody), os.Chown(at("own"), daemonUser, daemonUser), os.Chown(at("theirs"), nobody, nobody),
		os.WriteFile(at("own/store"), nil, 0o600), os.Chmod(at("open"), 0o777), os.Chmod(at("sticky"), 0o777|os.ModeSticky),
		os.Symlink("real", at("roots-link")), os.Symlink("full", at("link")), os.Symlink(at("full"), at("their-link")),
		os.Lchown(at("their-link"), nobody, nobody), os.Symlink("loop", at("loop")), os.WriteFile(at("file"), nil, 0o644))
	for path, taken := range map[string]bool{
		"new": true, "empty": true, "own": true, "real/new": true, "roots-link/below": true, "sticky/new": true,
		"private": false, "full": false, "link": false, "file": false, "theirs/new": false, "open/new": false,
		"their-link/new": false, "loop/new": false, "file/new": false, "absent/new": false,
	} {
		before := -1
		if _, err := os.Lstat(at(path)); err == nil {
			before = owner(t, at(path))
		}
		err := PrepareDir(at(path), daemonUser, daemonUser, 0o750)
		if (err == nil) != taken {
			t.Errorf("%s: %v", path, err)
		}
		switch _, gone := os.Lstat(at(path)); {
		case taken && owner(t, at(path)) != daemonUser:
			t.Errorf("%s was not given to the daemon", path)
		case !taken && gone == nil && (before < 0 || owner(t, at(path)) != before):
			t.Errorf("%s was made, or belongs to %d now", path, owner(t, at(path)))
		}
	}
	err := PrepareDir(at("private"), daemonUser, daemonUser, 0o750)
	if err == nil || !strings.Contains(err.Error(), "belongs to user 65534") || !strings.Contains(err.Error(), "name a directory of postward's own") {
		t.Errorf("it does not say why and what to do: %v", err)
	}
}

// soon fails when something waits.
func soon(t *testing.T, what string, do func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- do() }()
	select {
	case err := <-done:
		return err
	case <-time.After(5 * time.Second):
		t.Fatalf("%s: root waits", what)
		return nil
	}
}

// TestTheParentIsNotLedAstrayInTheHoldQueue: which belongs to the user postfix.
func TestTheParentIsNotLedAstrayInTheHoldQueue(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "shadow")
	must(t, os.WriteFile(secret, []byte("root's"), 0o600))
	for name, put := range map[string]func(hold string) error{
		"a pipe":                        func(hold string) error { return unix.Mkfifo(hold+"/A1B2C3D4", 0o700) },
		"a pipe for a hashed directory": func(hold string) error { return unix.Mkfifo(hold+"/A", 0o700) },
		"a link":                        func(hold string) error { return os.Symlink(secret, hold+"/A1B2C3D4") },
		"a directory":                   func(hold string) error { return os.Mkdir(hold+"/A1B2C3D4", 0o700) },
		"a link for a hashed directory": func(hold string) error {
			return errors.Join(os.Rename(secret, filepath.Dir(secret)+"/A1B2C3D4"), os.Symlink(filepath.Dir(secret), hold+"/A"))
		},
		"a socket": func(hold string) error {
			l, err := net.ListenUnix("unix", &net.UnixAddr{Name: hold + "/A1B2C3D4"})
			if err == nil {
				l.SetUnlinkOnClose(false)
				err = l.Close()
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			queue, err := os.MkdirTemp("", "pw") // short enough for a socket
			must(t, err)
			t.Cleanup(func() { os.RemoveAll(queue) })
			must(t, os.Mkdir(queue+"/hold", 0o700), put(queue+"/hold"))
			trash := Trash{Dir: filepath.Join(t.TempDir(), "trash")}
			if err := soon(t, name, func() error { return trash.keep(queue, "A1B2C3D4") }); err == nil {
				t.Error("it was kept as a mail")
			}
			if left, err := os.ReadDir(trash.Dir); err != nil || len(left) > 0 {
				t.Errorf("in the trash: %v %v", left, err)
			}
		})
	}
}

// TestATrashThatTheDaemonCouldSwapIsRefused: below its own directory it could put a link in the trash's place.
func TestATrashThatTheDaemonCouldSwapIsRefused(t *testing.T) {
	base := asRoot(t)
	state, victim := filepath.Join(base, "state"), filepath.Join(base, "victim")
	must(t, os.Mkdir(state, 0o750), os.Mkdir(victim, 0o700), os.Chown(state, nobody, nobody), os.Mkdir(base+"/queue", 0o700),
		os.Mkdir(base+"/queue/hold", 0o700), os.WriteFile(base+"/queue/hold/A1B2C3D4", []byte("mail"), 0o700),
		os.WriteFile(victim+"/A1B2C3D4-1", nil, 0o600), os.Symlink(victim, state+"/trash"))
	trash := Trash{Dir: state + "/trash"}
	if err := trash.keep(base+"/queue", "A1B2C3D4"); err == nil {
		t.Error("a copy was kept there")
	}
	if n, err := trash.Prune(time.Now().Add(100 * 24 * time.Hour)); n != 0 || err == nil {
		t.Errorf("%d files of another directory removed, %v", n, err)
	}
	if left, err := os.ReadDir(victim); err != nil || len(left) != 1 {
		t.Errorf("%v %v", left, err)
	}
}

// TestOnlyASocketOfTheDaemonsIsGivenToItsGroup: share is asked for by the daemon, in a directory of its own.
func TestOnlyASocketOfTheDaemonsIsGivenToItsGroup(t *testing.T) {
	asRoot(t)
	base, err := os.MkdirTemp("", "pw")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(base) })
	dir, victim := base+"/postward", base+"/victim"
	must(t, os.Mkdir(dir, 0o750), os.WriteFile(victim, nil, 0o600), os.Chown(dir, daemonUser, 777))
	socket := func(path string, uid int) {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
		must(t, err, os.Chown(path, uid, uid))
		t.Cleanup(func() { l.Close() })
	}
	socket(dir+"/own.sock", daemonUser)
	socket(dir+"/roots.sock", 0)
	must(t, os.Symlink(victim, dir+"/link.sock"), os.Link(victim, dir+"/hard.sock"), os.WriteFile(dir+"/file.sock", nil, 0o600), os.Chown(dir+"/file.sock", daemonUser, daemonUser))
	for name, given := range map[string]bool{"own": true, "roots": false, "link": false, "hard": false, "file": false, "absent": false} {
		err := (&Acts{Sockets: []string{dir + "/" + name + ".sock"}}).share()
		if (err == nil) != given {
			t.Errorf("%s: %v", name, err)
		}
	}
	var own, of unix.Stat_t
	must(t, unix.Stat(dir+"/own.sock", &own), unix.Stat(victim, &of))
	if own.Gid != 777 || own.Uid != daemonUser || of.Gid != 0 || of.Uid != 0 {
		t.Errorf("the socket is of %d:%d, root's file of %d:%d", own.Uid, own.Gid, of.Uid, of.Gid)
	}
}
