package postfix

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"time"
)

// Deadline is the longest that one of Postfix's tools may take.
const Deadline = time.Minute

// maxStderr bounds what is kept of a tool's complaint.
const maxStderr = 2048

// Instance is one Postfix: its configuration directory. Empty means the machine's own (/etc/postfix).
type Instance struct {
	ConfigDir string
}

// run runs one of Postfix's tools and hands its output to read. An error carries what the tool said last.
func (p Instance) run(ctx context.Context, stdin io.Reader, read func(io.Reader) error, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, Deadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, toolPath(name), p.args(args...)...)
	cmd.Args[0] = name // which it says of itself in its complaints
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin", "LC_ALL=C"}
	cmd.WaitDelay = 5 * time.Second
	cmd.Stdin = stdin
	said := &tail{max: maxStderr}
	cmd.Stderr = said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	readErr := read(out)
	if readErr != nil {
		cancel() // nobody reads on: the tool must not wait for us
	}
	if err := cmd.Wait(); err != nil && readErr == nil {
		readErr = errors.Join(context.Cause(ctx), said.wrap(err))
	}
	if readErr != nil {
		return fmt.Errorf("%s: %w", name, readErr)
	}
	return nil
}

// args puts in front of a tool's arguments which instance is meant.
func (p Instance) args(args ...string) []string {
	if p.ConfigDir == "" {
		return args
	}
	return append([]string{"-c", p.ConfigDir}, args...)
}

// discard is for tools whose output says nothing.
func discard(r io.Reader) error {
	_, err := io.Copy(io.Discard, r)
	return err
}

// tail keeps the end of what is written to it.
type tail struct {
	max int
	buf []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.buf = append(t.buf, b...)
	if extra := len(t.buf) - t.max; extra > 0 {
		t.buf = append(t.buf[:0], t.buf[extra:]...)
	}
	return len(b), nil
}

func (t *tail) wrap(err error) error {
	if said := bytes.TrimSpace(t.buf); len(said) > 0 {
		return fmt.Errorf("%w: %s", err, said)
	}
	return err
}
