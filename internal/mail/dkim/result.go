package dkim

import "time"

// Status is the result of a signature in the words of Authentication-Results (RFC 8601 section 2.7.1).
type Status uint8

// The statuses. The zero value is None: a mail without a signature.
const (
	None      Status = iota
	Pass             // the signature holds
	Fail             // it does not match
	Policy           // it may match, and we do not take its like
	Neutral          // it cannot be read, or says what we do not know
	TempError        // its key could not be asked for: no fact about the signature
	PermError        // it can never hold
)

var statuses = [...]string{"none", "pass", "fail", "policy", "neutral", "temperror", "permerror"}

// String is the status as Authentication-Results has it.
func (s Status) String() string { return statuses[s] }

// MarshalText is String.
func (s Status) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Reason is why a signature does not pass. One is never used again for something else.
type Reason string

// The reasons, with the sections of RFC 6376 that they stand on where no other RFC is named.
const (
	TooLarge     Reason = "more than is looked at"                       // MaxField, MaxHeader
	BadTags      Reason = "its tags cannot be read"                      // 3.2
	NoTag        Reason = "a tag is missing, or says nothing"            // 3.5
	Version      Reason = "another version"                              // 3.5, v=
	Algorithm    Reason = "an algorithm that is not taken"               // RFC 8301, RFC 8463
	Form         Reason = "an unknown canonicalization"                  // 3.5, c=
	NoDomain     Reason = "its domain or selector is none"               // 3.5, d= and s=
	NotBelow     Reason = "its identity is not in its domain"            // 3.5, i=
	BadTime      Reason = "its times cannot be"                          // 3.5, t= and x=
	Expired      Reason = "expired"                                      // 3.5, x=
	Ahead        Reason = "signed in the future"                         // 3.5, t=
	PartOfBody   Reason = "it signs a part of the body"                  // 8.2, l=
	NoFrom       Reason = "it does not sign From"                        // 5.4
	UnsignedFrom Reason = "there is a From that it does not sign"        // 8.15
	OtherQuery   Reason = "its key is not in the DNS"                    // 3.5, q=
	BodyChanged  Reason = "the body was changed"                         // 6.1.3
	Changed      Reason = "the signature does not match"                 // 6.1.3
	NoKey        Reason = "there is no key"                              // 6.1.2
	Revoked      Reason = "the key is revoked"                           // 3.6.1
	BadKey       Reason = "the key is none"                              // 6.1.2
	KeyForOther  Reason = "the key is for something else"                // 3.6.1: k=, h=, s=
	KeyForDomain Reason = "the key is not for what is below its domain"  // 3.6.1: t=s
	KeyLength    Reason = "an RSA key of less than 1024 or of over 4096" // RFC 8301 3.2, and what it costs
	NotAsked     Reason = "its key could not be asked for"               // 6.1.2; TempError
)

// statusOf says what each reason makes of a signature. RFC 8601 calls neutral what has errors of syntax or cannot be
// processed, policy what a receiver does not take, permerror what can never be verified.
var statusOf = map[Reason]Status{
	"":      Pass,
	BadTags: Neutral, NoTag: Neutral, Version: Neutral, Form: Neutral, NoDomain: Neutral, BadTime: Neutral, OtherQuery: Neutral,
	TooLarge: Policy, PartOfBody: Policy, UnsignedFrom: Policy, Ahead: Policy, KeyLength: Policy,
	Algorithm: PermError, NotBelow: PermError, NoFrom: PermError, Expired: PermError,
	NoKey: PermError, Revoked: PermError, BadKey: PermError, KeyForOther: PermError, KeyForDomain: PermError,
	BodyChanged: Fail, Changed: Fail,
	NotAsked: TempError,
}

// Result is what came of one signature. What it says of itself is a stranger's word unless Status is Pass.
type Result struct {
	Status Status `json:"status"`
	Reason Reason `json:"reason,omitempty"` // why it is not Pass

	Domain    string `json:"domain,omitempty"`    // d= (header.d) as message.Domain has it; empty when it is none
	AUID      string `json:"auid,omitempty"`      // i= (header.i), decoded; what it is when the signature does not say
	Selector  string `json:"selector,omitempty"`  // s= (header.s)
	Algorithm string `json:"algorithm,omitempty"` // a= (header.a), when it is a word
	// Sum is what b= begins with (header.b): eight octets of base64, more when two signatures begin alike (RFC 6008 section 4).
	Sum string `json:"sum,omitempty"`

	Bits int `json:"bits,omitempty"` // of the key, when there was one: the modulus of RSA; of Ed25519 256
	// Testing says that the domain is only trying DKIM out (t=y of the key): its mail must not be treated otherwise than if
	// it were not signed (RFC 6376 section 3.6.1). Status says what came of the signature all the same.
	Testing bool `json:"testing,omitempty"`

	Time  time.Time `json:"time,omitzero"`  // t=; zero: it says none
	Until time.Time `json:"until,omitzero"` // x=; zero: it says none
}

// String is the result in few words.
func (r Result) String() string {
	text := r.Status.String()
	if r.Reason != "" {
		text += ": " + string(r.Reason)
	}
	if r.Domain != "" {
		text += ", d=" + r.Domain
	}
	if r.Selector != "" {
		text += " s=" + r.Selector
	}
	return text
}
