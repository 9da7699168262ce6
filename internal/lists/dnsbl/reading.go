package dnsbl

import (
	"fmt"

	"postward/internal/wire/dns"
)

// Outcome is what a list says of a subject, and whether it said anything.
type Outcome string

// The outcomes.
const (
	Listed   Outcome = "listed"
	Clear    Outcome = "clear"     // not listed
	Refused  Outcome = "refused"   // the list or the server does not answer us
	Lies     Outcome = "lies"      // what was answered cannot be believed
	Unknown  Outcome = "unknown"   // nobody answered, or nothing that is understood
	NotAsked Outcome = "not asked" // for the reason that is given
)

// maxSaid is how many answers of one list are told.
const maxSaid = 16

// Said is one answer, and one thing that it means.
type Said struct {
	Answer  string `json:"answer"` // the A record
	Means   string `json:"means"`
	List    string `json:"list,omitempty"` // the list whose rules hold for it, when not the one that was asked
	Listing bool   `json:"listing"`
}

// reading is what a list's answer says, before its health is considered.
type reading struct {
	outcome Outcome
	said    []Said
	why     string // for everything but listed and clear
	refusal Refusal
	silent  bool // nobody answered: a matter of the way, not of the list's word
}

// read is what an answer to a question for A records means at this list.
func (l *List) read(a dns.Answer) reading {
	switch a.Outcome {
	case dns.Answered:
		return l.answers(a)
	case dns.NoName, dns.NoData:
		return reading{outcome: Clear}
	case dns.Refused:
		return reading{outcome: Refused, why: "the name server refuses to answer"}
	case dns.Lying:
		return reading{outcome: Lies, why: "the name server's reply does not fit the question"}
	case dns.Timeout:
		return reading{outcome: Unknown, why: "nobody answered in time", silent: true}
	}
	return reading{outcome: Unknown, why: "the name server failed", silent: true}
}

// answers looks at every A record. A lie or a refusal among them is a lie or a refusal of all.
func (l *List) answers(a dns.Answer) reading {
	var r reading
	strange := ""
	for _, addr := range a.Addrs {
		if !isCode(addr) {
			return reading{outcome: Lies, why: fmt.Sprintf("%s is no answer of a list: it is not in 127.0.0.0/8", addr)}
		}
		if means := l.refusal(addr.As4()); means != "" {
			return reading{outcome: Refused, why: fmt.Sprintf("%s: %s", addr, means), refusal: refusalOf(addr.As4())}
		}
		known := r.add(matching(l.Codes, addr.As4()), addr.String(), true)
		known = r.add(matching(l.Notes, addr.As4()), addr.String(), false) || known
		if !known && strange == "" {
			strange = fmt.Sprintf("%s is an answer whose meaning is not known", addr)
		}
	}
	switch {
	case r.outcome == Listed:
	case strange != "":
		r.outcome, r.why = Unknown, strange
	default:
		r.outcome = Clear
	}
	return r
}

// refusal is what an answer says when it is a refusal, or empty.
func (l *List) refusal(a [4]byte) string {
	for i := range l.Refusals {
		if l.Refusals[i].matches(a) {
			return l.Refusals[i].Means
		}
	}
	if refusals.matches(a) {
		return refusals.Means
	}
	return ""
}

func (r *reading) add(codes []*Code, answer string, listing bool) bool {
	for _, c := range codes {
		if listing {
			r.outcome = Listed
		}
		if len(r.said) < maxSaid {
			r.said = append(r.said, Said{Answer: answer, Means: c.Means, List: c.List, Listing: listing})
		}
	}
	return len(codes) > 0
}
