package daemon

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"postward/internal/guard"
	"postward/internal/host/postfix"
	"postward/internal/run/health"
)

const (
	canaryAgain  = time.Minute      // after something was missing it looks again so soon
	canaryAnswer = 30 * time.Second // for a greeting; postscreen takes its time
	canaryTrace  = 10 * time.Second // for the session and the line to come
	canaryPoll   = 100 * time.Millisecond
)

// neighbour looks after the Postfix that postward is put on, for health to judge. It knows nothing of the State.
type neighbour struct {
	configDir, logFile string
	sockets            map[guard.Direction]string
	signs              func() health.Signs
	troubles           *health.Troubles
}

// neighbour is the Postfix of this daemon, once its sockets are served.
func (d *Daemon) neighbour() neighbour {
	return neighbour{d.config.Postfix.ConfigDir, d.config.Postfix.LogFile, sockets(d.config), func() health.Signs {
		s := health.Signs{Sessions: map[guard.Direction]uint64{}, Lines: d.mailLog.Lines()}
		for _, m := range d.servers {
			if m.Direction != guard.Local { // nothing comes in there without a mail
				s.Sessions[m.Direction] = m.Served()
			}
		}
		return s
	}, &d.troubles}
}

// watch looks for signs of Postfix every now and then (0: never) until ctx ends.
func (n *neighbour) watch(ctx context.Context, every time.Duration) error {
	if every == 0 {
		return nil
	}
	canary := health.Canary{}
	wait := every
	before := n.signs()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		found := n.look(ctx, before)
		if ctx.Err() != nil {
			return nil
		}
		wait = every
		if canary.Judge(found, n.troubles, time.Now()) {
			wait = min(canaryAgain, every)
		}
		before = n.signs()
	}
}

// look finds what is wrong with Postfix, its log and each direction, and calls on Postfix where it was quiet.
func (n *neighbour) look(ctx context.Context, before health.Signs) health.Found {
	found := before.Well()
	quiet, noLine := n.signs().Missing(before)
	if len(quiet) == 0 && !noLine {
		return found
	}
	services, err := (postfix.Instance{ConfigDir: n.configDir}).Services(ctx)
	if err != nil {
		found.Unreadable(err)
		return found
	}
	called := map[guard.Direction]bool{}
	for dir := range quiet {
		if address := found.Whom(services, dir, n.sockets[dir]); address != "" {
			err := greet(ctx, address)
			if found.Called(dir, address, err); err == nil {
				called[dir] = true
			}
		}
	}
	n.awaitSigns(ctx, before, called, noLine && len(called) > 0)
	still, noLine := n.signs().Missing(before)
	for dir := range quiet {
		if !still[dir] {
			found[string(dir)] = ""
		}
	}
	if noLine && len(called) > 0 {
		found.Silent(n.logFile)
	}
	return found
}

// awaitSigns waits until what is looked for came, or canaryTrace is over.
func (n *neighbour) awaitSigns(ctx context.Context, before health.Signs, called map[guard.Direction]bool, line bool) {
	ctx, cancel := context.WithTimeout(ctx, canaryTrace)
	defer cancel()
	for {
		still, noLine := n.signs().Missing(before)
		waits := line && noLine
		for dir := range called {
			waits = waits || still[dir]
		}
		if !waits {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(canaryPoll):
		}
	}
}

// greet connects to a service, reads its greeting and takes leave: RFC 5321, section 3.1.
func greet(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, canaryAnswer)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer c.Close()
	deadline, _ := ctx.Deadline()
	if err := c.SetDeadline(deadline); err != nil {
		return err
	}
	line, err := bufio.NewReaderSize(c, 1024).ReadSlice('\n')
	switch {
	case err != nil && !errors.Is(err, bufio.ErrBufferFull):
		return fmt.Errorf("no greeting: %w", err)
	case !strings.HasPrefix(string(line), "220"):
		return fmt.Errorf("it says %.100q", line)
	}
	_, err = c.Write([]byte("QUIT\r\n"))
	return err
}
