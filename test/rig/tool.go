package rig

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Tool is a program of the system that a test can stop on its way: it waits before or after its work when its arguments
// hold a certain word. The program itself is the real one.
type Tool struct{ dir, path string }

// Moments of a Tool.
const (
	BeforeWork = "before"
	AfterWork  = "after"
)

// NewTool covers a program, in this room alone, by a script that runs it. word is the argument that makes it wait; calls
// without it go through.
func NewTool(name, word string) (*Tool, error) {
	t, err := newTool(name, word)
	if err != nil {
		return nil, fmt.Errorf("cover %s: %w", name, err)
	}
	return t, nil
}

func newTool(name, word string) (*Tool, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return nil, err
	}
	dir, err := NewDir(name)
	if err != nil {
		return nil, err
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	script := strings.NewReplacer("DIR", dir, "NAME", name, "WORD", word).Replace(`#!/bin/sh
case " $* " in *" WORD "*) mine=yes ;; esac
stop() {
	[ -n "$mine" ] && [ -e DIR/$1 ] || return 0
	: >DIR/reached
	while [ -e DIR/$1 ]; do sleep 0.02; done
	[ ! -e DIR/abort ] || exit 75
}
stop before
DIR/NAME "$@"
code=$?
stop after
exit $code
`)
	err = errors.Join(os.WriteFile(filepath.Join(dir, name), program, 0o755), os.WriteFile(filepath.Join(dir, "script"), []byte(script), 0o755))
	if err != nil {
		return nil, err
	}
	return &Tool{dir, path}, unix.Mount(filepath.Join(dir, "script"), path, "", unix.MS_BIND, "")
}

// Stop makes the next call wait at a moment.
func (t *Tool) Stop(moment string) error {
	return errors.Join(remove(filepath.Join(t.dir, "reached"), filepath.Join(t.dir, "abort")), os.WriteFile(filepath.Join(t.dir, moment), nil, 0o644))
}

// Reached waits until a call waits.
func (t *Tool) Reached(ctx context.Context) error {
	return Wait(ctx, filepath.Base(t.path)+" to be called", func() error {
		_, err := os.Stat(filepath.Join(t.dir, "reached"))
		return err
	})
}

// Go lets calls go on; with abort, one that waits ends without doing (more).
func (t *Tool) Go(abort bool) error {
	var err error
	if abort {
		err = os.WriteFile(filepath.Join(t.dir, "abort"), nil, 0o644)
	}
	return errors.Join(err, remove(filepath.Join(t.dir, BeforeWork), filepath.Join(t.dir, AfterWork)))
}

// Close uncovers the program.
func (t *Tool) Close() error { return unix.Unmount(t.path, unix.MNT_DETACH) }

func remove(paths ...string) error {
	for _, p := range paths {
		if err := os.Remove(p); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	return nil
}
