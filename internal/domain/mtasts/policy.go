// Package mtasts reads what a domain promises about TLS to its exchangers (MTA-STS, RFC 8461): the record that says that
// there is a policy, and the policy, which is fetched by HTTPS.
//
// Fetch makes one request, at MaxAddrs addresses at most, follows no redirect, and reads at most MaxPolicy octets; it ends with its context. What comes is
// a stranger's text. Of the house the package imports netinfo, to tell the addresses of the internet.
package mtasts

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MaxPolicy bounds a policy, in octets (RFC 8461 section 3.3).
const MaxPolicy = 64 << 10

const (
	maxMX  = 100
	maxAge = 31557600 * time.Second // a year: section 3.2
)

// Mode is what senders shall do when TLS fails.
type Mode string

// The modes of section 3.2.
const (
	Enforce Mode = "enforce"
	Testing Mode = "testing"
	None    Mode = "none"
)

// Policy is a policy that was read.
type Policy struct {
	Mode   Mode
	MX     []string // lower case; "*.example.org" stands for one label more
	MaxAge time.Duration
}

// IsRecord reports whether a TXT record is one, well made or not: all others are discarded (section 3.1). The grammar lets blanks
// stand before the semicolon; v=STSv10 is another version.
func IsRecord(text string) bool {
	rest, is := strings.CutPrefix(text, "v=STSv1")
	rest = strings.TrimLeft(rest, " \t")
	return is && (rest == "" || rest[0] == ';')
}

// field is one of a record (section 3.1): no blank stands around its equals sign.
var field = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9_.-]{0,31})=([!-:<>-~]+)$`)

// ParseRecord reads a record, which IsRecord, and returns the policy's ID.
func ParseRecord(text string) (id string, err error) {
	parts := strings.Split(text, ";")
	for i, part := range parts[1:] {
		part = strings.Trim(part, " \t")
		if part == "" && i == len(parts)-2 {
			break // the last semicolon
		}
		f := field.FindStringSubmatch(part)
		switch {
		case f == nil:
			return "", fmt.Errorf("%.40q is no name=value (no blank stands around the equals sign)", part)
		case f[1] == "id" && id == "":
			id = f[2]
		}
	}
	if id == "" || len(id) > 32 || strings.ContainsFunc(id, func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') }) {
		return "", fmt.Errorf("id=%.40q is not 1 to 32 letters and digits", id)
	}
	return id, nil
}

// ParsePolicy reads a policy. The error says what is wrong with it.
func ParsePolicy(text string) (Policy, error) {
	var p Policy
	if len(text) > MaxPolicy {
		return p, fmt.Errorf("it has more than %d octets", MaxPolicy)
	}
	seen := map[string]string{}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		key, value, ok := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch {
		case strings.TrimSpace(line) == "":
		case !ok:
			return p, fmt.Errorf("%.40q is no key: value", line)
		case strings.TrimSpace(key) != key:
			return p, fmt.Errorf("a blank stands before or behind the key in %.40q", line)
		case key == "mx":
			if p.MX = append(p.MX, strings.TrimSuffix(strings.ToLower(value), ".")); len(p.MX) > maxMX {
				return p, fmt.Errorf("it names more than %d hosts", maxMX)
			}
		default:
			if _, twice := seen[key]; !twice { // section 3.2: the first one counts
				seen[key] = value
			}
		}
	}
	p.Mode = Mode(seen["mode"])
	seconds, err := strconv.ParseUint(seen["max_age"], 10, 32)
	p.MaxAge = time.Duration(seconds) * time.Second
	switch {
	case seen["version"] != "STSv1":
		err = fmt.Errorf("its version is %.20q and not STSv1", seen["version"])
	case !slices.Contains([]Mode{Enforce, Testing, None}, p.Mode):
		err = fmt.Errorf("its mode is %.20q: none of enforce, testing and none", seen["mode"])
	case err != nil || p.MaxAge > maxAge:
		err = fmt.Errorf("its max_age is %.20q: not from 0 to 31557600 seconds", seen["max_age"])
	case len(p.MX) == 0 && p.Mode != None:
		err = errors.New("it names no host: mx is missing")
	}
	return p, err
}

// Covers reports whether a host is one of the policy's (section 4.1).
func (p *Policy) Covers(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	_, above, _ := strings.Cut(host, ".")
	return slices.ContainsFunc(p.MX, func(mx string) bool { return mx == host || above != "" && mx == "*."+above })
}
