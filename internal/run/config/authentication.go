package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Authentication is what is done about mail from outside whose author is, or is not, who it says.
type Authentication struct {
	Inbound    string // "auto": where no milter stands before postward; "on", "off"
	ID         string // authserv-id (RFC 8601); empty: Postfix's myhostname
	AlsoIDs    []string
	Deadline   time.Duration
	Sealers    []string // whose ARC seals are believed
	Forwarders []string // who hands mail on without changing it
	OnReject   string   // what becomes of mail whose author's domain says reject
	Seal       bool     // an ARC set is added to what comes in, where there is a key
	AsUs       string   // what becomes of mail from outside that names an author of this site
}

func authenticationDefaults() Authentication {
	return Authentication{Inbound: "auto", Deadline: 5 * time.Second, Seal: true, OnReject: "reject", AsUs: "mark"}
}

// authenticationKeys are those of [authentication].
func authenticationKeys() []key {
	name := func(s string) string { return "authentication." + s }
	at := func(get func(*Authentication) any) func(*Config) any {
		return func(c *Config) any { return get(&c.Authentication) }
	}
	return []key{
		{name: name("inbound"), doc: "SPF, DKIM, ARC and DMARC of mail from outside, told in one Authentication-Results field. auto: where no other milter\nand no policy server that does this stands before postward; on, off.",
			at: at(func(a *Authentication) any { return &a.Inbound }), check: oneOf("auto", "on", "off")},
		{name: name("id"), doc: "As whom: the authserv-id; \"\" is Postfix's myhostname. Fields of strangers that name it are taken away.",
			at: at(func(a *Authentication) any { return &a.ID }), check: domainOr},
		{name: name("also_ids"), doc: "Other ids that nobody from outside may use: older names, other hosts of yours.",
			at: at(func(a *Authentication) any { return &a.AlsoIDs }), check: domains},
		{name: name("deadline"), doc: "The longest that a mail waits for answers of the DNS; what is not known then is temperror, never fail.",
			at: at(func(a *Authentication) any { return &a.Deadline }), check: between(time.Second, 30*time.Second)},
		{name: name("sealers"), doc: "Domains whose ARC seals you believe (your mailing lists, \"google.com\" …): what they found when the mail came to them counts.",
			at: at(func(a *Authentication) any { return &a.Sealers }), check: domains},
		{name: name("forwarders"), doc: "Domains that hand mail on to you (your address elsewhere): what they bring is not refused.",
			at: at(func(a *Authentication) any { return &a.Forwarders }), check: domains},
		{name: name("seal"), doc: "Where there is a DKIM key for the recipient's domain, mail from outside gets an ARC set: who gets it by an alias or a\nforward can see what was found here.",
			at: at(func(a *Authentication) any { return &a.Seal })},
		{name: name("on_reject"), doc: "What becomes of mail that fails DMARC where the author's domain asks for reject: accept, mark, hold, reject. What a list or a\nforwarder may have handed on is only marked (RFC 9989 section 7.4). What is held waits for a person: postward held list.",
			at: at(func(a *Authentication) any { return &a.OnReject }), check: oneOf("accept", "mark", "hold", "reject")},
		{name: name("as_us"), doc: "What becomes of mail from outside that names an author of this site and is not shown to be his: accept, mark, hold,\nreject.",
			at: at(func(a *Authentication) any { return &a.AsUs }), check: oneOf("accept", "mark", "hold", "reject")},
	}
}

// oneOf is for a key that takes one of some words.
func oneOf(words ...string) func(any) error {
	return func(v any) error {
		if s := *v.(*string); !slices.Contains(words, s) {
			return fmt.Errorf("%q is none of %s", s, strings.Join(words, ", "))
		}
		return nil
	}
}

// domainOr is a domain, or nothing.
func domainOr(v any) error {
	s := v.(*string)
	if *s == "" {
		return nil
	}
	one := []string{*s}
	err := domains(&one)
	*s = one[0]
	return err
}
