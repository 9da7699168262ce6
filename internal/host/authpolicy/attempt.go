package authpolicy

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"postward/internal/mail/message"
)

// Bounds of a request, in octets. Dovecot takes a login of at most 8 KiB from a client, password and all.
const (
	maxBody  = 64 << 10
	maxToken = 64 // of a protocol, a session and a kind of failure
)

// Attempt is one login, as Dovecot tells it.
type Attempt struct {
	Account  string     // the login in the one form in which names are compared (message.Account); never empty
	Client   netip.Addr // where it comes from; invalid when Dovecot does not say
	Protocol string     // imap, pop3, smtp (Postfix, whatever its port), submission, sieve, lmtp, doveadm, …; lower case
	Session  string     // of Dovecot's own login processes; Postfix's logins have none
	TLS      bool

	PasswordHash PasswordHash

	// Of a report alone.
	Success      bool
	PolicyReject bool   // it failed because an answer of ours refused it
	Failure      string // why it failed, of Dovecot 2.4: credentials, account, expired, disabled, policy, internal; else empty
}

// PasswordHash is what Dovecot says of a password: the first bits of a hash, which two passwords may share. 0 is none. It
// is for comparing with others of the same account, in memory: whatever prints it shows nothing.
type PasswordHash uint64

// Format keeps it out of every text.
func (PasswordHash) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("…")) }

// MarshalJSON keeps it out of every file.
func (PasswordHash) MarshalJSON() ([]byte, error) { return []byte(`"…"`), nil }

// words is the JSON of a request. What else stands in it is somebody's own attribute.
type words struct {
	Login        string `json:"login"`
	Hash         string `json:"pwhash"`
	Remote       string `json:"remote"`
	Protocol     string `json:"protocol"`
	Session      string `json:"session_id"`
	TLS          bool   `json:"tls"`
	Secured      string `json:"secured"` // also without TLS, from this host
	Success      bool   `json:"success"`
	PolicyReject bool   `json:"policy_reject"`
	Failure      string `json:"fail_type"`
}

var errNoLogin = errors.New("it names no login: auth_policy_request_attributes must have login=%{requested_username}")

// parse reads the body of a request.
func parse(body []byte) (*Attempt, error) {
	var w words
	if err := json.Unmarshal(body, &w); err != nil {
		return nil, fmt.Errorf("read an authentication policy request: %w", withoutText(err))
	}
	a := &Attempt{
		Account: account(w.Login), Protocol: strings.ToLower(token(w.Protocol)), Session: token(w.Session), TLS: w.TLS,
		PasswordHash: hash(w.Hash), Success: w.Success, PolicyReject: w.PolicyReject, Failure: token(w.Failure),
	}
	if a.Account == "" {
		return nil, fmt.Errorf("read an authentication policy request: %w", errNoLogin)
	}
	if client, err := netip.ParseAddr(w.Remote); err == nil && client.Zone() == "" {
		a.Client = client.Unmap()
	}
	if a.Protocol == "smtp" { // Postfix says it of TLS alone, in a word that Dovecot does not take for TLS
		a.TLS = a.TLS || w.Secured != ""
	}
	return a, nil
}

// withoutText says what is wrong with JSON without a word of it: a client's login, or a hash.
func withoutText(err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("it is no JSON from octet %d on", syntax.Offset)
	case errors.As(err, &kind):
		return fmt.Errorf("%s is a %s", kind.Field, strings.Fields(kind.Value)[0])
	}
	return errors.New("it is no JSON")
}

// account is the one form of a login's name. A longer one than an address can be is none of this site's, and keeps a name
// of its own: cut, it could be another's.
func account(login string) string {
	if len(login) > message.MaxAddress {
		return message.Canonical(login)
	}
	return message.Account(login)
}

// token is a short word of printable ASCII, or nothing.
func token(s string) string {
	strange := func(r rune) bool { return r <= ' ' || r > '~' }
	if len(s) > maxToken || strings.ContainsFunc(s, strange) {
		return ""
	}
	return s
}

// hash reads the first 64 bits of a hash in hexadecimal digits; none if it is no such thing.
func hash(s string) PasswordHash {
	n, err := strconv.ParseUint(s[:min(len(s), 16)], 16, 64)
	if err != nil {
		return 0
	}
	return PasswordHash(n)
}
