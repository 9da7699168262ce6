package guard

// Reason is the rule that decided. The set is closed: the same constant is in the log, in the journal and in status. A
// reason is never re-used for another meaning.
type Reason string

const (
	ReasonInbound     Reason = "inbound"       // mail from strangers that nothing speaks against
	ReasonOrdinary    Reason = "ordinary"      // within every limit
	ReasonNotListed   Reason = "not-listed"    // the account is not on the list of those who may send
	ReasonReversePath Reason = "reverse-path"  // MAIL FROM does not belong to the account
	ReasonAuthor      Reason = "author"        // the From field does not belong to the account
	ReasonContained   Reason = "contained"     // sending from the account was stopped
	ReasonSuspicious  Reason = "suspicious"    // the account has held mail, and this mail is unusual
	ReasonScore       Reason = "score"         // too much that is unusual comes together
	ReasonBudget      Reason = "budget"        // too many never-seen recipients in a day
	ReasonKnownBudget Reason = "known-budget"  // too many known recipients from an unfamiliar source
	ReasonSiteBudget  Reason = "site-budget"   // all accounts together: too many from unfamiliar sources
	ReasonCooling     Reason = "cooling"       // unusual but within budget: waits a little
	ReasonTooMuchHeld Reason = "too-much-held" // no room for more held mail of this account
	ReasonUnproven    Reason = "unproven"      // mail from outside that its author's domain disowns (RFC 9989)
	ReasonAsUs        Reason = "as-us"         // mail from outside that names an author of this site, and is not his
)

// Subject is what a mode ("enforce" or "shadow") is set for: a group of reasons.
type Subject string

const (
	Accounts    Subject = "accounts"    // who may send
	Senders     Subject = "senders"     // as whom
	Budgets     Subject = "budgets"     // how many never-seen recipients
	Cooling     Subject = "cooling"     // the short wait
	Score       Subject = "score"       // what is unusual, together
	Containment Subject = "containment" // stopping an account
	Strangers   Subject = "strangers"   // mail from outside, by what is proved of its author
)

// Subjects lists every Subject in the order they are decided.
var Subjects = [...]Subject{Accounts, Senders, Containment, Score, Budgets, Cooling, Strangers}

// Subject returns the subject whose mode decides whether r is enforced; empty where r needs none.
func (r Reason) Subject() Subject {
	switch r {
	case ReasonNotListed:
		return Accounts
	case ReasonReversePath, ReasonAuthor:
		return Senders
	case ReasonContained, ReasonSuspicious:
		return Containment
	case ReasonScore:
		return Score
	case ReasonBudget, ReasonKnownBudget, ReasonSiteBudget, ReasonTooMuchHeld:
		return Budgets
	case ReasonCooling:
		return Cooling
	case ReasonUnproven, ReasonAsUs:
		return Strangers
	}
	return ""
}

// Level says how familiar a source is to an account.
type Level uint8

const (
	LevelNew     Level = iota // nothing about the source is known to the account
	LevelCountry              // its country is familiar
	LevelNetwork              // its autonomous system is familiar
	LevelAddress              // its address (IPv6: /64) is familiar
)

func (l Level) String() string {
	return [...]string{"unfamiliar source", "familiar country", "familiar network", "familiar address"}[l&3]
}

// Families is a set of independent families of evidence against a mail or an account.
type Families uint8

const (
	FamilySource     Families = 1 << iota // where it came from
	FamilyRecipients                      // whom it went to
	FamilyContent                         // what it said
	FamilyDelivery                        // what receivers answered
	FamilyAccount                         // what the account is: never used, dormant
	FamilyRate                            // how fast
)

// aboutMail are the families that say something of what was sent, and not only of who sent it from where.
const aboutMail = FamilyRecipients | FamilyContent | FamilyDelivery

var familyNames = [...]string{"source", "recipients", "content", "delivery", "account", "rate"}

// Count returns the number of families in f.
func (f Families) Count() int {
	n := 0
	for ; f != 0; f &= f - 1 {
		n++
	}
	return n
}

// Names returns the names of the families in f, in the order of their constants.
func (f Families) Names() []string {
	var names []string
	for i, name := range familyNames {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}
