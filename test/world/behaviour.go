package world

import (
	"net/netip"
	"time"

	mdns "github.com/miekg/dns"
)

// Kind is how a server misbehaves.
type Kind string

// The kinds. The first is a server that does not.
const (
	Honest        Kind = ""
	Silent        Kind = "silent"         // no reply
	Refuse        Kind = "refuse"         // RCODE 5
	ServFail      Kind = "servfail"       // RCODE 2
	NoName        Kind = "no name"        // RCODE 3 for every name
	WrongQuestion Kind = "wrong question" // a reply to another question, with an answer
	WrongID       Kind = "wrong ID"       // the right reply with another ID
	Garbage       Kind = "garbage"        // the ID, and octets that are no message
	Rewrite       Kind = "rewrite"        // an A record that is no list's, 198.51.100.80, for every name
	Everything    Kind = "everything"     // 127.0.0.2 for every name
	Code          Kind = "code"           // 127.255.255.254 for every name: a refusal by the convention of lists
	Truncate      Kind = "truncate"       // TC without records over UDP, the whole reply over TCP
	Huge          Kind = "huge"           // the same, and the reply over TCP is filled to about 65,000 octets
	Loop          Kind = "loop"           // two aliases of each other
	Bogus         Kind = "bogus"          // RCODE 2 unless the question has CD: what a validating resolver says of a zone signed wrongly
	Chain         Kind = "chain"          // ChainLength aliases, and then what the zone has at the name
)

// ChainLength is how many aliases a Chain has.
const ChainLength = 50

// Behaviour is what the server does with questions.
type Behaviour struct {
	Kind  Kind
	Wait  time.Duration // before the reply
	Known bool          // as a resolver with a cache: only who asks first waits, and who asks meanwhile as long as he does, until Forget
	Type  uint16        // of which questions, a type of the mdns package; 0 is all that have no behaviour of their own
	After int           // so many questions are answered honestly first: a rate limit
	Addr  netip.Addr    // of Rewrite, Everything and Code, when another is wanted
}

// behaviour counts down.
type behaviour struct {
	Behaviour
	left int
}

// Behave says how the server treats questions at and below a name; the nearest word above a name holds. Honest without a
// wait takes it back. Delegated names can misbehave too.
func (s *Server) Behave(suffix string, b Behaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	suffix = mdns.CanonicalName(suffix)
	if s.behaviours[suffix] == nil {
		s.behaviours[suffix] = make(map[uint16]*behaviour)
	}
	s.behaviours[suffix][b.Type] = &behaviour{b, b.After}
}

// behaves is what is to be done now with a question, which is counted. The caller holds the mutex.
func (s *Server) behaves(q Question) Behaviour {
	for at := q.Name; ; at = parent(at) {
		of := s.behaviours[at]
		b := of[q.Type]
		if b == nil {
			b = of[0]
		}
		switch {
		case b == nil && at == ".":
			return Behaviour{}
		case b == nil:
			continue
		case b.left > 0:
			b.left--
			return Behaviour{Wait: b.Wait, Known: b.Known}
		}
		return b.Behaviour
	}
}

// addr is what a list, or who takes its place, answers.
func (b *Behaviour) addr() netip.Addr {
	switch {
	case b.Addr.IsValid():
		return b.Addr
	case b.Kind == Rewrite:
		return netip.AddrFrom4([4]byte{198, 51, 100, 80})
	case b.Kind == Code:
		return netip.AddrFrom4([4]byte{127, 255, 255, 254})
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 2})
}
