package world

import (
	"fmt"
	"maps"
	"strings"

	mdns "github.com/miekg/dns"
)

// Question is what was asked: a name in lower case with its final dot, and a type of the mdns package.
type Question struct {
	Name string
	Type uint16
}

func (q Question) String() string { return fmt.Sprintf("%s %s", q.Name, mdns.TypeToString[q.Type]) }

// Asked is how often a question came, over UDP and TCP together: one that was asked again counts again.
func (s *Server) Asked(name string, t uint16) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[Question{mdns.CanonicalName(name), t}]
}

// AskedBelow is how many questions came for names at or below one, of any type.
func (s *Server) AskedBelow(suffix string) int {
	suffix = mdns.CanonicalName(suffix)
	n := 0
	for q, times := range s.Questions() {
		if q.Name == suffix || suffix == "." || strings.HasSuffix(q.Name, "."+suffix) {
			n += times
		}
	}
	return n
}

// Questions is every question since the last Forget, and how often it came.
func (s *Server) Questions() map[Question]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.asked)
}

// Forget begins to count anew, and to know.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.asked)
	clear(s.first)
}
