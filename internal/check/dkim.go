package check

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"postward/internal/dkimkey"
	"postward/internal/dns"
)

// nobodys is a selector that nobody has: what answers for it is a wildcard.
const nobodys = "postward-nobody-has-this"

// selector is what was published for a selector.
type selector struct {
	name   string
	answer dns.Answer
	keys   []string // the texts that are meant for keys
}

func (s *selector) at(domain string) string { return s.name + "._domainkey." + domain }

// keys looks at the DKIM keys of the selectors that were named, or of the well-known ones.
func (r *run) keys(ctx context.Context) string {
	if r.Domain == "" {
		return ""
	}
	if mx := r.mx(); mx.Outcome == dns.NoName {
		return "" // said by another topic
	}
	names := r.Selectors
	if len(names) == 0 {
		names = dkimkey.Common
	}
	all := make([]selector, len(names)+1)
	var asked sync.WaitGroup
	for i, name := range append(slices.Clone(names), nobodys) {
		asked.Go(func() { all[i] = r.selector(ctx, name) })
	}
	asked.Wait()
	wild := all[len(names)]
	if len(wild.keys) > 0 {
		r.find("dkim.wildcard", r.Domain, wild.at(r.Domain)+" has "+wild.keys[0], nil)
	}
	var lines []string
	for i := range all[:len(names)] {
		s := &all[i]
		if len(s.keys) == 0 && len(r.Selectors) == 0 || len(wild.keys) > 0 && slices.Equal(s.keys, wild.keys) {
			continue
		}
		if line := r.key(s); line != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 && len(r.Selectors) == 0 && len(wild.keys) == 0 {
		if !wild.answer.Outcome.Known() {
			r.unanswered("dkim", r.Domain, &wild.answer, "TXT below _domainkey."+r.Domain)
			return ""
		}
		r.find("dkim.unseen", r.Domain, fmt.Sprintf("asked for %d well-known selectors", len(names)), nil)
	}
	return strings.Join(lines, "; ")
}

func (r *run) selector(ctx context.Context, name string) selector {
	s := selector{name: name}
	s.answer = r.Resolver.TXT(ctx, s.at(r.Domain))
	for _, text := range s.answer.Texts {
		if dkimkey.IsKey(text) {
			s.keys = append(s.keys, text)
		}
	}
	return s
}

// key looks at what a selector has, and returns a line about it when it is good enough.
func (r *run) key(s *selector) string {
	at := s.at(r.Domain)
	switch {
	case r.unanswered("dkim", at, &s.answer, "TXT of "+at):
		return ""
	case len(s.keys) == 0:
		r.find("dkim.missing", at, "no key is published there", r.newKey(s))
		return ""
	case len(s.keys) > 1:
		r.find("dkim.several", at, strings.Join(s.keys, " | "), r.newKey(s))
		return ""
	}
	text := s.keys[0]
	k := dkimkey.Parse(text)
	if bad, is := k.Has(dkimkey.BadTag, dkimkey.TwiceTag, dkimkey.BadVersion, dkimkey.NoKey, dkimkey.BadKey, dkimkey.UnknownType, dkimkey.TooMuch); is {
		r.find("dkim.broken", at, string(bad.Mark)+": "+bad.Text, r.newKey(s))
		return ""
	}
	switch {
	case k.Revoked:
		r.find("dkim.revoked", at, text, r.newKey(s))
	case k.Type == "rsa" && k.Bits < dkimkey.MinBits:
		r.find("dkim.short", at, k.String(), r.newKey(s))
	case k.Type == "rsa" && k.Bits < dkimkey.GoodBits:
		r.find("dkim.weak", at, k.String(), r.newKey(s))
	}
	var said []found
	var without []string
	if bad, is := k.Has(dkimkey.NoSHA256); is {
		said, without = append(said, found{"dkim.sha1", bad.Text, "Leave h away: every receiver knows sha256."}), append(without, "h")
	}
	if bad, is := k.Has(dkimkey.NotForMail); is {
		said, without = append(said, found{"dkim.service", bad.Text, "Leave s away."}), append(without, "s")
	}
	if k.Testing {
		said, without = append(said, found{"dkim.testing", "t=y", "Leave y away when the signatures verify."}), append(without, "t")
	}
	for i, f := range said {
		mend := &Mend{Do: f.do}
		if i == 0 { // one record mends them all
			mend.Remove, mend.Add = []Record{Text(at, text)}, []Record{Text(at, k.Without(without...))}
		}
		r.find(f.id, at, f.saw, mend)
	}
	if old, is := k.Has(dkimkey.OldTag); is {
		r.find("dkim.old", at, old.Text, nil)
	}
	return s.name + ": " + k.String()
}

// newKey is the way out when only another key helps: its private half is made where mail is signed.
func (r *run) newKey(s *selector) *Mend {
	return &Mend{
		Do:  "Make a new key, publish its public half at " + s.at(r.Domain) + " in the place of what is there, and let the signer use it.",
		Set: []string{fmt.Sprintf("opendkim-genkey -b 2048 -h sha256 -d %s -s %s", r.Domain, s.name)},
	}
}
