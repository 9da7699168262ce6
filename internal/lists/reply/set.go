package reply

import (
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"postward/internal/lists/facts"
)

//go:embed receivers.yaml
var embedded []byte

// Class is what a reply is about.
type Class string

// The classes. Address and Domain are reputations, blocklists among them; Authentication is SPF, DKIM and DMARC, and the address's
// own name (iprev, RFC 8601 section 2.7.3).
const (
	Address        Class = "address"
	Domain         Class = "domain"
	Authentication Class = "authentication"
	Rate           Class = "rate"
	Content        Class = "content"
	User           Class = "user"
	Mailbox        Class = "mailbox"
	Greylisting    Class = "greylisting"
	TLS            Class = "TLS"
	Policy         Class = "policy"
	Other          Class = "other"
)

var classes = []Class{Address, Domain, Authentication, Rate, Content, User, Mailbox, Greylisting, TLS, Policy, Other}

// Reputation reports whether a class is about what others think of the server.
func (c Class) Reputation() bool { return c == Address || c == Domain }

// actions are what to do, in one word.
var actions = []string{"fix", "throttle", "retry", "wait", "request", "delist", "provider", "recipient", "review", "drop"}

// Receiver is somebody who takes mail for many.
type Receiver struct {
	Name  string   `json:"name"`
	Title string   `json:"title"`
	Hosts []string `json:"hosts"`           // the domains of its mail servers
	Pages []string `json:"pages,omitempty"` // more domains of its own
	From  string   `json:"from"`            // file and line
}

// Pattern is a way of saying something.
type Pattern struct {
	Name      string   `json:"name"`
	At        []string `json:"at,omitempty"` // the receivers who say so; none: anybody
	Match     string   `json:"match"`
	Class     Class    `json:"class"`
	Lists     []string `json:"lists,omitempty"` // blocklists that it names
	Action    string   `json:"action"`
	Means     string   `json:"means"`
	Do        string   `json:"do"`
	Link      string   `json:"link,omitempty"`
	Memory    bool     `json:"link_from_memory,omitempty"` // nobody looked whether the link leads anywhere
	Time      string   `json:"time,omitempty"`             // how long it takes
	Sample    string   `json:"sample"`
	Certainty string   `json:"certainty"`
	Doubts    string   `json:"doubts,omitempty"`
	Source    string   `json:"source,omitempty"`
	From      string   `json:"from"` // file and line

	match *regexp.Regexp
	fixed []string // one of them is in whatever matches
	plain []string // match is one of these words, and no more
}

// Set is what is known of receivers and their words. It does not change; many may use it.
type Set struct {
	receivers []*Receiver
	patterns  []*Pattern
	byHost    map[string]*Receiver
	words     *automaton
}

// Load reads what is part of the program and then the operator's: every *.yaml in dir, in the order of their names. A name that is
// known changes what is said of it and keeps its place; new patterns of the operator come before the program's. Without dir, or when it
// does not exist, there are no files. The error names every line that is not as it should be.
func Load(dir string) (*Set, error) {
	s := &Set{}
	if err := s.read("receivers.yaml", embedded); err != nil {
		return nil, fmt.Errorf("read the replies of the program: %w", err)
	}
	if err := s.index(); err != nil {
		return nil, fmt.Errorf("read the replies of the program: %w", err)
	}
	err := facts.Each(dir, func(file string, data []byte) error {
		return errors.Join(s.readOwn(file, data))
	})
	if err != nil {
		return nil, fmt.Errorf("read replies: %w", err)
	}
	return s, nil
}

// readOwn reads a file of the operator's: what is new in it is asked first.
func (s *Set) readOwn(file string, data []byte) error {
	program := len(s.patterns)
	if err := s.read(file, data); err != nil {
		return err
	}
	s.patterns = slices.Concat(s.patterns[program:], s.patterns[:program])
	return s.index()
}

// read adds what one file says.
func (s *Set) read(file string, data []byte) error {
	in := &facts.File{Name: file}
	if root := in.Parse(data); root != nil {
		s.sections(in, root)
	}
	return errors.Join(in.Errs[:min(len(in.Errs), facts.MaxErrors)]...)
}

// Receivers returns those that are known. The slice is the caller's, the receivers are not.
func (s *Set) Receivers() []*Receiver { return slices.Clone(s.receivers) }

// Patterns returns those that are known, in the order in which they are tried.
func (s *Set) Patterns() []*Pattern { return slices.Clone(s.patterns) }

// Receiver returns the one of that name, or nil.
func (s *Set) Receiver(name string) *Receiver {
	for _, r := range s.receivers {
		if r.Name == name {
			return r
		}
	}
	return nil
}

func (s *Set) pattern(name string) *Pattern {
	for _, p := range s.patterns {
		if p.Name == name {
			return p
		}
	}
	return nil
}

// At returns whose a host is, or nil: the longest of the domains above it decides.
func (s *Set) At(host string) *Receiver {
	for found := host != ""; found; _, host, found = strings.Cut(host, ".") {
		if r := s.byHost[host]; r != nil {
			return r
		}
	}
	return nil
}

// index makes what is looked up, and proves that each sample is a first hit.
func (s *Set) index() error {
	s.byHost = map[string]*Receiver{}
	for _, r := range s.receivers {
		for _, host := range r.Hosts {
			if other := s.byHost[host]; other != nil && other != r {
				return fmt.Errorf("%s: receiver %s: %s is %s's already", r.From, r.Name, host, other.Name)
			}
			s.byHost[host] = r
		}
	}
	s.words = newAutomaton(s.patterns)
	return s.prove()
}

// prove says of which patterns the sample is not found by it first.
func (s *Set) prove() error {
	var wrong []error
	for _, p := range s.patterns {
		hit := s.first(Parse([]byte(p.Sample), ""), nil)
		if hit == nil {
			wrong = append(wrong, fmt.Errorf("%s: reply %s: its sample does not match", p.From, p.Name))
		} else if hit != p {
			wrong = append(wrong, fmt.Errorf("%s: reply %s: its sample is found by %s before (%s)", p.From, p.Name, hit.Name, hit.From))
		}
	}
	return errors.Join(wrong[:min(len(wrong), facts.MaxErrors)]...)
}
