package rig

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Journald is systemd's journal daemon, the room's own: it listens at /dev/log of the room, and journalctl in the room
// reads what it wrote. There is one in a room.
type Journald struct {
	Dir string // its journal files are below it

	process *Process
}

const (
	journaldBinary = "/lib/systemd/systemd-journald"
	devLog         = "/run/systemd/journal/dev-log"
)

// devices are what daemons need of /dev.
var devices = []string{"null", "zero", "full", "random", "urandom", "tty", "pts", "shm"}

// StartJournald starts it, with further lines of journald.conf's section [Journal].
func StartJournald(settings string) (*Journald, error) {
	dir, err := NewDir("journald")
	if err != nil {
		return nil, err
	}
	j := &Journald{Dir: filepath.Join(dir, "log")}
	if err := ownDev(filepath.Join(dir, "dev")); err != nil {
		return nil, err
	}
	// As systemd-tmpfiles makes it: its group may read what is made in it.
	if err := errors.Join(os.MkdirAll(j.Dir, 0o755), run("chgrp", "systemd-journal", j.Dir), run("chmod", "2755", j.Dir)); err != nil {
		return nil, err
	}
	conf := filepath.Join(dir, "journald.conf")
	text := "[Journal]\nStorage=persistent\nForwardToSyslog=no\nForwardToWall=no\nReadKMsg=no\nAudit=no\n" + settings
	if err := cover("/etc/systemd/journald.conf", conf, text); err != nil {
		return nil, err
	}
	for path, own := range map[string]string{"/run/systemd": filepath.Join(dir, "run"), "/var/log/journal": j.Dir} {
		err := errors.Join(os.MkdirAll(path, 0o755), os.MkdirAll(own, 0o755))
		if err == nil {
			err = unix.Mount(own, path, "", unix.MS_BIND, "")
		}
		if err != nil {
			return nil, fmt.Errorf("cover %s: %w", path, err)
		}
	}
	// It writes to /var/log/journal only when somebody said that /var is there.
	if err := errors.Join(os.MkdirAll(filepath.Dir(devLog), 0o755), os.WriteFile("/run/systemd/journal/flushed", nil, 0o644)); err != nil {
		return nil, err
	}
	return j, j.Start()
}

// ownDev covers /dev: the machine's /dev/log is not ours.
func ownDev(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount a /dev: %w", err)
	}
	for _, name := range devices {
		own, of := filepath.Join(dir, name), filepath.Join("/dev", name)
		info, err := os.Stat(of)
		if err != nil {
			continue // this machine has none
		}
		if info.IsDir() {
			err = os.Mkdir(own, 0o755)
		} else {
			err = os.WriteFile(own, nil, 0o666)
		}
		if err == nil {
			err = unix.Mount(of, own, "", unix.MS_BIND, "")
		}
		if err != nil {
			return fmt.Errorf("mount %s: %w", own, err)
		}
	}
	for name, of := range map[string]string{"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2", "log": devLog} {
		if err := os.Symlink(of, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	if err := unix.Mount(dir, "/dev", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("cover /dev: %w", err)
	}
	return nil
}

// Start starts it, at first or again.
func (j *Journald) Start() error {
	p, err := StartProcess(filepath.Join(filepath.Dir(j.Dir), "journald.log"), nil, journaldBinary)
	if err != nil {
		return err
	}
	j.process = p
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return Wait(ctx, "journald", func() error {
		conn, err := net.Dial("unixgram", "/dev/log")
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// Stop stops it; its files stay.
func (j *Journald) Stop() error { return j.process.Stop() }

// Syslog is a connection to /dev/log. Each write is a message, like "<22>postfix/qmgr[7]: text". It waits while
// journald has no room for more.
func (j *Journald) Syslog() (net.Conn, error) { return net.Dial("unixgram", "/dev/log") }

// Native is a connection for journald's own protocol: each write is an entry, a field a line.
func (j *Journald) Native() (net.Conn, error) {
	return net.Dial("unixgram", "/run/systemd/journal/socket")
}

// Ctl runs journalctl, which rotates and vacuums.
func (j *Journald) Ctl(ctx context.Context, args ...string) error {
	if out, err := exec.CommandContext(ctx, "journalctl", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("journalctl %v: %w: %s", args, err, out)
	}
	return nil
}
