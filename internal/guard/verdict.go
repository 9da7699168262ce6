package guard

// Action is what postward asks of Postfix for one mail. There is no discard: no mail is lost.
type Action string

const (
	Accept   Action = "accept"
	Hold     Action = "hold"     // accepted into Postfix's hold queue
	Tempfail Action = "tempfail" // 4xx: the sender keeps it and tries again
	Reject   Action = "reject"   // 5xx: the sender is told
)

// Verdict is the answer to one transaction and why. The reply to the client is Reply's; the rest is for the
// journal, the incident and the people who read them.
type Verdict struct {
	Action    Action `json:"action"`
	Cool      bool   `json:"cool,omitempty"`       // a Hold that postward releases by itself
	ReleaseAt Time   `json:"release_at,omitempty"` // for Cool: when, if the account is still normal
	Reason    Reason `json:"reason"`               // the rule that decided
	Why       string `json:"why,omitempty"`        // one sentence made of facts
	Would     Action `json:"would,omitempty"`      // in shadow mode: the action that was not taken, by Reason
	About     string `json:"about,omitempty"`      // as whom it is, where that is the reason: a reverse-path or an author
	Waits     bool   `json:"waits,omitempty"`      // Would is of a lock in shadow, and another lock lets the mail wait (Cool)
	WouldBy   Reason `json:"would_by,omitempty"`   // for Waits: the reason of Would

	Account  string   `json:"account,omitempty"`  // whom the mail counts for; empty for inbound mail
	Level    Level    `json:"level"`              // how familiar the source is to the account
	Lent     bool     `json:"lent,omitempty"`     // Level is one better than what is known, for the client program
	Strange  bool     `json:"strange,omitempty"`  // the account itself never wrote from there for long
	Budget   Tier     `json:"budget,omitempty"`   // which budget it spends; 0 in journals of the first release: by Level
	New      int      `json:"new,omitempty"`      // strangers: recipients never seen by the account
	Wrote    int      `json:"wrote,omitempty"`    // those of New that wrote to the account lately
	Staff    int      `json:"staff,omitempty"`    // recipients never seen by the account, in the site's own domains
	Known    int      `json:"known,omitempty"`    // the other recipients
	People   uint8    `json:"people,omitempty"`   // a bit for each known recipient who vouches for the source, by hash
	Evidence Families `json:"evidence,omitempty"` // independent families of evidence against the mail
	Incident int64    `json:"incident,omitempty"` // the open incident of the account when it was judged
}

// Reply is an SMTP reply (RFC 5321 section 4.2) with its enhanced status code (RFC 3463).
type Reply struct {
	Code     int    // 3 digits
	Enhanced string // like "5.7.1"
	Text     string // one line, printable ASCII, at most 400 octets
}

// tier returns the budget that a mail of this verdict spends.
func (v *Verdict) tier() Tier { return v.Budget.or(v.Level) }

// unfamiliar reports whether nobody of the site writes from there: only the country is known, whatever program it is.
func (v *Verdict) unfamiliar() bool { return v.Level <= LevelCountry || v.Lent }

// stops reports whether the mail would have been stopped, and not only have waited, had its subject been enforced.
func (v *Verdict) stops() bool { return v.Waits || v.Would != "" && !(v.Would == Hold && v.Cool) }
