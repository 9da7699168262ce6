package world

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"sync"
	"time"

	mdns "github.com/miekg/dns"
)

// Server is a name server on UDP and TCP. To a question that wants recursion it answers like a resolver that has
// already asked everybody: RA, aliases followed through all zones, no such name outside of them. To one that does not
// it answers with authority (AA), and refuses what is in no zone. Below some names it behaves as it is told.
type Server struct {
	listening *listener
	closing   context.Context
	hangUp    context.CancelFunc

	mu          sync.Mutex
	zones       map[string]*zone
	authentic   map[string]bool
	delegations map[string]netip.AddrPort
	behaviours  map[string]map[uint16]*behaviour
	asked       map[Question]int
	first       map[Question]time.Time // when it was asked first
}

// StartServer listens on an address of loopback, "127.0.0.1:0" for any free port.
func StartServer(addr string) (*Server, error) {
	s := &Server{zones: make(map[string]*zone), authentic: make(map[string]bool), delegations: make(map[string]netip.AddrPort),
		behaviours: make(map[string]map[uint16]*behaviour), asked: make(map[Question]int), first: make(map[Question]time.Time)}
	s.closing, s.hangUp = context.WithCancel(context.Background())
	var err error
	if s.listening, err = listen(addr, s); err != nil {
		return nil, fmt.Errorf("start a name server: %w", err)
	}
	return s, nil
}

// Addr is where the server listens, on UDP and TCP.
func (s *Server) Addr() netip.AddrPort { return s.listening.addr }

// Close ends the server, and waits for every reply on its way.
func (s *Server) Close() error {
	s.hangUp()
	return s.listening.close()
}

// SetZone puts a zone in the place of the one with that apex. The text is a zone file; names in it may be relative.
// One text with the apex "." can hold the whole world; a missing SOA is made.
func (s *Server) SetZone(apex, text string) error {
	apex = mdns.CanonicalName(apex)
	z, err := parseZone(apex, text)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zones[apex] = z
	return nil
}

// Change takes records out and puts others in, each in the zone where it belongs, as the operator does who follows an
// advice: all or nothing. "name TYPE" takes out a whole set. To take out what is not there is an error.
func (s *Server) Change(remove, add []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := make(map[string][]mdns.RR)
	for _, line := range remove {
		if err := s.edit(changed, line, without); err != nil {
			return err
		}
	}
	for _, line := range add {
		if err := s.edit(changed, line, with); err != nil {
			return err
		}
	}
	made := make(map[string]*zone)
	for apex, records := range changed {
		z, err := newZone(apex, records)
		if err != nil {
			return err
		}
		made[apex] = z
	}
	maps.Copy(s.zones, made)
	return nil
}

// edit does something with a line to the records of its zone; changed holds those that are not as in the zone any more.
func (s *Server) edit(changed map[string][]mdns.RR, line string, how func([]mdns.RR, string) ([]mdns.RR, error)) error {
	name, err := owner(line)
	if err != nil {
		return err
	}
	apex, z, ok := longest(s.zones, name)
	if !ok {
		return fmt.Errorf("change %q: it is in no zone", line)
	}
	if changed[apex] == nil {
		changed[apex] = z.records
	}
	changed[apex], err = how(changed[apex], line)
	return err
}

// Authentic says whether what is at and below a name is as its owner signed it: replies that hold nothing else have AD
// (RFC 4035 section 3.2.3) for those who understand it (RFC 6840 section 5.7). The nearest word above a name holds.
func (s *Server) Authentic(suffix string, is bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.authentic[mdns.CanonicalName(suffix)] = is
}

// Delegate hands questions at and below a name to another server, over UDP, and over TCP when its reply is cut. Who does
// not answer within two seconds has failed.
func (s *Server) Delegate(suffix string, to netip.AddrPort) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.delegations[mdns.CanonicalName(suffix)] = to
}
