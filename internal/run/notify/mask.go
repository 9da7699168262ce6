package notify

import (
	"cmp"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// secrets are the parts of a URL that must not be shown.
type secrets []string

// shortest is the length, in octets, below which a part of a URL is a word and not a secret.
const shortest = 4

// secretsOf takes every part of a URL for a secret, but its scheme and a host: each whole component, because a token
// may be made of short words, and each word of it, because an error may show only some.
func secretsOf(raw string) secrets {
	scheme, rest, isURL := strings.Cut(raw, "://")
	if !isURL {
		rest = raw // all of it may be a token that was pasted alone
	}
	scheme, _, _ = strings.Cut(scheme, "+")
	var all secrets
	host, hostPort := "", ""
	if u, err := url.Parse(raw); err == nil && hosted[scheme] {
		host, hostPort = u.Hostname(), u.Host
	}
	add := func(text string) {
		for _, separators := range []string{"/@?&=#", "/:@?&=#-,;"} {
			for _, part := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
				if len(part) >= shortest && !strings.Contains(host, part) && part != hostPort {
					all = append(all, writings(part)...)
				}
			}
		}
	}
	add(rest)
	if plain, err := url.PathUnescape(rest); err == nil {
		add(plain)
	}
	if plain, err := url.QueryUnescape(rest); err == nil {
		add(plain)
	}
	// The longest first: a secret may contain another one.
	slices.SortFunc(all, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	return slices.Compact(all)
}

// writings returns the ways in which an error may write a part of a URL.
func writings(part string) []string {
	quoted := strconv.Quote(part)
	return []string{part, url.PathEscape(part), url.QueryEscape(part), (&url.URL{Path: part}).EscapedPath(), quoted[1 : len(quoted)-1]}
}

// mask returns an error with the same words without the secrets. It is not wrapped: what is inside has them.
func (s secrets) mask(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	for _, secret := range s {
		text = strings.ReplaceAll(text, secret, "…")
	}
	return errors.New(printable(text, 500))
}
