package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"
)

// maxOutput bounds what is shown of a command that failed.
const maxOutput = 500

// command runs a program with the alert on its standard input. No shell is involved.
func command(argv []string) func(context.Context, *Alert) error {
	return func(ctx context.Context, a *Alert) error {
		body, err := json.Marshal(a)
		if err != nil {
			return fmt.Errorf("write the alert: %w", err)
		}
		cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
		cmd.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
		cmd.Dir = "/"
		cmd.Stdin = bytes.NewReader(append(body, '\n'))
		said := &head{}
		cmd.Stdout, cmd.Stderr = said, said
		cmd.WaitDelay = time.Second
		// In a group of its own, so that what it started ends with it.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
		err = cmd.Run()
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("it did not end within %s and was killed", deadline)
		case errors.Is(err, exec.ErrWaitDelay): // it ended well and left something running
			return nil
		case err != nil && len(said.buf) > 0:
			return fmt.Errorf("%w: %s", err, printable(string(said.buf), maxOutput))
		}
		return err
	}
}

// head keeps the beginning of what is written to it.
type head struct{ buf []byte }

func (h *head) Write(b []byte) (int, error) {
	h.buf = append(h.buf, b[:min(len(b), maxOutput-len(h.buf))]...)
	return len(b), nil
}
