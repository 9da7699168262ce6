package guard

import (
	"net/netip"
	"strconv"
	"time"
)

// Time is an instant in Unix milliseconds, the resolution of the journal. Zero means unknown.
type Time int64

// TimeOf truncates t to the resolution of the journal.
func TimeOf(t time.Time) Time { return Time(t.UnixMilli()) }

// Time returns t in UTC.
func (t Time) Time() time.Time { return time.UnixMilli(int64(t)).UTC() }

// Add returns t+d, truncated to milliseconds.
func (t Time) Add(d time.Duration) Time { return t + Time(d.Milliseconds()) }

// Sub returns the duration t-u.
func (t Time) Sub(u Time) time.Duration { return time.Duration(t-u) * time.Millisecond }

func (t Time) String() string {
	if t == 0 {
		return "-"
	}
	return t.Time().Format("2006-01-02T15:04:05.000Z")
}

// MarshalText writes t as RFC 3339 with milliseconds, in UTC; the zero Time is the empty text.
func (t Time) MarshalText() ([]byte, error) {
	if t == 0 {
		return nil, nil
	}
	return []byte(t.String()), nil
}

// UnmarshalText reads what MarshalText wrote, and any other RFC 3339 stamp.
func (t *Time) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*t = 0
		return nil
	}
	parsed, err := time.Parse(time.RFC3339Nano, string(b))
	if err != nil {
		return err
	}
	*t = TimeOf(parsed)
	return nil
}

// Direction says through which of postward's milter sockets a transaction came. Postfix does not tell port 25
// from 587 in a macro, so each direction has a socket of its own.
type Direction string

const (
	// Inbound is mail from strangers on port 25. A client that logged in there is judged as a submission.
	Inbound Direction = "inbound"
	// Submission is mail from clients that log in (ports 587, 465, or 25 where AUTH is offered).
	Submission Direction = "submission"
	// Local is mail injected on the host itself with sendmail(1).
	Local Direction = "local"
)

// Limits of a Transaction. What exceeds them is counted or cut, never refused for that reason alone.
const (
	MaxRecipients = 1000 // recipients kept by address; Postfix's own default limit a mail
	MaxText       = 256  // octets kept of each text a stranger controls
)

// NoZone is the value of Transaction.Zone when the Date field names no time zone.
const NoZone int16 = -32768

// Stage says how far a transaction has come when it is judged.
type Stage string

const (
	// StageMail is the MAIL command: client, login and reverse-path are known.
	StageMail Stage = "mail"
	// StageEnd is the end of the message: everything is known.
	StageEnd Stage = "end"
)

// Transaction is a mail transaction (RFC 5321 section 3.3) and the facts of its message, as far as Stage says.
// Addresses are in the form Canonical gives them. Texts are cut to MaxText octets and hold what a stranger wrote.
type Transaction struct {
	ID         string     `json:"id"`                 // unique, made by the daemon; the natural key of its events
	Stage      Stage      `json:"stage,omitempty"`    // how far it has come
	At         Time       `json:"at"`                 // when it is judged
	MailAt     Time       `json:"mail_at,omitempty"`  // when MAIL was said: Postfix's arrival time lies between the two
	Direction  Direction  `json:"direction"`          // the socket it came through
	QueueID    string     `json:"queue_id,omitempty"` // Postfix's {i}; often only known at the end
	Login      string     `json:"login,omitempty"`    // SASL authentication identity, {auth_authen}; empty without a login
	UnixUser   string     `json:"user,omitempty"`     // for Local: the Unix user who injected it; empty if not known
	Client     netip.Addr `json:"client,omitzero"`    // the SMTP client's address; the zero Addr for Local
	ClientName string     `json:"client_name,omitempty"`
	Helo       string     `json:"helo,omitempty"`

	ReversePath    string   `json:"reverse_path"`              // without angle brackets; empty for <>
	Recipients     []string `json:"recipients,omitempty"`      // forward-paths, at most MaxRecipients
	MoreRecipients int      `json:"more_recipients,omitempty"` // recipients beyond MaxRecipients

	Authors   []string `json:"authors,omitempty"`    // addresses of every From field (RFC 5322 section 3.6.2)
	NoAuthor  bool     `json:"no_author,omitempty"`  // no From field with an address in it, or one that cannot be read
	Anonymous bool     `json:"anonymous,omitempty"`  // no From field in which an author stands, or could be hidden
	Resent    []string `json:"resent,omitempty"`     // addresses of the topmost Resent-From field (RFC 5322 section 3.6.6)
	ReplyTo   []string `json:"reply_to,omitempty"`   // addresses of the Reply-To field
	MessageID string   `json:"message_id,omitempty"` // without angle brackets
	Subject   string   `json:"subject,omitempty"`    // decoded, cut
	Mailer    string   `json:"mailer,omitempty"`     // User-Agent or X-Mailer, cut
	Zone      int16    `json:"zone,omitempty"`       // minutes east of UTC in the Date field, or NoZone
	Size      int64    `json:"size,omitempty"`       // octets of the message that were looked at

	Proof       *Proof `json:"proof,omitempty"`       // of mail from outside, where it was looked for
	Fingerprint uint64 `json:"fingerprint,omitempty"` // of the text; zero means none
	ASN         uint32 `json:"asn,omitempty"`         // of Client; zero means unknown
	Country     string `json:"country,omitempty"`     // of Client, ISO 3166-1 alpha-2; empty means unknown
}

// RecipientCount returns the number of envelope recipients, those beyond MaxRecipients included.
func (t *Transaction) RecipientCount() int { return len(t.Recipients) + t.MoreRecipients }

// nat64 has each host of IPv4 that comes through a translator, with an address of its own (RFC 6052 section 2.1).
var nat64 = netip.MustParsePrefix("64:ff9b::/96")

// Network returns the part of addr by which a client is known again: the address for IPv4, also behind NAT64, the /64 for IPv6.
func Network(addr netip.Addr) netip.Addr {
	addr = addr.Unmap().WithZone("")
	if !addr.Is6() || nat64.Contains(addr) {
		return addr
	}
	p, err := addr.Prefix(64)
	if err != nil {
		return addr
	}
	return p.Addr()
}

func asnText(asn uint32) string { return "AS" + strconv.FormatUint(uint64(asn), 10) }
