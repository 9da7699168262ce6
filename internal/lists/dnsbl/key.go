package dnsbl

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// Key is an operator's key for lists that want one. It becomes part of a name when a list is asked, and shows
// itself nowhere else: not printed, not logged, not in JSON.
type Key struct {
	reveal func() string // a function, for fmt prints what fields hold
}

// NewKey takes a key: letters, digits, hyphens, 8 to 63 of them. The error does not repeat it.
func NewKey(text string) (Key, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	if len(text) < 8 || len(text) > 63 {
		return Key{}, errors.New("read a list's key: it does not have 8 to 63 characters")
	}
	for i := range len(text) {
		if c := text[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return Key{}, errors.New("read a list's key: it has other characters than letters, digits and hyphens")
		}
	}
	return Key{reveal: func() string { return text }}, nil
}

// Known reports whether there is a key.
func (k Key) Known() bool { return k.reveal != nil }

// String does not show it.
func (k Key) String() string {
	if k.Known() {
		return "(a key)"
	}
	return "(no key)"
}

// GoString does not show it.
func (k Key) GoString() string { return k.String() }

// MarshalText does not show it.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// in puts the key into a key zone.
func (k Key) in(zone string) string { return strings.Replace(zone, "{key}", k.reveal(), 1) }

// hide takes the key out of a text that came from a list.
func (k Key) hide(text string) string {
	if !k.Known() {
		return text
	}
	secret := k.reveal()
	for at := 0; ; {
		i := strings.Index(lower(text[at:]), secret)
		if i < 0 {
			return text
		}
		text = text[:at+i] + "{key}" + text[at+i+len(secret):]
		at += i + len("{key}")
	}
}

// lower is lower case of ASCII alone, so that octets stay where they are.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// keyName is under which name the key for a list is looked for.
func keyName(l *List) string {
	return "POSTWARD_KEY_" + strings.ToUpper(strings.ReplaceAll(l.Key, "-", "_"))
}

// Options are what there is of agreements with a set's lists: getenv has the keys (that of List.Key "spamhaus" is
// POSTWARD_KEY_SPAMHAUS; there is no flag for them: everybody on the host sees those), registered names the lists that
// know the resolver's address, servers are who is asked.
func (s *Set) Options(servers []netip.AddrPort, getenv func(string) string, registered []string) (Options, error) {
	o := Options{Keys: map[string]Key{}, Registered: map[string]bool{}}
	for _, server := range servers {
		o.Public = cmp.Or(o.Public, PublicResolver(server.Addr()))
	}
	for _, name := range registered {
		if s.ByName(name) == nil {
			return o, fmt.Errorf("registered with %q: no such list: postward lists list", name)
		}
		o.Registered[name] = true
	}
	for _, l := range s.lists {
		name := keyName(l)
		text := getenv(name)
		if l.Key == "" || text == "" {
			continue
		}
		key, err := NewKey(text)
		if err != nil {
			return o, fmt.Errorf("read %s: %w", name, err)
		}
		o.Keys[l.Key] = key
	}
	return o, nil
}
