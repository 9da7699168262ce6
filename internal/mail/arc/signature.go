package arc

import (
	"slices"
	"strings"

	"postward/internal/mail/canon"
	"postward/internal/mail/dkim"
)

// Resolver is what is asked for keys.
type Resolver = dkim.Resolver

// signature is what an ARC-Message-Signature or an ARC-Seal says.
type signature struct {
	dkim.Signature
	cv Status
}

// readMessage reads the tags of an ARC-Message-Signature (section 4.1.2: those of RFC 6376 section 3.5 but v and i).
func readMessage(all dkim.Tags) (s signature, flaw Reason) {
	flaw = s.ReadMessage(all)
	if flaw == "" && slices.Contains(s.Covers, "arc-seal") {
		flaw = SignsSeal
	}
	return s, flaw
}

// readSeal reads the tags of an ARC-Seal (section 4.1.3).
func readSeal(all dkim.Tags) (s signature, flaw Reason) {
	s.Header = canon.Relaxed
	switch cv := strings.ToLower(all.Value("cv")); cv {
	case "none", "pass", "fail":
		s.cv = map[string]Status{"none": None, "pass": Pass, "fail": Fail}[cv]
	default:
		flaw = WrongCV
	}
	if all.Has("h") && flaw == "" {
		flaw = NamesFields
	}
	if common := s.Read(all); flaw == "" {
		flaw = common
	}
	return s, flaw
}

// tagsOf is where the tags of a field begin, for the instance before them is none: there may be comments around it.
func tagsOf(f *canon.Field) int {
	_, rest, first := cutInstance(f.Value)
	if !first {
		return 0
	}
	return len(f.Value) - len(rest)
}

// unsigned is a field as it was when it was signed.
func unsigned(f *canon.Field) canon.Field { return dkim.Unsigned(*f, tagsOf(f)) }

// digestMail is the hash that the ARC-Message-Signature of a set signs.
func (s *set) digestMail(header []canon.Field) []byte {
	return s.signed.Digest(header, s.fields[ams], tagsOf(s.fields[ams]))
}
