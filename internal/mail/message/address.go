package message

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// MaxAddress is the longest address that is read, in octets. RFC 5321 section 4.5.3.1 allows 64 for the local part and
// 255 for the domain. A longer one is refused, and never cut: cut at any place, two of them would be one.
const MaxAddress = 512

// Unreadable is the domain of what cannot be read as an address; see Canonical.
const Unreadable = "unreadable.invalid"

// Why an address cannot be read.
var (
	errLong      = fmt.Errorf("it is longer than %d octets", MaxAddress)
	errBrackets  = errors.New("it is not one path in angle brackets")
	errLocal     = errors.New("its local part is neither a dot-string nor a quoted string")
	errDomain    = errors.New("its domain is neither a name nor an address in brackets")
	errUnprinted = errors.New("it has characters that are not printed")
)

// Address reads one address in the form that Postfix has it in its macros and its log: without angle brackets, the
// local part quoted where it must be (RFC 5321 section 4.1.2, RFC 6531 section 3.3). What it returns is the one form in
// which addresses are compared, everywhere:
//
//   - the domain as A-labels (RFC 5890) in lower case, without its last dot; what is no valid IDN is only lower-cased; an
//     address literal (RFC 5321 section 4.1.3) as package netip writes it;
//   - the local part without regard to case (Unicode's canonical caseless match, in NFC), quoted where it has anything but
//     atext and dots and nowhere else. No receiver that matters tells Anna from anna, and an attacker must not get a
//     new budget by typing.
//
// The empty address is the null reverse-path. One without a domain ("postmaster") has none here either. An unquoted local
// part may hold what a dot-string may not, for old logs have it so.
func Address(s string) (string, error) {
	if len(s) > MaxAddress {
		return "", errLong
	}
	local, domain, found, err := cut(s)
	if err != nil || s == "" {
		return "", err
	}
	if s[0] != '"' && strings.ContainsAny(local, " \"<>\\") {
		return "", errLocal
	}
	return join(local, domain, found, s)
}

// Path reads a Reverse-path or Forward-path as a client says it (RFC 5321 section 4.1.2), strictly: one address in
// angle brackets and no comment. A source route is passed over (RFC 5321 appendix C). Dots may stand anywhere in the
// local part: that is not allowed, and used.
func Path(s string) (string, error) {
	if len(s) < 2 || s[0] != '<' || s[len(s)-1] != '>' {
		return "", errBrackets
	}
	s = s[1 : len(s)-1]
	if strings.HasPrefix(s, "@") {
		route, rest, found := strings.Cut(s, ":")
		if !found || strings.ContainsFunc(route, notInRoute) {
			return "", errBrackets
		}
		s = rest
	}
	if local, _, _, err := cut(s); err == nil && s != "" && s[0] != '"' && strings.ContainsFunc(local, notDotted) {
		return "", errLocal
	}
	return Address(s)
}

// Canonical is Address, or Path for what stands in angle brackets, for what must be kept in any case: a log line, a
// header field. What cannot be read is an address of its own, in the domain Unreadable: some of its text, and a
// digest of all of it.
func Canonical(s string) string {
	read, s := Address, strings.TrimSpace(s)
	if strings.HasPrefix(s, "<") {
		read = Path
	}
	a, err := read(s)
	if err != nil {
		return standIn(s)
	}
	return a
}

// Domain brings a domain into the form that Address gives it.
func Domain(s string) (string, error) {
	if len(s) > MaxAddress {
		return "", errLong
	}
	return domainOf(s)
}

// DomainOf returns the domain of an address that Address returned; empty if it has none.
func DomainOf(address string) string {
	at := strings.LastIndexByte(address, '@')
	if at < 0 || strings.HasSuffix(address, `"`) { // a quoted local part alone
		return ""
	}
	return address[at+1:]
}

// Account brings the name of a login (RFC 4954) into the form in which names are compared: one that reads as an address
// as Address has it, so that it is equal to that address; any other in lower case.
func Account(login string) string {
	login = strings.ToValidUTF8(strings.TrimSpace(login), "?")
	if a, err := Address(login); err == nil && strings.Contains(a, "@") {
		return a
	}
	return strings.ToLower(login)
}

// cut parts an address at the @ before its domain, and takes the quotes off its local part.
func cut(s string) (local, domain string, found bool, err error) {
	if !strings.HasPrefix(s, `"`) {
		at := strings.LastIndexByte(s, '@')
		if at < 0 {
			return s, "", false, nil
		}
		return s[:at], s[at+1:], true, nil
	}
	end, escaped := 1, false
	for ; end < len(s) && s[end] != '"'; end++ {
		if s[end] == '\\' {
			end, escaped = end+1, true
		}
	}
	if end >= len(s) {
		return "", "", false, errLocal
	}
	local = s[1:end]
	if escaped {
		local = unescape(local)
	}
	if s = s[end+1:]; s == "" {
		return local, "", false, nil
	}
	if s[0] != '@' {
		return "", "", false, errLocal
	}
	return local, s[1:], true, nil
}

