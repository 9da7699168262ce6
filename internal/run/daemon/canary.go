package daemon

import (
	"bufio"
	"context"
	"crypto/rand"
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

// look finds what is wrong with Postfix, its log and each direction, and calls on Postfix: where it was quiet for a sign of life,
// and everywhere for what a stranger's mail gets.
func (n *neighbour) look(ctx context.Context, before health.Signs) health.Found {
	found := before.Well()
	quiet, noLine := n.signs().Missing(before)
	services, err := (postfix.Instance{ConfigDir: n.configDir}).Services(ctx)
	if err != nil {
		found.Unreadable(err)
		return found
	}
	called := map[guard.Direction]bool{}
	for dir := range before.Sessions {
		if address := found.Whom(services, dir, n.sockets[dir], quiet[dir]); address != "" {
			err := greet(ctx, address)
			if found.Called(dir, address, err, quiet[dir]); err == nil && quiet[dir] {
				called[dir] = true
			}
		}
	}
	n.awaitSigns(ctx, before, called, noLine && len(called) > 0)
	still, noLine := n.signs().Missing(before)
	for dir := range called {
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

// canaryName is what we say in EHLO when we call on Postfix, new at each start: by it our own milter knows that nobody sends.
var canaryName = "canary-" + strings.ToLower(rand.Text()) + ".postward.invalid"

// greet connects to a service, reads its greeting, begins a mail as a stranger does and takes leave: RFC 5321, section 3. What
// another milter, or a list of them that is spoiled, does to everybody's mail is said at MAIL and not before.
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
	in := bufio.NewReaderSize(c, 1024)
	line, err := readReply(in) // the whole of it: who speaks before its end is a spammer to postscreen
	switch {
	case err != nil:
		return fmt.Errorf("no greeting: %w", err)
	case !strings.HasPrefix(line, "220"):
		return fmt.Errorf("it says %.100q", line)
	}
	for _, command := range []string{"EHLO " + canaryName, "MAIL FROM:<>"} {
		if _, err := c.Write([]byte(command + "\r\n")); err != nil {
			return err
		}
		if line, err = readReply(in); err != nil {
			return fmt.Errorf("no answer to %s: %w", command[:4], err)
		}
	}
	_, err = c.Write([]byte("QUIT\r\n"))
	if health.Unserved(line) {
		return health.ErrUnserved{Reply: line}
	}
	return err
}

// readReply reads a reply and returns its last line, cut.
func readReply(in *bufio.Reader) (string, error) {
	const most = 200 // lines
	for range most {
		line, err := in.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return "", err
		}
		text := strings.TrimSpace(string(line))
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = in.ReadSlice('\n')
		}
		if err != nil {
			return "", err
		}
		if len(text) < 4 || text[3] != '-' {
			return text, nil
		}
	}
	return "", errors.New("a reply without an end")
}
