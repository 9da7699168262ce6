package daemon

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"path"
	"strings"
	"time"

	"postward/internal/guard"
	"postward/internal/host/postfix"
)

// A postward that nobody asks, or that reads a log nobody writes, looks like a quiet day. So when it is quiet, it calls
// on Postfix itself: the greeting shows that Postfix runs, the milter session that comes with it that postward is
// attached, the log line about it that the log is the right one.

const (
	canaryAgain  = time.Minute      // after something was missing it looks again so soon
	canaryAnswer = 30 * time.Second // for a greeting; postscreen takes its time
	canaryTrace  = 10 * time.Second // for the session and the line to come
	canaryPoll   = 100 * time.Millisecond
)

// signs is what was seen of Postfix.
type signs struct {
	sessions map[guard.Direction]uint64 // milter sessions since the start
	lines    uint64                     // log lines likewise
}

func (d *Daemon) signsNow() signs {
	s := signs{sessions: map[guard.Direction]uint64{}, lines: d.hearing.count()}
	for _, m := range d.servers {
		if m.Direction != guard.Local { // nothing comes in there without a mail
			s.sessions[m.Direction] = m.Served()
		}
	}
	return s
}

// missing returns what there was no sign of since before.
func (s signs) missing(before signs) (directions map[guard.Direction]bool, line bool) {
	directions = map[guard.Direction]bool{}
	for dir, n := range s.sessions {
		if n == before.sessions[dir] {
			directions[dir] = true
		}
	}
	return directions, s.lines == before.lines
}

// watchPostfix looks for signs of Postfix every now and then until ctx ends. What is missing twice in a row is a trouble.
func (d *Daemon) watchPostfix(ctx context.Context) error {
	if d.config.Canary.Every == 0 {
		return nil
	}
	missed := map[string]int{}
	wait := d.config.Canary.Every
	before := d.signsNow()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		found := d.lookFor(ctx, before)
		if ctx.Err() != nil {
			return nil
		}
		wait = d.config.Canary.Every
		for key, text := range found {
			if text == "" {
				missed[key] = 0
			} else if missed[key]++; missed[key] < 2 {
				text = ""
				wait = min(canaryAgain, wait)
			}
			d.troubles.setAfter("canary "+key, text, 0)
		}
		before = d.signsNow()
	}
}

// lookFor says for Postfix, the log and each direction what is wrong; empty where there was a sign of life.
func (d *Daemon) lookFor(ctx context.Context, before signs) map[string]string {
	found := map[string]string{"postfix": "", "log": ""}
	for dir := range before.sessions {
		found[string(dir)] = ""
	}
	quiet, noLine := d.signsNow().missing(before)
	if len(quiet) == 0 && !noLine {
		return found
	}
	services, err := (postfix.Instance{ConfigDir: d.config.Postfix.ConfigDir}).Services(ctx)
	if err != nil {
		found["postfix"] = fmt.Sprintf("Postfix's configuration cannot be read (%v): postfix check", err)
		return found
	}
	called := map[guard.Direction]bool{}
	for dir := range quiet {
		s := serving(services, d.sockets()[dir])
		if s == nil {
			found[string(dir)] = fmt.Sprintf("no service of Postfix asks postward about %s mail: postward attach --dry-run", dir)
			continue
		}
		if s.Address == "" { // it is attached; whether it is well shows with the next client
			continue
		}
		if err := greet(ctx, s); err != nil {
			found["postfix"] = fmt.Sprintf("Postfix does not answer at %s (%v): postfix status", s.Address, err)
			delete(found, string(dir)) // nothing is known of it
			continue
		}
		called[dir] = true
		found[string(dir)] = fmt.Sprintf("Postfix answers at %s and does not ask postward about %s mail: postfix reload, then postward attach --dry-run", s.Address, dir)
	}
	answered := len(called) > 0
	d.awaitSigns(ctx, before, called, noLine && answered)
	still, noLine := d.signsNow().missing(before)
	for dir := range quiet {
		if !still[dir] {
			found[string(dir)] = ""
		}
	}
	if noLine && answered {
		found["log"] = fmt.Sprintf("Postfix was called on and %s says nothing about it: is postfix.log_file in postward.toml the log that Postfix writes?", d.config.Postfix.LogFile)
	}
	return found
}

// awaitSigns waits until what is looked for came, or canaryTrace is over.
func (d *Daemon) awaitSigns(ctx context.Context, before signs, called map[guard.Direction]bool, line bool) {
	ctx, cancel := context.WithTimeout(ctx, canaryTrace)
	defer cancel()
	for {
		still, noLine := d.signsNow().missing(before)
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

// serving returns a service that asks the milter at a socket, one that can be called on if there is one, or nil.
func serving(services []postfix.Service, socket string) (found *postfix.Service) {
	name := nameOf(socket)
	for i := range services {
		if s := &services[i]; strings.Contains(s.Milters, name) && (found == nil || found.Address == "") {
			found = s
		}
	}
	return found
}

// nameOf is what stands of a socket's address in the name that Postfix knows it by: a path in its queue directory.
func nameOf(socket string) string {
	name := strings.TrimPrefix(socket, "unix:")
	if strings.HasPrefix(name, "/") {
		name = path.Join(path.Base(path.Dir(name)), path.Base(name))
	}
	return name
}

// greet connects to a service, reads its greeting and takes leave: RFC 5321, section 3.1.
func greet(ctx context.Context, s *postfix.Service) error {
	ctx, cancel := context.WithTimeout(ctx, canaryAnswer)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.Address)
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
