package check

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"postward/internal/domain/dkimkey"
	"postward/internal/wire/dns"
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
	if r.absent() {
		return ""
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
	var had keysSeen
	for i := range all[:len(names)] {
		s := &all[i]
		if len(s.keys) == 0 && len(r.Selectors) == 0 || len(wild.keys) > 0 && slices.Equal(s.keys, wild.keys) {
			continue
		}
		r.key(s, &had)
	}
	r.small(&had)
	if len(had.lines) == 0 && len(r.Selectors) == 0 && len(wild.keys) == 0 {
		if !wild.answer.Outcome.Known() {
			r.unanswered("dkim", r.Domain, &wild.answer, "TXT below _domainkey."+r.Domain)
			return ""
		}
		asked := fmt.Sprintf("asked for %d well-known selectors", len(names))
		r.find("dkim.unseen", r.Domain, strings.Join(append([]string{asked}, had.retired...), "; "), nil)
	}
	return strings.Join(append(had.lines, had.retired...), "; ")
}

// keysSeen is what the selectors have together.
type keysSeen struct {
	lines   []string    // about each key that is good enough
	retired []string    // about the keys that were revoked, at selectors that nobody named
	rsa     bool        // one of the keys is RSA
	small   []*selector // that have a key of Ed25519
}

// small looks whether there is nothing but Ed25519.
func (r *run) small(had *keysSeen) {
	if had.rsa || len(had.small) == 0 {
		return
	}
	s := had.small[0]
	mend := r.nextKey(s)
	mend.Do = "Sign with an RSA key besides: publish its public half at " + r.nextSelector(s.name) + "._domainkey." + r.Domain + ", and let the signer use both."
	r.find("dkim.ed25519", s.at(r.Domain), s.keys[0], mend)
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

// key looks at what a selector has.
func (r *run) key(s *selector, had *keysSeen) {
	at := s.at(r.Domain)
	switch {
	case r.unanswered("dkim", at, &s.answer, "TXT of "+at):
		return
	case len(s.keys) == 0:
		r.find("dkim.missing", at, "no key is published there", r.newKey(s))
		return
	case len(s.keys) > 1:
		r.find("dkim.several", at, strings.Join(s.keys, " | "), cmp.Or(r.sameKey(s), r.newKey(s)))
		return
	}
	k := dkimkey.Parse(s.keys[0])
	if bad, is := k.Has(dkimkey.BadTag, dkimkey.TwiceTag, dkimkey.BadVersion, dkimkey.NoKey, dkimkey.BadKey, dkimkey.UnknownType, dkimkey.TooMuch); is {
		r.find("dkim.broken", at, string(bad.Mark)+": "+bad.Text, cmp.Or(r.sameKey(s), r.newKey(s)))
		return
	}
	switch {
	case k.Revoked && len(r.Selectors) == 0: // nothing says that mail is signed with it: so keys are changed
		had.retired = append(had.retired, s.name+": "+k.String())
		return
	case k.Revoked:
		r.find("dkim.revoked", at, s.keys[0], r.newKey(s))
		return
	case k.Type == "rsa" && k.Bits < dkimkey.MinBits:
		r.find("dkim.short", at, k.String(), r.nextKey(s))
	case k.Type == "rsa" && k.Bits < dkimkey.GoodBits:
		r.find("dkim.weak", at, k.String(), r.nextKey(s))
	}
	r.tags(at, s.keys[0], &k)
	had.lines = append(had.lines, s.name+": "+k.String())
	if had.rsa = had.rsa || k.Type == "rsa"; k.Type == "ed25519" {
		had.small = append(had.small, s)
	}
}

// tags looks at what is said beside the key.
func (r *run) tags(at, text string, k *dkimkey.Key) {
	var said []found
	var without []string
	if bad, is := k.Has(dkimkey.NoSHA256); is {
		said, without = append(said, found{"dkim.sha1", bad.Text, "Leave h out: every receiver knows sha256."}), append(without, "h")
	}
	if bad, is := k.Has(dkimkey.NotForMail); is {
		said, without = append(said, found{"dkim.service", bad.Text, "Leave s out."}), append(without, "s")
	}
	if k.Testing {
		said, without = append(said, found{"dkim.testing", "t=y", "Leave y out when the signatures verify."}), append(without, "t")
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
}

// sameKey is the way out when what is published has one good key, however it is written: mail is signed with that. nil: there is
// none, or more than one.
func (r *run) sameKey(s *selector) *Mend {
	at := s.at(r.Domain)
	var good []string
	for _, text := range s.keys {
		text = cmp.Or(dkimkey.Mended(text), text)
		if k := dkimkey.Parse(text); k.Good() && !slices.Contains(good, text) {
			good = append(good, text)
		}
	}
	if len(good) != 1 {
		return nil
	}
	return &Mend{Do: "Publish it as it was meant. The key stays what it is, and so does the signer's half.", Remove: removeTexts(at, s.keys), Add: []Record{Text(at, good[0])}}
}

// newKey is the way out when only another key helps: its private half is made where mail is signed.
func (r *run) newKey(s *selector) *Mend {
	return &Mend{
		Do:  "Make a new key, publish its public half at " + s.at(r.Domain) + " in the place of what is there, and let the signer use it.",
		Set: []string{r.makeKey(s.name)},
	}
}

// nextKey is newKey where the old one verifies mail that is still on the way: the new one has another selector.
func (r *run) nextKey(s *selector) *Mend {
	next := r.nextSelector(s.name)
	return &Mend{
		Do: "Make a new key, publish its public half at " + next + "._domainkey." + r.Domain + " beside the old one, and let the signer use it with the selector " + next +
			". Leave " + s.at(r.Domain) + " there for a week, for mail on the way; then take it out.",
		Set: []string{r.makeKey(next)},
	}
}

func (r *run) makeKey(selector string) string {
	return fmt.Sprintf("opendkim-genkey -b 2048 -h sha256 -d %s -s %s", r.Domain, selector)
}

// nextSelector is a name for the next key: the old one with the year, which takes the place of a year that is there.
func (r *run) nextSelector(old string) string {
	year := r.clock().UTC().Format("2006")
	base := old
	if n := len(old) - len(year); n >= 0 && old[n:] >= "2000" && old[n:] <= year {
		base = old[:n]
	}
	switch {
	case base+year == old:
		return old + "b"
	case base != "" && base == old && base[len(base)-1] >= '0' && base[len(base)-1] <= '9':
		base += "-"
	}
	return base + year
}
