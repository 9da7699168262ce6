package proof

import (
	"context"
	"errors"
	"maps"
	"strings"
	"time"

	"postward/internal/auth/keys"
	"postward/internal/mail/arc"
	"postward/internal/mail/dkim"
)

// signers are the keys that sign, ready to. They do not change.
type signers struct {
	byDomain map[string][]*dkim.Signer
	sealers  map[string]*arc.Sealer
	read     time.Time // when the directory had changed last
	sound    bool      // every key that should sign does
}

// choose returns who signs for an author's domain: its own keys, or those of the nearest domain above it that has some.
func (s *signers) choose(domain string) []*dkim.Signer {
	for domain != "" {
		if by := s.byDomain[domain]; len(by) > 0 {
			return by
		}
		_, domain, _ = strings.Cut(domain, ".")
	}
	return nil
}

// chooseOne is choose for the authors of a mail: of several the first whose domain has keys. If none has, it says so.
func (s *signers) chooseOne(authors []string) (by []*dkim.Signer, why string) {
	for _, d := range authors {
		if by := s.choose(d); len(by) > 0 {
			return by, ""
		}
	}
	if len(authors) == 0 {
		return nil, "it has no author"
	}
	return nil, "no key signs for " + authors[0]
}

// sealer returns who seals for a domain: RSA, which everybody verifies (RFC 8463 is young).
func (s *signers) sealer(domain string) *arc.Sealer {
	for domain != "" {
		if by := s.sealers[domain]; by != nil {
			return by
		}
		_, domain, _ = strings.Cut(domain, ".")
	}
	return nil
}

// Reload reads the keys anew, if they changed, or if something was wrong with them when they were read: a file that is put back
// changes nothing else. What is wrong with some of them is in the error, and the others sign.
func (p *Prover) Reload() error {
	changed, was := p.dir.Changed(), p.signers.Load()
	if changed.Equal(was.read) && !changed.IsZero() && was.sound {
		return nil
	}
	set, err := p.dir.Open()
	if err != nil {
		return err
	}
	next := &signers{byDomain: map[string][]*dkim.Signer{}, sealers: map[string]*arc.Sealer{}, read: changed}
	var wrong []error
	for _, problem := range set.Problems {
		wrong = append(wrong, problem.Err)
	}
	for _, domain := range set.Ring.Domains() {
		wrong = append(wrong, next.add(domain, set.Choose(domain)))
	}
	err = errors.Join(wrong...)
	next.sound = err == nil
	p.signers.Store(next)
	return err
}

// add makes the keys of a domain ready.
func (s *signers) add(domain string, all []keys.Signing) error {
	var wrong []error
	for _, k := range all {
		if k.Domain != domain {
			continue // of a domain above: choose finds it
		}
		by, err := dkim.NewSigner(k.Domain, k.Selector, k.Private)
		if err != nil {
			wrong = append(wrong, err)
			continue
		}
		s.byDomain[domain] = append(s.byDomain[domain], by)
		if sealer, err := arc.NewSealer(k.Domain, k.Selector, k.Private); err == nil && k.Algorithm == keys.RSA {
			s.sealers[domain] = sealer
		}
	}
	return errors.Join(wrong...)
}

// Tend does one round of the keys: they are read again if they changed, what is due is asked for in the DNS, and steps are taken. The
// reminders are by what was seen of each key last; with an error there are none. One goroutine at a time may call it.
func (p *Prover) Tend(ctx context.Context, now time.Time) (steps []keys.Step, reminders []keys.Reminder, err error) {
	read := p.Reload() // before anybody is asked, who may be silent
	seen, steps, err := p.dir.Tend(ctx, &keys.Asker{Resolver: p.options.Resolver}, now)
	maps.Copy(p.seen, seen)
	if len(steps) > 0 {
		read = p.Reload()
	}
	ring, _, unread := p.dir.Load()
	if err = errors.Join(err, unread); err != nil {
		return steps, nil, errors.Join(err, read)
	}
	maps.DeleteFunc(p.seen, func(name string, _ keys.Sight) bool {
		_, is := ring.Find(name)
		return !is
	})
	return steps, ring.Reminders(now, p.seen), read
}
