package attach

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"postward/internal/wire/sock"
)

// Sockets says where postward listens: "unix:" and an absolute path, or "inet:host:port" on loopback; empty: not at all.
type Sockets struct {
	Inbound    string
	Submission string
	Local      string
	Answer     time.Duration // the longest postward takes for one answer; zero: 10 s
}

// Plan is what Apply would do to a Host: insertions into main.cf and master.cf. It is made without touching
// anything and does not change any more.
type Plan struct {
	Host     *Host    `json:"host"`
	Edits    []Edit   `json:"edits"`
	Notes    []string `json:"notes"`
	Problems []string `json:"problems"` // Apply refuses while there is one

	// Diffs are what changes of each file where an attachment is mended that somebody undid in a part.
	Diffs map[string][]string `json:"diffs,omitempty"`

	again        *Plan // of an attached host that is not as it should be: what it will be, planned without us
	sockets      Sockets
	main, master []byte              // the files as they would be
	want         map[string][]string // effective milters afterwards, by service key
}

// Edit is one place in a file.
type Edit struct {
	File   string `json:"file"`   // main.cf or master.cf
	Line   int    `json:"line"`   // from 1, in the file as it is now; added lines come after it
	Before string `json:"before"` // empty: lines are added
	After  string `json:"after"`  // one line, or more with newlines between
	Why    string `json:"why"`
}

// What Apply, Detach and NewPlan find in the way.
var (
	ErrAttached    = errors.New("postward is attached already: nothing to do")
	ErrNotAttached = errors.New("postward is not attached: nothing to do")
	ErrProblems    = errors.New("attaching would not be safe")
)

// NewPlan works out the edits. With a Host that postward is attached to the plan is empty and says so.
func NewPlan(h *Host, sockets Sockets) (*Plan, error) {
	p := &Plan{Host: h, sockets: sockets, main: h.main, master: h.master, want: map[string][]string{}}
	p.Notes, p.Problems = slices.Clone(h.Notes), slices.Clone(h.Problems)
	entries, err := p.milters()
	if err != nil {
		return nil, err
	}
	if h.Attached {
		return p, p.mend(entries)
	}
	p.edit(entries)
	slices.SortStableFunc(p.Edits, func(a, b Edit) int { return cmp.Or(cmp.Compare(a.File, b.File), a.Line-b.Line) })
	if len(p.Edits) == 0 {
		p.Problems = append(p.Problems, "there is nothing to attach to: no smtpd and no cleanup in master.cf, or every socket is switched off")
	}
	return p, nil
}

// mend finds what is wrong with an attachment, and plans it anew where it is.
func (p *Plan) mend(texts map[Direction]string) error {
	lacking := append(p.uncovered(texts), p.Host.strangers()...)
	p.Notes = append(p.Notes, lacking...)
	if p.Host.bare == nil || len(lacking) == 0 {
		return nil
	}
	q, err := NewPlan(p.Host.bare, p.sockets)
	if err != nil {
		return err
	}
	if strange := q.Host.strangers(); len(strange) > 0 {
		q.Problems = append(q.Problems, strange...) // they would be there still
	}
	if len(q.Problems) > 0 {
		p.Problems = append(p.Problems, q.Problems...)
		return nil
	}
	p.again, p.Diffs = q, map[string][]string{mainCF: diff(p.Host.main, q.main), masterCF: diff(p.Host.master, q.master)}
	return nil
}

// milters returns the text of each direction's milter; a direction switched off is left out.
func (p *Plan) milters() (map[Direction]string, error) {
	all := map[Direction]string{}
	answer := p.sockets.Answer
	if answer <= 0 {
		answer = 10 * time.Second
	}
	for d, address := range map[Direction]string{Inbound: p.sockets.Inbound, Submission: p.sockets.Submission, Local: p.sockets.Local} {
		if address == "" {
			continue
		}
		seen, err := p.seenByPostfix(address)
		if err != nil {
			return nil, fmt.Errorf("plan the %s socket: %w", d, err)
		}
		all[d] = milterText(seen, d, answer, p.Host.values["milter_protocol"])
	}
	return all, nil
}

