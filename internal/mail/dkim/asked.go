package dkim

import (
	"context"

	"postward/internal/wire/dns"
)

// Resolver is what is asked for keys: what of a dns.Resolver is needed.
type Resolver interface {
	TXT(ctx context.Context, name string) dns.Answer
}

// Asked is what was asked for and what was answered, by name. It belongs to one mail and to one goroutine.
type Asked struct {
	resolver Resolver
	answers  map[string]*dns.Answer
	wait     dns.Group
	cancel   context.CancelFunc
}

// NewAsked has asked nothing yet.
func NewAsked(r Resolver) *Asked {
	return &Asked{resolver: r, answers: make(map[string]*dns.Answer), cancel: func() {}}
}

// Ask begins to ask for the keys of some signatures, for each name one time, and does not wait. Asking ends with the
// context at the latest.
func (a *Asked) Ask(ctx context.Context, all ...*Signature) {
	for _, s := range all {
		name := s.keyName()
		if a.answers[name] != nil {
			continue
		}
		answer := &dns.Answer{Outcome: dns.Timeout} // should the resolver panic
		a.answers[name] = answer
		a.wait.Go(func() { *answer = a.resolver.TXT(ctx, name) })
	}
}

// keyName is where the key of a signature is (RFC 6376 section 3.6.2.1).
func (s *Signature) keyName() string { return s.Selector + "._domainkey." + s.Domain }

// Wait waits for all answers. When the resolver panicked it panics too, once.
func (a *Asked) Wait() { a.wait.Wait() }

// Stop ends all asking and waits for it: of a mail that is not verified after all.
func (a *Asked) Stop() {
	a.cancel()
	a.Wait()
}

// Verify tries a signature of a digest with what was answered; Wait comes first. Several records are tried until one fits.
func (a *Asked) Verify(s *Signature, digest []byte) Reason {
	_, why := a.verify(s, digest)
	return why
}

// verify is Verify, and the key that the reason is about.
func (a *Asked) verify(s *Signature, digest []byte) (best key, why Reason) {
	answer := a.answers[s.keyName()]
	if answer == nil || !answer.Outcome.Known() {
		return key{}, NotAsked
	}
	why = NoKey
	for _, text := range answer.Texts[:min(len(answer.Texts), maxRecords)] {
		k, got := readKey(text, s.keyType())
		if got == "" && !k.matches(s, digest) {
			got = Changed
		}
		if got == "" {
			return k, ""
		}
		if why == NoKey { // any other text may stand beside the key
			best, why = k, got
		}
	}
	return best, why
}