// unescape takes away the backslash of each quoted-pair.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// join makes the canonical address of a local part without quotes and a domain. whole is what they were read from: when
// nothing of it changes it is the answer, and nothing is allocated.
func join(local, domain string, found bool, whole string) (string, error) {
	if local == "" {
		return "", errLocal
	}
	name, err := fold(local)
	if err != nil {
		return "", err
	}
	name = quote(name)
	if !found {
		return bounded(name)
	}
	host, err := domainOf(domain)
	if err != nil {
		return "", err
	}
	if len(name)+1+len(host) == len(whole) && whole[:len(name)] == name && whole[len(name)+1:] == host {
		return whole, nil
	}
	return bounded(name + "@" + host)
}

func bounded(s string) (string, error) {
	if len(s) > MaxAddress {
		return "", errLong
	}
	return s, nil
}

// fold takes the case away (Unicode 15.0 section 3.13, D145).
func fold(s string) (string, error) {
	if !ascii(s) {
		if !utf8.ValidString(s) {
			return "", errUnprinted
		}
		s = norm.NFC.String(strings.Map(cherokee, cases.Fold().String(norm.NFD.String(s))))
	} else {
		s = strings.ToLower(s)
	}
	if strings.ContainsFunc(s, unprinted) {
		return "", errUnprinted
	}
	return s, nil
}

// cherokee folds the letters that package cases swaps instead: Unicode folds the small ones to the capital ones
// (CaseFolding.txt), whatever stands there.
func cherokee(r rune) rune {
	switch {
	case r >= 0xab70 && r <= 0xabbf:
		return r - 0xab70 + 0x13a0
	case r >= 0x13f8 && r <= 0x13fd:
		return r - 8
	}
	return r
}

// quote puts quotes around a local part that cannot be read without them. Dots may stand anywhere: Postfix quotes those
// that RFC 5321 section 4.1.2 does not allow, people and their programs do not, and both mean one mailbox.
func quote(local string) string {
	if !strings.ContainsFunc(local, notDotted) {
		return local
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(local) + `"`
}

// idn is IDNA2008 with the mapping of UTS 46, non-transitional, as strict as ICU is for Postfix and no stricter.
var idn = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false), idna.CheckHyphens(false), idna.CheckJoiners(false))

// domainOf brings a domain or an address literal into its canonical form.
func domainOf(s string) (string, error) {
	if strings.HasPrefix(s, "[") {
		return literal(s)
	}
	if !ascii(s) {
		name, err := idn.ToASCII(s)
		if err != nil { // no IDN as it stands; without its case it may be one
			folded, unreadable := fold(s)
			if unreadable != nil {
				return "", unreadable
			}
			if name, err = idn.ToASCII(folded); err != nil {
				name = folded
			}
		}
		s = name
	}
	s = strings.ToLower(strings.TrimSuffix(s, "."))
	for label := range strings.SplitSeq(s, ".") {
		if label == "" || strings.ContainsFunc(label, notInLabel) {
			return "", errDomain
		}
	}
	return s, nil
}

// literal reads "[192.0.2.1]" and "[IPv6:2001:db8::1]".
func literal(s string) (string, error) {
	inner, found := strings.CutSuffix(s[1:], "]")
	tag := ""
	if len(inner) > 5 && strings.EqualFold(inner[:5], "ipv6:") {
		tag, inner = "ipv6:", inner[5:]
	}
	addr, err := netip.ParseAddr(inner)
	if !found || err != nil || addr.Zone() != "" || addr.Is4() != (tag == "") {
		return "", errDomain
	}
	return "[" + tag + addr.String() + "]", nil
}

// standIn is the address of what cannot be read as one.
func standIn(s string) string {
	sum := sha256.Sum256([]byte(s))
	var shown strings.Builder
	for _, r := range strings.ToValidUTF8(s[:min(len(s), 64)], "?") {
		if unprinted(r) || r == '"' || r == '\\' || r >= utf8.RuneSelf {
			r = '?'
		}
		shown.WriteRune(unicode.ToLower(r))
	}
	return `"` + shown.String() + " " + hex.EncodeToString(sum[:16]) + `"@` + Unreadable
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// unprinted reports what turns text around, hides in it, or controls a terminal.
func unprinted(r rune) bool { return !unicode.IsPrint(r) }

func notAtext(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r >= utf8.RuneSelf || strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r))
}

func notDotted(r rune) bool { return r != '.' && notAtext(r) }

func notInLabel(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r >= utf8.RuneSelf || r == '-' || r == '_')
}

// notInRoute is what the domains of a source route, and what parts them, do not have.
func notInRoute(r rune) bool {
	return r != '@' && r != ',' && r != '.' && notInLabel(unicode.ToLower(r))
}