// milterText writes a milter with settings of its own. command_timeout covers one answer of postward's with
// some seconds to spare; content_timeout covers the end of the message, where the journal is synced too.
func milterText(address string, d Direction, answer time.Duration, protocol string) string {
	action := "tempfail"
	if d == Inbound {
		action = "accept"
	}
	seconds := int((answer + time.Second - 1) / time.Second)
	text := fmt.Sprintf("{ %s, default_action=%s, connect_timeout=3s, command_timeout=%ds, content_timeout=%ds",
		address, action, seconds+5, seconds+20)
	if protocol != "6" {
		text += ", protocol=6" // milter_protocol was lowered for another milter
	}
	return text + " }"
}

var plainAddress = regexp.MustCompile(`^(?:unix:[A-Za-z0-9._/+-]+|inet:[A-Za-z0-9._:\[\]-]+)$`)

// seenByPostfix writes a socket's address as smtpd and cleanup need it. They run with the queue directory as
// their working directory, chrooted or not, so a path relative to it fits both (MILTER_README: an absolute path
// is taken relative to the queue directory by a chrooted service).
func (p *Plan) seenByPostfix(address string) (string, error) {
	if !plainAddress.MatchString(address) {
		return "", fmt.Errorf("%q: want unix:/path or inet:host:port, without white space or commas", address)
	}
	if hostPort, ok := strings.CutPrefix(address, "inet:"); ok {
		return address, sock.CheckLoopback(hostPort)
	}
	path := strings.TrimPrefix(address, "unix:")
	if !filepath.IsAbs(path) {
		return address, nil
	}
	if rel, err := filepath.Rel(p.Host.QueueDir, path); err == nil && filepath.IsLocal(rel) {
		return "unix:" + rel, nil
	}
	for _, s := range p.Host.Services {
		if s.Chroot {
			return "", fmt.Errorf("%s lies outside %s, where the chrooted %s (master.cf:%d) cannot reach it; set it to %s",
				path, p.Host.QueueDir, s.Name, s.Line, filepath.Join(p.Host.QueueDir, "postward", filepath.Base(path)))
		}
	}
	return address, nil
}

var refs = map[Direction]string{Inbound: refInbound, Submission: refSubmission, Local: refLocal, None: ""}

// Lines shows the plan for a terminal, one string a line: every changed line before and after, and why.
func (p *Plan) Lines() []string {
	var out []string
	for _, file := range []string{mainCF, masterCF} {
		if lines := p.Diffs[file]; len(lines) > 0 {
			out = append(append(out, filepath.Join(p.Host.ConfigDir, file)+"  # what somebody undid since"), lines...)
		}
	}
	for _, e := range p.Edits {
		out = append(out, fmt.Sprintf("%s:%d  # %s", filepath.Join(p.Host.ConfigDir, e.File), e.Line, e.Why))
		if e.Before != "" {
			out = append(out, "- "+e.Before)
		}
		for line := range strings.SplitSeq(e.After, "\n") {
			out = append(out, "+ "+line)
		}
	}
	return out
}

// key names a service; two of one name and type are told apart by nothing, as in Postfix.
func (s Service) key() string { return s.Name + "/" + s.Type }

// uncovered names the services of an attached host that lack their socket, such as those added since, and those
// where another milter stands behind ours, as an earlier attach left it or somebody wrote it since.
func (p *Plan) uncovered(texts map[Direction]string) []string {
	var out []string
	for _, s := range p.Host.Services {
		want := texts[s.Direction]
		at := slices.Index(s.Milters, want)
		switch {
		case want == "":
		case at < 0:
			out = append(out, fmt.Sprintf("%s (master.cf:%d) does not use the %s socket as it is set now: detach and attach again",
				s.Name, s.Line, s.Direction))
		case at < len(s.Milters)-1:
			out = append(out, fmt.Sprintf("%s (master.cf:%d) asks %s after postward: what postward holds it never sees, and a released mail leaves without it: detach and attach again",
				s.Name, s.Line, strings.Join(s.Milters[at+1:], ", ")))
		}
	}
	return out
}
