package keys

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"postward/internal/mail/message"
	"postward/internal/wire/dns"
)

// State is how far a key has come. The package's doc says what each means.
type State string

// The states, in their order.
const (
	Made      State = "made"
	Published State = "published"
	Active    State = "active"
	Retiring  State = "retiring"
	Removed   State = "removed"
)

// Algorithm is what a key signs with, as the k tag of a record names it (RFC 6376 section 3.6.1, RFC 8463 section 4).
type Algorithm string

// The algorithms of a pair.
const (
	RSA     Algorithm = "rsa"
	Ed25519 Algorithm = "ed25519"
)

// Algorithms are those of a pair, in the order in which keys are shown.
var Algorithms = []Algorithm{RSA, Ed25519}

// Title is the algorithm as people write it.
func (a Algorithm) Title() string {
	if a == RSA {
		return "RSA"
	}
	return "Ed25519"
}

// Key is what is known of a key. It holds nothing that is secret.
type Key struct {
	Domain    string        `json:"domain"` // as message.Domain gives it
	Selector  string        `json:"selector"`
	Algorithm Algorithm     `json:"algorithm"`
	Bits      int           `json:"bits"`
	Public    string        `json:"public"` // what p has in the record
	State     State         `json:"state"`
	Since     time.Time     `json:"since"`            // when it came to its state
	Made      time.Time     `json:"made"`             // of one taken over: as old as its file
	Until     time.Time     `json:"until,omitzero"`   // published: from then on no old answer is believed
	Looked    time.Time     `json:"looked,omitzero"`  // when the name servers were last asked
	Steady    time.Time     `json:"steady,omitzero"`  // since when looks have followed one another as they should: the clock made no leap
	Stale     time.Duration `json:"stale,omitzero"`   // how long what they showed without it may be believed, at most
	From      string        `json:"from,omitempty"`   // whose it was before it was taken over
	Known     bool          `json:"known,omitempty"`  // resolvers know its record: it was signed with elsewhere
	Signed    bool          `json:"signed,omitempty"` // mail was signed with it, here or elsewhere, and may be on its way
}

// Name is where the record of the key is looked for (RFC 6376 section 3.6.2.1), without the final dot. No two keys have one.
func (k *Key) Name() string { return k.Selector + "._domainkey." + k.Domain }

// Record is the text that belongs there.
func (k *Key) Record() string { return "v=DKIM1; k=" + string(k.Algorithm) + "; p=" + k.Public }

// maxString is what one character-string of a TXT record can hold (RFC 1035 section 3.3.14).
const maxString = 255

// ZoneLine is the record as zone files write it (RFC 1035 section 5.1).
func (k *Key) ZoneLine() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s. IN TXT", k.Name())
	for text := k.Record(); text != ""; {
		n := min(len(text), maxString)
		fmt.Fprintf(&b, " %q", text[:n])
		text = text[n:]
	}
	return b.String()
}

// String is the key in few words.
func (k *Key) String() string { return fmt.Sprintf("%s, %d bits", k.Algorithm.Title(), k.Bits) }

// Domain brings a domain into the form in which keys are kept, and refuses what has no zone.
func Domain(s string) (string, error) {
	d, err := message.Domain(strings.TrimSpace(s))
	if err == nil && (strings.HasPrefix(d, "[") || !strings.Contains(d, ".") || !inFileName(d)) {
		err = errors.New("it is no name with a zone, like example.org")
	}
	if err != nil {
		return "", fmt.Errorf("read the domain %q: %w", s, err)
	}
	return d, nil
}

// Selector brings a selector into the form in which it is kept (RFC 6376 section 3.1: labels, with dots between them).
func Selector(s string) (string, error) {
	name := strings.ToLower(strings.TrimSpace(s))
	if !inFileName(name) || strings.Contains(name, "_domainkey") {
		return "", fmt.Errorf("read the selector %q: it is no label like mail2026", s)
	}
	return name, nil
}

// inFileName reports whether a name is one that DNS can carry and that can be a file's: letters, digits, hyphens, underscores, and
// dots within it.
func inFileName(s string) bool {
	_, ok := dns.Canonical(s + "._domainkey.x")
	return ok && s != "" && s[0] != '.' && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	})
}

// newSelector is a selector of a day that is not taken: pw20261130r, or pw20261130r2 when there is one.
func newSelector(a Algorithm, now time.Time, taken func(string) bool) string {
	first := "pw" + now.UTC().Format("20060102") + string(a[0])
	name := first
	for n := 2; taken(name); n++ {
		name = fmt.Sprintf("%s%d", first, n)
	}
	return name
}
