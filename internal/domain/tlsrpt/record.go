// Package tlsrpt reads TLS-RPT records: where a domain wants to be told of TLS that failed on the way to it (RFC 8460
// section 3), at _smtp._tls.DOMAIN.
//
// Of the house it imports uri. A record over MaxText octets is not read.
package tlsrpt

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"postward/internal/domain/uri"
)

// MaxText bounds a record, in octets.
const MaxText = 8 << 10

const maxURIs = 32

// Record is a record that was read.
type Record struct {
	To []string `json:"rua"` // mailto: and https: URIs
}

// Is reports whether a TXT record is meant to be one: all others are skipped (RFC 8460 section 3, whose grammar lets white
// space stand before the semicolon).
func Is(text string) bool {
	rest, is := strings.CutPrefix(text, "v=TLSRPTv1")
	rest = strings.TrimLeft(rest, " \t")
	return is && (rest == "" || rest[0] == ';')
}

// Parse reads a record. The error says what is wrong with it.
func Parse(text string) (Record, error) {
	var r Record
	if !Is(text) {
		return r, errors.New("it does not begin with v=TLSRPTv1;")
	}
	if len(text) > MaxText {
		return r, fmt.Errorf("it has %d octets", len(text))
	}
	for part := range strings.SplitSeq(strings.TrimPrefix(text, "v=TLSRPTv1"), ";") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		switch {
		case name == "" && !ok:
		case !ok:
			return r, fmt.Errorf("%.40q is no name=value", name)
		case strings.TrimSpace(name) == "rua" && r.To != nil:
			return r, errors.New("rua stands there twice")
		case strings.TrimSpace(name) == "rua":
			for text := range strings.SplitSeq(value, ",") {
				text = strings.TrimSpace(text)
				if !usable(text) {
					return r, fmt.Errorf("%.60q is no mailto: or https: URI", text)
				}
				if r.To = append(r.To, text); len(r.To) > maxURIs {
					return r, fmt.Errorf("rua has more than %d URIs", maxURIs)
				}
			}
		}
	}
	if r.To == nil {
		return r, errors.New("it names nobody: rua is missing")
	}
	return r, nil
}

// usable reports whether a text is a URI that reports can be sent to.
func usable(text string) bool {
	return uri.Scheme(text) == "mailto" || strings.HasPrefix(text, "https://") && uri.Scheme(text) != ""
}

// Almost reports whether a text means to be a record and is none.
func Almost(text string) bool { return !Is(text) && almost.MatchString(text) }

var almost = regexp.MustCompile(`(?i)^[\pZ\s"'.;]*(v[\pZ\s]*[=:]?[\pZ\s]*)?tls-?rpt[\pZ\s]*v?1?([^A-Za-z0-9]|$)`)

// sent is where reports are sent to, in a record however it is written.
var sent = regexp.MustCompile(`(?i)rua[\pZ\s]*[=:](.*)`)

// Mended is one record for the addresses of some, as they were meant; empty: they name nobody.
func Mended(texts ...string) string {
	var all []string
	for _, text := range texts {
		m := sent.FindStringSubmatch(text[:min(len(text), MaxText)])
		if m == nil {
			continue
		}
		for _, to := range uri.Mended(m[1]) {
			if usable(to) && !slices.Contains(all, to) && len(all) < maxURIs {
				all = append(all, to)
			}
		}
	}
	if len(all) == 0 {
		return ""
	}
	return "v=TLSRPTv1; rua=" + strings.Join(all, ",")
}
