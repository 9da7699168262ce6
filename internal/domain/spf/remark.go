package spf

import "fmt"

// Mark is a fact about a policy that is worth saying. The set is closed; a mark never changes its meaning.
type Mark uint8

// The marks.
const (
	NoRecord          Mark = iota + 1 // the domain has no SPF record (section 4.5)
	SeveralRecords                    // and more than one is a permanent error (section 4.5)
	AlmostRecord                      // a text that begins like a record and is none
	BadName                           // a name that DNS cannot carry, or of one label (section 4.3)
	Unanswered                        // DNS did not say: what is there is not known
	SyntaxError                       // a permanent error (section 4.6)
	WrongFamily                       // ip4 with an IPv6 address or the other way, which is one too
	UnknownModifier                   // is ignored (section 6), and so is what was meant by it
	TooManyLookups                    // more than 10 terms that cause lookups (section 4.6.4)
	TooManyVoids                      // more than 2 lookups without an answer (section 4.6.4)
	TooManyExchangers                 // more than 10 hosts of an mx (section 4.6.4)
	Void                              // a lookup without an answer
	TargetNone                        // include or redirect of a domain without a record: a permanent error (sections 5.2, 6.1)
	TargetBroken                      // include or redirect of a domain whose record is one
	Loop                              // a record that leads to itself
	PassAll                           // everybody passes
	NeutralAll                        // ?all: nobody fails
	NoAll                             // neither all nor redirect: who does not match is neutral (section 4.7)
	UsesPTR                           // ptr should not be used (section 5.5)
	RedirectIgnored                   // redirect beside all (section 6.1)
	AfterAll                          // terms after all are never looked at (section 5.1)
	Covered                           // another term covers the same addresses with the same result
	HugeNetwork                       // shorter than /16 or, IPv6, /32
	NotPublic                         // a private, loopback or link-local network
	NullExchanger                     // mx of a domain with a null MX (RFC 7505)
	NeedsSender                       // macros need the address, the sender or HELO, and they were not given
	LongRecord                        // name and texts have more than 450 octets together (section 3.4)
	LongAnswer                        // the reply has more than 512 octets: without EDNS(0) it is cut
	NotFollowed                       // it lies behind a bound of the walk
)

var marks = [...]string{
	"", "no record", "several records", "almost a record", "no name for DNS", "not answered", "syntax error", "wrong address family",
	"unknown modifier", "too many lookups", "too many void lookups", "too many exchangers", "void lookup", "target without record",
	"target with a broken record", "loop", "everybody passes", "nobody fails", "no all", "uses ptr", "redirect ignored", "after all",
	"covered by another term", "huge network", "not a public network", "null MX", "needs the sender", "long record", "long answer", "not followed",
}

// String is the mark in words.
func (m Mark) String() string {
	if int(m) < len(marks) && m > 0 {
		return marks[m]
	}
	return fmt.Sprintf("mark %d", uint8(m))
}

// Remark is a mark and what it is about, in printable words that may be empty.
type Remark struct {
	Mark Mark   `json:"mark"`
	Text string `json:"text,omitempty"`
}
