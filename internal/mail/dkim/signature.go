package dkim

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"postward/internal/mail/canon"
	addresses "postward/internal/mail/message"
)

// leeway is how far ahead the clock of a signer may be.
const leeway = 24 * time.Hour

// Signature is what a signature says: a DKIM-Signature (RFC 6376 section 3.5), or one of ARC's two fields, which have most
// tags in common with it.
type Signature struct {
	Algorithm        string // rsa-sha256 or ed25519-sha256; of one that is not taken, what it says
	Domain, Selector string // in A-labels
	Sum              []byte // b=
	BodySum          []byte // bh=
	Covers           []string
	Header, Body     canon.Form
	At, Until        time.Time // t= and x=; zero: it does not say
}

// ReadMessage reads the tags of a signature of a mail. What can be read is there, also when there is a flaw.
func (s *Signature) ReadMessage(all Tags) (flaw Reason) {
	return cmp.Or(s.Read(all), s.forms(all), s.bodySum(all), s.names(all), reach(all), s.end(all))
}

// Read reads the tags that every signature has, and t=.
func (s *Signature) Read(all Tags) (flaw Reason) {
	return cmp.Or(s.how(all), s.sum(all), s.where(all), s.begin(all))
}

func (s *Signature) forms(all Tags) Reason {
	var ok bool
	if s.Header, s.Body, ok = canon.ParseForms(all.Value("c")); !ok {
		return Form
	}
	return ""
}

func (s *Signature) bodySum(all Tags) Reason {
	var ok bool
	if s.BodySum, ok = decode(all.Value("bh")); !ok || len(s.BodySum) != sha256.Size {
		return NoTag
	}
	return ""
}

// names reads which fields are signed; From must be (RFC 6376 section 5.4).
func (s *Signature) names(all Tags) Reason {
	if !all.Has("h") {
		return NoTag
	}
	for _, name := range all.List("h") {
		s.Covers = append(s.Covers, strings.ToLower(name))
	}
	if !slices.Contains(s.Covers, "from") {
		return NoFrom
	}
	return ""
}

// reach says whether all of the body is signed, and whether the key can be had.
func reach(all Tags) Reason {
	switch {
	case all.Has("l"):
		return PartOfBody
	case all.Has("q") && !slices.Contains(all.List("q"), "dns/txt"):
		return OtherQuery
	}
	return ""
}

// how reads a=.
func (s *Signature) how(all Tags) Reason {
	s.Algorithm = strings.ToLower(all.Value("a"))
	switch s.Algorithm {
	case "":
		return NoTag
	case "rsa-sha256", "ed25519-sha256":
		return ""
	}
	return Algorithm
}

// keyType is the k= of a key that fits.
func (s *Signature) keyType() string {
	kind, _, _ := strings.Cut(s.Algorithm, "-")
	return kind
}

func (s *Signature) sum(all Tags) Reason {
	var ok bool
	if s.Sum, ok = decode(all.Value("b")); !ok {
		return NoTag
	}
	return ""
}

func (s *Signature) where(all Tags) Reason {
	var ok bool
	if s.Domain, s.Selector, ok = domains(all.Value("d"), all.Value("s")); !ok {
		return NoDomain
	}
	return ""
}

// domains reads d= and s=. Both may have U-labels (RFC 8616 section 5, RFC 8617 section 4.1.4).
func domains(d, s string) (domain, selector string, ok bool) {
	domain, err := addresses.Domain(d)
	if err != nil || strings.HasPrefix(domain, "[") {
		return "", "", false
	}
	selector, err = addresses.Domain(s)
	return domain, selector, err == nil && !strings.HasPrefix(selector, "[")
}

func (s *Signature) begin(all Tags) Reason {
	var ok bool
	if s.At, ok = moment(all, "t"); !ok {
		return BadTime
	}
	return ""
}

// end reads x=, which must be behind t=.
func (s *Signature) end(all Tags) Reason {
	var ok bool
	if s.Until, ok = moment(all, "x"); !ok || !s.Until.IsZero() && !s.Until.After(s.At) {
		return BadTime
	}
	return ""
}

// moment reads seconds since 1970, of at most twelve digits.
func moment(all Tags, name string) (time.Time, bool) {
	if !all.Has(name) {
		return time.Time{}, true
	}
	text := all.Value(name)
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || len(text) > 12 {
		return time.Time{}, false
	}
	return time.Unix(int64(n), 0).UTC(), true
}

// decode reads base64 with white space in it; nothing is none.
func decode(text string) ([]byte, bool) {
	b, err := base64.StdEncoding.DecodeString(squeeze(text))
	return b, err == nil && len(b) > 0
}

// Timely says whether a signature counts now.
func (s *Signature) Timely(now time.Time) Reason {
	switch {
	case !s.Until.IsZero() && !now.Before(s.Until):
		return Expired
	case s.At.After(now.Add(leeway)):
		return Ahead
	}
	return ""
}

// Unsigned is a field with nothing in its tag b= (RFC 6376 section 3.5, 3.7). Its tags begin at an octet of its value.
func Unsigned(f canon.Field, begin int) canon.Field {
	all, _ := ParseTags(f.Value[begin:])
	if b, found := all.find("b"); found {
		f.Value = f.Value[:begin+b.from] + f.Value[begin+b.to:]
	}
	return f
}

// Digest is the hash that a signature of a mail signs: of the fields that it names, each the lowest that was not taken yet
// (RFC 6376 section 5.4.2), and of its own, of which the tags begin at an octet of its value.
func (s *Signature) Digest(header []canon.Field, own *canon.Field, begin int) []byte {
	places := s.places(header, own)
	sum := sha256.New()
	var line []byte
	for _, name := range s.Covers {
		left := places[name]
		if len(left) == 0 {
			continue // of a field that is not there nothing is hashed
		}
		last := len(left) - 1
		line = header[left[last]].Append(line[:0], s.Header)
		places[name] = left[:last]
		sum.Write(line)
	}
	sum.Write(Unsigned(*own, begin).AppendOpen(line[:0], s.Header))
	return sum.Sum(nil)
}

// places are the indexes of the fields that the signature names. Its own field is none of them.
func (s *Signature) places(header []canon.Field, own *canon.Field) map[string][]int {
	places := make(map[string][]int)
	for _, name := range s.Covers {
		places[name] = nil
	}
	for i := range header {
		name := strings.ToLower(strings.TrimRight(header[i].Name, " \t"))
		if list, named := places[name]; named && &header[i] != own {
			places[name] = append(list, i)
		}
	}
	return places
}
