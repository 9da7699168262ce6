package arc

import (
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"time"

	"postward/internal/mail/canon"
	addresses "postward/internal/mail/message"
)

// leeway is how far ahead the clock of a signer may be.
const leeway = 24 * time.Hour

// signature is what an ARC-Message-Signature or an ARC-Seal says.
type signature struct {
	algorithm        string // of the key: rsa or ed25519
	domain, selector string // d= in A-labels
	sum              []byte // b=
	bodySum          []byte // bh=
	covers           []string
	header, body     canon.Form
	cv               Status
	at, until        time.Time // t= and x=; zero: it does not say
}

// readMessage reads the tags of an ARC-Message-Signature (section 4.1.2: those of RFC 6376 section 3.5 but v and i).
func readMessage(all tags) (s signature, flaw Reason) {
	var ok bool
	if s.header, s.body, ok = canon.ParseForms(all.value("c")); !ok {
		return s, Form
	}
	if s.bodySum, ok = decode(all.value("bh")); !ok || len(s.bodySum) != sha256.Size {
		return s, NoTag
	}
	for _, name := range all.list("h") {
		s.covers = append(s.covers, strings.ToLower(name))
	}
	switch {
	case !all.has("h"):
		return s, NoTag
	case !has(s.covers, "from"):
		return s, NoFrom
	case has(s.covers, "arc-seal"):
		return s, SignsSeal
	case all.has("l"):
		return s, PartOfBody
	case all.has("q") && !has(all.list("q"), "dns/txt"):
		return s, OtherQuery
	}
	return s, s.common(all, true)
}

// readSeal reads the tags of an ARC-Seal (section 4.1.3).
func readSeal(all tags) (s signature, flaw Reason) {
	s.header = canon.Relaxed
	switch cv := strings.ToLower(all.value("cv")); cv {
	case "none", "pass", "fail":
		s.cv = map[string]Status{"none": None, "pass": Pass, "fail": Fail}[cv]
	default:
		flaw = WrongCV
	}
	if all.has("h") && flaw == "" {
		flaw = NamesFields
	}
	if common := s.common(all, false); flaw == "" {
		flaw = common
	}
	return s, flaw
}

func has(list []string, name string) bool {
	for _, other := range list {
		if other == name {
			return true
		}
	}
	return false
}

// common reads what both have.
func (s *signature) common(all tags, expires bool) Reason {
	key, hash, _ := strings.Cut(strings.ToLower(all.value("a")), "-")
	if !all.has("a") {
		return NoTag
	}
	if hash != "sha256" || key != "rsa" && key != "ed25519" {
		return Algorithm
	}
	var ok bool
	if s.sum, ok = decode(all.value("b")); !ok {
		return NoTag
	}
	s.algorithm = key
	if s.domain, s.selector, ok = domains(all.value("d"), all.value("s")); !ok {
		return NoDomain
	}
	return s.times(all, expires)
}

// domains reads d= and s=. Both may have U-labels (section 4.1.4).
func domains(d, s string) (domain, selector string, ok bool) {
	domain, err := addresses.Domain(d)
	if err != nil || strings.HasPrefix(domain, "[") {
		return "", "", false
	}
	selector, err = addresses.Domain(s)
	return domain, selector, err == nil && !strings.HasPrefix(selector, "[")
}

// times reads t= and x=.
func (s *signature) times(all tags, expires bool) Reason {
	var ok bool
	if s.at, ok = moment(all, "t"); !ok {
		return BadTime
	}
	if !expires {
		return ""
	}
	if s.until, ok = moment(all, "x"); !ok || !s.until.IsZero() && !s.until.After(s.at) {
		return BadTime
	}
	return ""
}

// moment reads seconds since 1970, of at most twelve digits.
func moment(all tags, name string) (time.Time, bool) {
	if !all.has(name) {
		return time.Time{}, true
	}
	text := all.value(name)
	n, err := strconv.ParseUint(text, 10, 63)
	return time.Unix(int64(n), 0).UTC(), err == nil && len(text) <= 12
}

// decode reads base64 with white space in it; nothing is none.
func decode(text string) ([]byte, bool) {
	b, err := base64.StdEncoding.DecodeString(squeeze(text))
	return b, err == nil && len(b) > 0
}

// timely says whether a signature counts now.
func (s *signature) timely(now time.Time) Reason {
	switch {
	case !s.until.IsZero() && !now.Before(s.until):
		return Expired
	case s.at.After(now.Add(leeway)):
		return Ahead
	}
	return ""
}

// unsigned is a field with nothing in its tag b= (RFC 6376 section 3.5, 3.7).
func unsigned(f canon.Field) canon.Field {
	_, rest, first := cutInstance(f.Value)
	if !first {
		rest = f.Value
	}
	begin := len(f.Value) - len(rest)
	all, _ := parseTags(rest)
	if b, found := all.find("b"); found {
		f.Value = f.Value[:begin+b.from] + f.Value[begin+b.to:]
	}
	return f
}

// digest is the hash that an ARC-Message-Signature signs: of the fields that it names, each the lowest that was not taken
// yet (RFC 6376 section 5.4.2), and of itself.
func (s *signature) digest(header []canon.Field, own *canon.Field) []byte {
	places := s.places(header, own)
	sum := sha256.New()
	var line []byte
	for _, name := range s.covers {
		left := places[name]
		if len(left) == 0 {
			continue // of a field that is not there nothing is hashed
		}
		last := len(left) - 1
		line = header[left[last]].Append(line[:0], s.header)
		places[name] = left[:last]
		sum.Write(line)
	}
	sum.Write(unsigned(*own).AppendOpen(line[:0], s.header))
	return sum.Sum(nil)
}

// places are the indexes of the fields that the signature names. Its own field is none of them.
func (s *signature) places(header []canon.Field, own *canon.Field) map[string][]int {
	places := make(map[string][]int)
	for _, name := range s.covers {
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
