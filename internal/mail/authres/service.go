package authres

import (
	"fmt"
	"slices"
	"strings"
)

// Service is who evaluates: us.
type Service struct {
	id  string
	all []string // canonical: what is ours, and nobody else's from outside
}

// New returns a service of an authserv-id: the name of the server, or of the domain. also are other ids that nobody from
// outside may use, as older names of ours, or those of servers that hand their mail to us.
func New(id string, also ...string) (*Service, error) {
	s := &Service{id: canonical(id)}
	for _, name := range append([]string{id}, also...) {
		c := canonical(name)
		if c == "" || strings.ContainsFunc(c, func(r rune) bool { return r >= 0x80 || !inID(byte(r)) }) {
			return nil, fmt.Errorf("use %q as an authserv-id: it is no domain: name the server or its domain", name)
		}
		s.all = append(s.all, c)
	}
	return s, nil
}

// ID is the authserv-id as it is written.
func (s *Service) ID() string { return s.id }

// is reports whether an id is ours.
func (s *Service) is(id string) bool { return slices.Contains(s.all, canonical(id)) }
