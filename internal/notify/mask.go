package notify

import (
	"errors"
	"net/url"
	"slices"
	"strings"
)

// secrets are the parts of a URL that must not be shown.
type secrets []string

// shortest is the length, in octets, below which a part of a URL is a word and not a secret.
const shortest = 4

// secretsOf takes every part of a URL for a secret, but its scheme and a host.
func secretsOf(raw string) secrets {
	scheme, rest, _ := strings.Cut(raw, "://")
	scheme, _, _ = strings.Cut(scheme, "+")
	var all secrets
	host := ""
	if u, err := url.Parse(raw); err == nil && hosted[scheme] {
		host = u.Hostname()
	}
	add := func(text string) {
		for _, part := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune("/:@?&=#-,;", r) }) {
			if len(part) >= shortest && !strings.Contains(host, part) && !slices.Contains(all, part) {
				all = append(all, part)
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
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return all
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
