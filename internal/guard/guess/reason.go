package guess

import (
	"fmt"
	"time"
)

// Reason says why. The set is closed; a reason is never used again for another meaning.
type Reason string

const (
	Passwords Reason = "passwords" // many passwords for one account
	Accounts  Reason = "accounts"  // several people's accounts
	Names     Reason = "names"     // names that nobody has
	Default   Reason = "default"   // a name that every guesser brings along, and nobody has here
	Wave      Reason = "wave"      // one of many that guess at the same account
	Network   Reason = "network"   // a whole network tries, in small portions
	Manners   Reason = "manners"   // relay, harvest, no SMTP
	GoesOn    Reason = "goes on"   // a login by port 25, which a ban of logins alone leaves open
	ByHand    Reason = "by hand"   // an operator said so
)

// Reasons are all of them, in the order in which they are asked.
var Reasons = []Reason{Default, Passwords, Names, Accounts, Wave, Network, Manners, GoesOn, ByHand}

// Evidence is what a reason stands on.
type Evidence struct {
	Tries   int    `json:"tries,omitempty"`
	Names   int    `json:"names,omitempty"`   // under how many names
	Sources int    `json:"sources,omitempty"` // from how many addresses, or networks
	Account string `json:"account,omitempty"` // the one account that it was about
	Seconds int64  `json:"seconds,omitempty"` // from the first to the last
}

// within is how long it took, as the end of a sentence.
func (e Evidence) within() string {
	if e.Seconds <= 0 {
		return ""
	}
	return " in " + span(time.Duration(e.Seconds)*time.Second)
}

// as is under which name, if one was said.
func (e Evidence) as() string {
	if e.Account == "" {
		return ""
	}
	return fmt.Sprintf(" as %q", e.Account)
}

// String says what was tried, for what is no ban: under how many names, or as whom and from how many networks.
func (e Evidence) String() string {
	tried := fmt.Sprintf("%d refused logins%s", e.Tries, e.within())
	switch {
	case e.Names > 1:
		return fmt.Sprintf("%s, as %d people", tried, e.Names)
	case e.Account == "":
		return tried
	case e.Sources > 1:
		return fmt.Sprintf("%s as %q, from %d networks", tried, e.Account, e.Sources)
	}
	return fmt.Sprintf("%s as %q", tried, e.Account)
}

// Why is the reason as a sentence made of facts.
func (r Reason) Why(e Evidence) string {
	within := e.within()
	switch r {
	case Passwords:
		return fmt.Sprintf("%d refused logins%s as %q", e.Tries, within, e.Account)
	case Accounts:
		return fmt.Sprintf("%d refused logins%s, as %d people", e.Tries, within, e.Names)
	case Names:
		return fmt.Sprintf("%d refused logins%s, as %d people that nobody here is", e.Tries, within, e.Names)
	case Default:
		return fmt.Sprintf("a login as %q, which nobody has here", e.Account)
	case Wave:
		return fmt.Sprintf("%d refused logins%s as %q, at which %d networks guess", e.Tries, within, e.Account, e.Sources)
	case Network:
		return fmt.Sprintf("%d refused logins%s from %d of its addresses, and never a good one", e.Tries, within, e.Sources)
	case Manners:
		return fmt.Sprintf("%d times%s relay, unknown recipients or no SMTP, and no mail that was taken", e.Tries, within)
	case GoesOn:
		return fmt.Sprintf("a refused login%s by port 25, though it was kept from logging in", e.as())
	case ByHand:
		return "an operator said so"
	}
	return string(r)
}

// span is a time in words, rounded to what a person wants to know.
func span(d time.Duration) string {
	for _, unit := range []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if n := int((d + unit.of/2) / unit.of); d >= unit.of {
			if n == 1 {
				return "a" + map[bool]string{true: "n"}[unit.name == "hour"] + " " + unit.name
			}
			return fmt.Sprintf("%d %ss", n, unit.name)
		}
	}
	return "a minute"
}
