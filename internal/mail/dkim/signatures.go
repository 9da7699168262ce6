package dkim

import (
	"bytes"
	"cmp"
	"context"
	"strings"
	"time"

	"postward/internal/mail/canon"
)

// Bounds: signatures of a mail, octets of one DKIM-Signature field, and of a header section.
const (
	MaxSignatures = 8
	MaxField      = 64 << 10
	MaxHeader     = 1 << 20
)

const name = "DKIM-Signature"

// Signatures are the DKIM-Signature fields of a header section, to which it refers.
type Signatures struct {
	header []canon.Field
	all    []dkimSignature // the topmost first
	froms  int             // From fields in the header
}

// dkimSignature is one of them.
type dkimSignature struct {
	Signature
	field *canon.Field
	text  string // of b=
	auid  string // i=
	below bool   // i= is below d=, and not in it
	flaw  Reason // why it cannot be tried
}

// Read finds the signatures in a header section, its topmost field first: no more than MaxSignatures, those at the top. It
// asks nobody.
func Read(header []canon.Field) *Signatures {
	s := &Signatures{header: header}
	size := 0
	for i := range header {
		size += len(header[i].Name) + len(header[i].Value)
		if header[i].Is("From") {
			s.froms++
		}
		if header[i].Is(name) && len(s.all) < MaxSignatures {
			s.all = append(s.all, readSignature(&header[i]))
		}
	}
	for i := range s.all {
		s.all[i].flaw = cmp.Or(s.all[i].flaw, s.objection(&s.all[i], size))
	}
	return s
}

// objection is what the header as a whole says against a signature.
func (s *Signatures) objection(one *dkimSignature, size int) Reason {
	signed := 0
	for _, covered := range one.Covers {
		if covered == "from" {
			signed++
		}
	}
	switch {
	case size > MaxHeader:
		return TooLarge
	case s.froms > signed:
		return UnsignedFrom
	}
	return ""
}

// readSignature reads one field.
func readSignature(f *canon.Field) dkimSignature {
	s := dkimSignature{field: f}
	if len(f.Value) > MaxField {
		s.flaw = TooLarge
		return s
	}
	all, ok := ParseTags(f.Value)
	if !ok {
		s.flaw = BadTags
		return s
	}
	s.text = squeeze(all.Value("b"))
	s.flaw = cmp.Or(version(all), s.ReadMessage(all), s.identity(all))
	return s
}

func version(all Tags) Reason {
	switch {
	case !all.Has("v"):
		return NoTag
	case all.Value("v") != "1":
		return Version
	}
	return ""
}

// Len is how many signatures are looked at.
func (s *Signatures) Len() int { return len(s.all) }

// Forms are those in which the body must be hashed for Verify; none when nothing depends on it.
func (s *Signatures) Forms() []canon.Form {
	var forms []canon.Form
	for i := range s.all {
		if s.all[i].flaw == "" {
			forms = append(forms, s.all[i].Body)
		}
	}
	return forms
}

// Ask begins to ask for all keys at once, each name once, and does not wait. Verify ends it, or Asked.Stop.
func (s *Signatures) Ask(ctx context.Context, r Resolver) *Asked {
	asked := NewAsked(r)
	ctx, asked.cancel = context.WithCancel(ctx)
	for i := range s.all {
		if s.all[i].flaw == "" {
			asked.Ask(ctx, &s.all[i].Signature)
		}
	}
	return asked
}

// Verify is a Result for each signature that is looked at, the topmost first; none for a mail without. It waits for what was
// asked until its context ends: what did not answer is TempError. body has hashed all of the body in the forms that Forms
// says. Without asked every key is one that could not be asked for.
func (s *Signatures) Verify(ctx context.Context, asked *Asked, body *canon.Body, now time.Time) []Result {
	if asked == nil {
		asked = NewAsked(nil)
	}
	stop := context.AfterFunc(ctx, asked.cancel)
	asked.Wait()
	stop()
	asked.cancel()
	var results []Result
	for i := range s.all {
		results = append(results, s.verify(&s.all[i], asked, body, now))
	}
	return results
}

// verify tries one. What can be told without the key comes first: no key would help.
func (s *Signatures) verify(one *dkimSignature, asked *Asked, body *canon.Body, now time.Time) Result {
	why := one.flaw
	var k key
	if why == "" {
		k, why = asked.verify(&one.Signature, one.Digest(s.header, one.field, 0))
		if why == "" && k.strict && one.below {
			why = KeyForDomain
		}
		if !bytes.Equal(body.Sum(one.Body), one.BodySum) {
			why = BodyChanged
		}
		why = cmp.Or(one.Timely(now), why)
	}
	r := one.result(why)
	r.Sum, r.Bits, r.Testing = s.begins(one), k.bits, k.testing
	return r
}

func (s *dkimSignature) result(why Reason) Result {
	return Result{Status: statusOf[why], Reason: why, Domain: s.Domain, AUID: s.auid, Selector: s.Selector, Algorithm: word(s.Algorithm),
		Time: s.At, Until: s.Until}
}

// word is a text that may stand in a field as it is: a short name of RFC 6376's grammar.
func word(text string) string {
	const longest = 32
	if len(text) > longest || strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return ""
	}
	return text
}

// begins is what b= begins with, and none of another signature's does.
func (s *Signatures) begins(one *dkimSignature) string {
	n := 8
	for i := range s.all {
		if other := &s.all[i]; other != one && other.text != one.text {
			n = max(n, common(one.text, other.text)+1)
		}
	}
	return printable(one.text[:min(n, len(one.text))])
}

// common is how many octets two texts have in common at their beginning.
func common(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

// printable is a text as far as it is of base64.
func printable(text string) string {
	i := strings.IndexFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("+/=", r)
	})
	if i >= 0 {
		return text[:i]
	}
	return text
}
