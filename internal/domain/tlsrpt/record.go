// Package tlsrpt reads TLS-RPT records: where a domain wants to be told of TLS that failed on the way to it (RFC 8460
// section 3), at _smtp._tls.DOMAIN.
//
// It imports nothing of the house. A record over MaxText octets is not read.
package tlsrpt

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
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
			for uri := range strings.SplitSeq(value, ",") {
				uri = strings.TrimSpace(uri)
				if u, err := url.Parse(uri); err != nil || !slices.Contains([]string{"mailto", "https"}, u.Scheme) || u.Opaque+u.Host == "" {
					return r, fmt.Errorf("%.60q is no mailto: or https: URI", uri)
				}
				if r.To = append(r.To, uri); len(r.To) > maxURIs {
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
