package milter

import (
	"context"

	"postward/internal/guard"
	"postward/internal/mail/canon"
)

// Whole is somebody who reads all of one mail while it comes in: who verifies a signature, or makes one. The session calls
// it from one goroutine at a time.
type Whole interface {
	// Header is told the header section, once, before the body: each field as it stands in the mail, with LF in folded
	// values. cut says that there is more than MaxFields fields or MaxHeader octets, and that the rest is not there.
	Header(fields []canon.Field, cut bool)
	// Body is told the next octets of the body, with CRLF. enough says that it need not hear the rest.
	Body(p []byte) (enough bool)
	// End answers at the end of the message, in place of Server.End.
	End(ctx context.Context, t *guard.Transaction) Answer
	// Close ends what it has begun: the mail is over, or was given up. It is called once.
	Close()
}

// What a Whole is told of a header section, at most. Postfix takes 100 KiB (header_size_limit), unless told otherwise.
const (
	MaxFields = 10_000
	MaxHeader = 1 << 20
)

// reading is the mail that a Whole is told of.
type reading struct {
	who    Whole
	fields []canon.Field
	octets int
	cut    bool
	begun  bool // the header section was told
	enough bool
}

// open begins to tell somebody of the mail, if there is somebody.
func (s *session) open() {
	if s.server.Open == nil {
		return
	}
	if who := s.server.Open(s.t); who != nil {
		s.whole = &reading{who: who}
	}
}

func (r *reading) field(name, value string) {
	if r.cut {
		return
	}
	r.octets += len(name) + len(value)
	if r.cut = len(r.fields) == MaxFields || r.octets > MaxHeader; !r.cut {
		r.fields = append(r.fields, canon.Field{Name: name, Value: value})
	}
}

// header tells the header section, once: at its end, or where the MTA sends none.
func (r *reading) header() {
	if !r.begun {
		r.begun = true
		r.who.Header(r.fields, r.cut)
	}
}

// body tells a part of the body.
func (r *reading) body(p []byte) {
	r.header()
	r.enough = r.enough || r.who.Body(p)
}

// tell tells who reads the mail, if there is somebody. Where he panics nobody reads it any more: what Server.End says of it is
// better than a session that ends.
func (s *session) tell(what func(*reading)) {
	if s.whole == nil {
		return
	}
	defer func() {
		if r := recover(); r != nil {
			s.server.panicked(r)
			s.close()
		}
	}()
	what(s.whole)
}

// close ends the reading of the mail, whatever came of it.
func (s *session) close() {
	r := s.whole
	if s.whole = nil; r == nil {
		return
	}
	defer func() {
		if r := recover(); r != nil {
			s.server.panicked(r)
		}
	}()
	r.who.Close()
}

// judge is who judges at the end of the message. Mail from outside is not put off for who reads it all.
func (s *session) judge() func(context.Context, *guard.Transaction) Answer {
	s.tell((*reading).header)
	if s.whole == nil {
		return s.server.End
	}
	end := s.whole.who.End
	if s.server.Direction != guard.Inbound {
		return end
	}
	return func(ctx context.Context, t *guard.Transaction) (a Answer) {
		defer func() {
			if r := recover(); r != nil {
				s.server.panicked(r)
				a = s.server.End(ctx, t)
			}
		}()
		return end(ctx, t)
	}
}
