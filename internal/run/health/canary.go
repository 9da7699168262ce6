package health

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"postward/internal/guard"
	"postward/internal/host/postfix"
)

// A postward that nobody asks, or that reads a log nobody writes, looks like a quiet day. So when it is quiet, the daemon
// calls on Postfix itself: the greeting shows that Postfix runs, the milter session that comes with it that postward is
// attached, the log line about it that the log is the right one.

// Signs is what was seen of Postfix.
type Signs struct {
	Sessions map[guard.Direction]uint64 // milter sessions since the start
	Lines    uint64                     // log lines likewise
}

// Missing returns what there was no sign of since before.
func (s Signs) Missing(before Signs) (directions map[guard.Direction]bool, line bool) {
	directions = map[guard.Direction]bool{}
	for dir, n := range s.Sessions {
		if n == before.Sessions[dir] {
			directions[dir] = true
		}
	}
	return directions, s.Lines == before.Lines
}

// Found is what a look for Postfix found wrong with it ("postfix"), its log ("log") and each direction; empty where there
// was a sign of life. What is not in it is not known.
type Found map[string]string

// Well is what is found where all of these signs are seen.
func (s Signs) Well() Found {
	f := Found{"postfix": "", "log": ""}
	for dir := range s.Sessions {
		f[string(dir)] = ""
	}
	return f
}

// Unreadable notes that Postfix's configuration could not be read.
func (f Found) Unreadable(err error) {
	f["postfix"] = fmt.Sprintf("Postfix's configuration cannot be read (%v): postfix check", err)
}

// Whom returns where a direction can be called on, with the socket of its milter; empty: nowhere. A quiet one that no service
// asks about is found wrong. Where nobody greets it is attached; whether it is well shows with the next client.
func (f Found) Whom(services []postfix.Service, dir guard.Direction, socket string, quiet bool) (address string) {
	if s := serving(services, socket); s != nil {
		return s.Address
	}
	if quiet {
		f[string(dir)] = fmt.Sprintf("no service of Postfix asks postward about %s mail: postward attach --dry-run", dir)
	}
	return ""
}

// ErrUnserved is that Postfix answers a stranger's mail that it cannot be served: a milter that does not answer, or a list of
// milters that cannot be read.
type ErrUnserved struct{ Reply string }

func (e ErrUnserved) Error() string { return fmt.Sprintf("mail gets %.100q", e.Reply) }

// Unserved reports whether a reply to MAIL is what Postfix says when a milter is not there: milter_default_action(5), tempfail.
func Unserved(reply string) bool {
	return strings.HasPrefix(reply, "4") && (strings.Contains(reply, "Service unavailable") || strings.Contains(reply, "Server configuration"))
}

// Called notes how the call for a direction ended. A greeting is wrong until the milter session came, where it was quiet.
func (f Found) Called(dir guard.Direction, address string, err error, quiet bool) {
	var unserved ErrUnserved
	switch {
	case errors.As(err, &unserved):
		f[string(dir)] = fmt.Sprintf("all %s mail gets %.100q at %s: a milter beside postward does not answer, or what stands in smtpd_milters is none: postconf smtpd_milters, then the mail log", dir, unserved.Reply, address)
	case err != nil:
		f["postfix"] = fmt.Sprintf("Postfix does not answer at %s (%v): postfix status", address, err)
		delete(f, string(dir)) // nothing is known of it
	case quiet:
		f[string(dir)] = fmt.Sprintf("Postfix answers at %s and does not ask postward about %s mail: postfix reload, then postward attach --dry-run", address, dir)
	}
}

// Silent notes that Postfix answered and that its log did not say so.
func (f Found) Silent(logFile string) {
	f["log"] = fmt.Sprintf("Postfix was called on and %s says nothing about it: is postfix.log_file in postward.toml the log that Postfix writes?", logFile)
}

// Canary knows what was missing before: what is missing twice in a row is a trouble.
type Canary map[string]int

// Judge notes what a look found in the troubles. It reports whether something was missing for the first time: then it is
// looked again soon.
func (c Canary) Judge(f Found, t *Troubles, now time.Time) (doubtful bool) {
	for key, text := range f {
		if text == "" {
			c[key] = 0
		} else if c[key]++; c[key] < 2 {
			text, doubtful = "", true
		}
		t.SetAfter("canary "+key, text, 0, now)
	}
	return doubtful
}

// serving returns a service that asks the milter at a socket, one that can be called on if there is one, or nil.
func serving(services []postfix.Service, socket string) (found *postfix.Service) {
	name := postfix.SocketName(socket)
	for i := range services {
		if s := &services[i]; strings.Contains(s.Milters, name) && (found == nil || found.Address == "") {
			found = s
		}
	}
	return found
}
