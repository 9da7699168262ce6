package arc

import (
	"strconv"
	"time"

	"postward/internal/mail/dkim"
)

// Status is the Chain Validation Status (section 4.4), and TempError.
type Status uint8

// The statuses. The zero value is None: a mail without a chain.
const (
	None Status = iota
	Pass
	Fail
	TempError // a key could not be asked for: no fact about the chain; see the package's doc
)

var statuses = [...]string{"none", "pass", "fail", "temperror"}

// String is the status as cv= and Authentication-Results have it; RFC 8617 does not know "temperror".
func (s Status) String() string { return statuses[s] }

// MarshalText is String.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reason is why a chain does not pass: one of dkim's, when it is about a signature, or one of these. One is never used
// again for something else.
type Reason = dkim.Reason

// The reasons that DKIM does not have, and NotAsked, with the sections of RFC 8617 that they stand on.
const (
	TooMany     Reason = "more than 50 sets"             // 4.2.1, 5.2 step 1
	TooLarge           = dkim.TooLarge                   // MaxField, MaxHeader
	Ended       Reason = "sealed as failed"              // 5.2 step 2: the newest seal says cv=fail
	NoInstance  Reason = "a field without an instance"   // 4.2.1
	Twice       Reason = "a field twice"                 // 5.2 step 3
	Missing     Reason = "a field is missing"            // 5.2 step 3
	WrongCV     Reason = "its cv is not what it must be" // 5.2 step 3
	SignsSeal   Reason = "it signs an ARC-Seal"          // 4.1.2
	NamesFields Reason = "a seal that names fields"      // 4.1.3, h=
	NotAsked           = dkim.NotAsked                   // 5.2.1; TempError
)

// Result is what came of a validation.
type Result struct {
	Status   Status `json:"status"`
	Reason   Reason `json:"reason,omitempty"`   // why it is Fail or TempError
	Instance int    `json:"instance,omitempty"` // the set that the reason is about; 0: the chain as a whole
	Field    string `json:"field,omitempty"`    // its field, when it is one

	// OldestPass is for header.oldest-pass (section 5.2 step 5): the lowest instance of which the mail is unchanged, 0
	// when it is since the first. Only with Pass.
	OldestPass int `json:"oldest_pass,omitempty"`
	// Seals are the sets, the newest first. Only with Pass: a chain that failed says nothing (section 5.2).
	Seals []Seal `json:"seals,omitempty"`
}

// Seal is one set of a chain that passed.
type Seal struct {
	Instance int       `json:"instance"`
	Domain   string    `json:"domain"` // d= of its ARC-Seal, as message.Domain has it
	Selector string    `json:"selector"`
	Signer   string    `json:"signer"` // d= of its ARC-Message-Signature; for an older set what it says of itself
	Time     time.Time `json:"time"`   // t= of its ARC-Seal; zero: it says none
	// Results is what its sealer found when the mail came in: a stranger's text in the grammar of Authentication-Results
	// (authres.Parse), without the instance.
	Results string `json:"results"`
}

// Vouched are the seals whose word counts, the newest first: those of sealers that are trusted, down to the first that is not.
// What is below an untrusted one is worth nothing, whoever sealed it: a seal covers no mail but the sets before it, so
// anybody can put a set of another mail, with its seal, below his own, and the chain passes.
func (r Result) Vouched(trusted func(domain string) bool) []Seal {
	for i, s := range r.Seals {
		if !trusted(s.Domain) {
			return r.Seals[:i]
		}
	}
	return r.Seals
}

// String is the result in few words.
func (r Result) String() string {
	text := r.Status.String()
	if r.Reason == "" {
		return text
	}
	text += ": " + string(r.Reason)
	if r.Instance > 0 {
		text += ", i=" + strconv.Itoa(r.Instance)
	}
	if r.Field != "" {
		text += ", " + r.Field
	}
	return text
}
