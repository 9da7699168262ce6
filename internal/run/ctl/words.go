package ctl

import (
	"net/netip"
	"time"

	"postward/internal/guard"
	"postward/internal/guard/guess"
	"postward/internal/lists/receivers"
	"postward/internal/log/unread"
)

// The requests and answers of the verbs: what the CLI shows as JSON is these types.

// Status is the answer to "status".
type Status struct {
	Version   string                       `json:"version"`
	Node      string                       `json:"node"`
	Started   guard.Time                   `json:"started"`
	Now       guard.Time                   `json:"now"`
	Modes     map[guard.Subject]guard.Mode `json:"modes"`
	Listed    int                          `json:"listed"`    // accounts that may send
	Accounts  int                          `json:"accounts"`  // accounts known
	Contained []string                     `json:"contained"` // accounts whose mail is refused
	Open      int                          `json:"open"`      // incidents not closed
	Cooling   int                          `json:"cooling"`   // mails that wait for their time
	Held      int                          `json:"held"`      // mails that wait for a person
	Queued    int                          `json:"queued"`    // mails followed until they are out of the queue
	Foreign   int                          `json:"foreign"`   // mails in hold that postward did not put there, when last looked
	Undone    []guard.Effect               `json:"undone"`    // effects that failed and are tried again
	Verdicts  map[guard.Reason]uint64      `json:"verdicts"`  // since start
	Troubles  []string                     `json:"troubles"`  // what is wrong, each with the next step
	Unlisted  []guard.Account              `json:"unlisted"`  // accounts that were refused for not being listed
	NotAs     int                          `json:"not_as"`    // pairs of an account and an address as which it wrote and may not
	// WouldRefuse are those of NotAs whose mail passed, for the mode is shadow.
	WouldRefuse int                        `json:"would_refuse"`
	Learned     int                        `json:"learned"`     // accounts seen in old logs and not yet allowed
	NetworksOf  guard.Time                 `json:"networks_of"` // when the table of networks and countries was made
	Sockets     map[guard.Direction]string `json:"sockets"`
	Sessions    map[guard.Direction]int    `json:"sessions"`
	Log         Log                        `json:"log"`
	Gate        Gate                       `json:"gate"`
	Proof       Proof                      `json:"authentication"`
}

// Proof is what was proved of mails today, by the day of this host.
type Proof struct {
	Inbound bool           `json:"inbound"` // mail from outside is authenticated
	Signs   []string       `json:"signs"`   // domains for which there is a key that signs
	In      map[string]int `json:"in"`      // mails from outside by method and result ("dmarc pass"), of all "mails"; "refused", "would be refused", "held", "would be held", "as us"
	Out     map[string]int `json:"out"`     // mails of accounts: "mails", of them "signed"

	Forwarders int `json:"forwarders,omitempty"` // that may be listed, and are not
}

// ForwardersAnswer are the forwarders that may be listed, and are not.
type ForwardersAnswer struct {
	Forwarders []Forwarder `json:"forwarders"`
}

// Forwarder is a server that hands mail on to people of this site.
type Forwarder struct {
	Domain  string   `json:"domain"`
	As      string   `json:"as"`      // the key under [authentication] to list it in: "forwarders", "sealers"
	Mails   int      `json:"mails"`   // of it that were marked or refused, since it is remembered
	Days    int      `json:"days"`    // on which that was, of the last 64
	Proved  int      `json:"proved"`  // days on which mail of it was shown to be its authors'
	Authors []string `json:"authors"` // domains of those, the first few
	For     []string `json:"for"`     // whom the marked mail was for, the first few
}

// CasesAnswer are the cases: those that go on, what a person can do first; and the last that ended.
type CasesAnswer struct {
	Cases   []Case `json:"cases"`
	Ended   []Case `json:"ended"`
	Watched bool   `json:"watched"` // the configuration says of which names listings are looked for
}

// Case is a listing, and the way out.
type Case struct {
	ID      int64     `json:"id"`
	List    string    `json:"list,omitempty"`
	Title   string    `json:"title"`
	Subject string    `json:"subject,omitempty"` // the address or domain that is listed
	Said    string    `json:"said,omitempty"`
	Since   time.Time `json:"since"`
	Again   int       `json:"again,omitempty"`       // how often it came back within a week of its end
	Between time.Time `json:"ended_before,omitzero"` // when it had ended before that

	Stage     string     `json:"stage,omitempty"` // listed, waiting, eligible, drafted, requested, denied; of an open case
	Obstacles []Obstacle `json:"obstacles,omitempty"`
	Next      string     `json:"next,omitempty"`
	Earliest  time.Time  `json:"earliest,omitzero"`
	Left      int        `json:"requests_left"`
	Requests  []Request  `json:"requests,omitempty"`

	Asks       string    `json:"asks,omitempty"` // nobody, self, people, provider, unknown: who may ask it
	Rules      []string  `json:"rules,omitempty"`
	Wants      string    `json:"wants,omitempty"`
	Link       string    `json:"link,omitempty"`
	LinkUnsure bool      `json:"link_unsure,omitempty"` // no source shows it
	Ends       time.Time `json:"ends,omitzero"`         // the forecast
	Sure       string    `json:"forecast_is,omitempty"` // by its rule, usually, unknown
	Usual      string    `json:"forecast,omitempty"`

	Ended   time.Time `json:"ended,omitzero"`
	Outcome string    `json:"outcome,omitempty"`
	By      string    `json:"by,omitempty"`
}

// Obstacle is what stands in the way of a request.
type Obstacle struct {
	What    string    `json:"what"`
	Command string    `json:"command,omitempty"`
	Until   time.Time `json:"until,omitzero"`
}

// Request is that a person asked.
type Request struct {
	At time.Time `json:"at"`
	By string    `json:"by"`
}

// CaseRequest names a case.
type CaseRequest struct {
	ID int64 `json:"id"`
}

// DraftRequest asks for the request of a case.
type DraftRequest struct {
	ID       int64  `json:"id"`
	Language string `json:"language"` // en, de
}

// DraftAnswer is a request for a person to read, and to send.
type DraftAnswer struct {
	Case Case   `json:"case"`
	To   string `json:"to,omitempty"` // a mail address; empty where a form takes the text
	From string `json:"from,omitempty"`

	Subject string `json:"subject"`
	Text    string `json:"text"`
	Mail    []byte `json:"mail"` // the same as a file that a mail program opens
}

// ReceiversAnswer is who takes the server's mail and how, the worst first, and what nobody understands of their replies.
type ReceiversAnswer struct {
	Receivers []receivers.Row      `json:"receivers"`
	Unknown   []*receivers.Unknown `json:"unknown"`
}

// Log is what was read of the mail log since the start.
type Log struct {
	Lines    uint64     `json:"lines"`
	Lost     uint64     `json:"lost,omitempty"` // lines that the log itself says it left out
	Puzzling []Puzzling `json:"not_understood"`
	// Unread are lines of mail programs with a header that is not read, and Forms these by its form.
	Unread int64         `json:"unread_lines,omitempty"`
	Forms  []unread.Form `json:"unread_forms,omitempty"`
}

// Puzzling counts the lines of a program that we know, in words that we do not.
type Puzzling struct {
	Program string `json:"program"`
	Lines   uint64 `json:"lines"`
	Example string `json:"example"` // the last one: a stranger's text
}

// Account is an account of "account/list" and "account/show", and who may log in to it.
type Account struct {
	*guard.Account
	Logins    string            `json:"logins,omitempty"`    // locked, contained, protected, would be protected; empty: whoever has the password
	Protected *guess.Protection `json:"protected,omitempty"` // that stands
	New       bool              `json:"new,omitempty"`       // for "account/lock": nothing was known of it before
	Today     *Signed           `json:"today,omitempty"`     // of "account/show"
}

// Signed is how many mails were taken today, and how many of them were signed.
type Signed struct {
	Mails  int `json:"mails"`
	Signed int `json:"signed"`
}

// AccountChange is the request of "account/allow", "account/deny" and "account/class".
type AccountChange struct {
	Account string         `json:"account"`
	Listing *guard.Listing `json:"listing,omitempty"`
}

// AccountAnswer is an account that was changed.
type AccountAnswer struct {
	*guard.Account
	Note string `json:"note,omitempty"` // what may be wrong with it
}

// NotAs is as whom an account wrote, and may not: an answer to "account/refused".
type NotAs struct {
	Account string `json:"account"`
	guard.NotAs
}

// Name asks about one account.
type Name struct {
	Account string `json:"account"`
}

// LearnRequest is the request of "account/learn": what old logs say, one guard.KindLearned event an account.
type LearnRequest struct {
	Events []guard.Event `json:"events"`
}

// ForgetRequest is the request of "account/forget". The zero Network strikes out everything that was learned.
type ForgetRequest struct {
	Account string     `json:"account"`
	Network netip.Addr `json:"network,omitzero"`
}

// ExplainRequest is the request of "account/explain": a mail that might come.
type ExplainRequest struct {
	Account    string     `json:"account"`
	From       netip.Addr `json:"from,omitzero"`        // the client; the zero Addr: where the account last wrote from
	Program    string     `json:"program,omitempty"`    // as in User-Agent or X-Mailer
	Recipients []string   `json:"recipients,omitempty"` // empty: one that was never seen
}

// MailsRequest is the request of the held verbs; empty lists all.
type MailsRequest struct {
	QueueIDs []string `json:"queue_ids,omitempty"`
	Incident int64    `json:"incident,omitempty"`
}

// IncidentRequest is the request of the incident verbs.
type IncidentRequest struct {
	ID      int64          `json:"id"`
	Listing *guard.Listing `json:"listing,omitempty"` // for release: what the account is declared to be
}

// IncidentRow is an incident of a list. Incident.Held only grows.
type IncidentRow struct {
	*guard.Incident
	Waiting int `json:"waiting"` // its mails that are held now
}

// IncidentAnswer is an incident with the mail that still waits because of it.
type IncidentAnswer struct {
	Incident *guard.Incident `json:"incident"`
	Mails    []*guard.Mail   `json:"mails"`
}

// Acted says how many mails a verb let go or deleted; for "incident/close", how many it left in hold.
type Acted struct {
	Mails    int  `json:"mails"`
	Accounts int  `json:"accounts,omitempty"` // for "account/learn"
	Shadow   bool `json:"shadow,omitempty"`   // it is about an incident of shadow mode: nothing was held
}

// Foreign is a mail in hold that postward did not put there: shown, never touched.
type Foreign struct {
	QueueID string     `json:"queue_id"`
	Sender  string     `json:"sender"`
	Arrived guard.Time `json:"arrived"`
}

// HeldAnswer is the answer to "held/list".
type HeldAnswer struct {
	Mails   []*guard.Mail `json:"mails"`
	Foreign []Foreign     `json:"foreign"`
}

// LookAnswer is the answer to "held/show": a held mail and its envelope and header section, as Postfix shows them.
type LookAnswer struct {
	Mail *guard.Mail `json:"mail"`
	Text string      `json:"text"`
}

// BansAnswer is the answer of "ban/list" and of what changes it; for "ban/remove", what was lifted.
type BansAnswer struct {
	Network   netip.Prefix       `json:"network,omitzero"` // for "ban/add": what is banned now, of an address of IPv6 its /64
	Bans      []guess.Ban        `json:"bans"`
	Protected []guess.Protection `json:"protected,omitempty"`
	Confined  []guess.Confine    `json:"confined,omitempty"`
	Enforced  bool               `json:"enforced"`         // false: shadow, nobody is kept out
	Kernel    string             `json:"kernel,omitempty"` // why it keeps nobody out
}

// BanRequest is the request of "ban/add", "ban/remove", "allow/add" and "allow/remove".
type BanRequest struct {
	Network netip.Prefix  `json:"network"`
	For     time.Duration `json:"for,omitempty"`
}

// Plain is a prefix as people write it: a single address without its length.
func Plain(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// SourceRequest is the request of "source/show".
type SourceRequest struct {
	Client netip.Addr `json:"client"`
}

// SourceAnswer is everything that is known of an address.
type SourceAnswer struct {
	guess.About
	Why      string   `json:"why,omitempty"` // of the ban that stands
	ASN      uint32   `json:"asn,omitempty"`
	Country  string   `json:"country,omitempty"`
	Webmail  bool     `json:"webmail,omitempty"`
	Accounts []string `json:"accounts,omitempty"` // that wrote from there lately
	Enforced bool     `json:"enforced"`
}

// AllowAnswer is the answer of the allow verbs.
type AllowAnswer struct {
	Networks []netip.Prefix `json:"networks"`
	Own      []netip.Prefix `json:"own"`               // networks.own of the configuration: never banned either
	Trusted  []netip.Prefix `json:"trusted,omitempty"` // mynetworks, and Dovecot's proxies: nor these
}

// ProtectRequest is the request of "account/protect"; no time ends it.
type ProtectRequest struct {
	Account string        `json:"account"`
	For     time.Duration `json:"for"`
}

// ProtectAnswer is the answer of "account/protect".
type ProtectAnswer struct {
	guess.Protection
	New bool `json:"new,omitempty"` // nothing is known of the account: is that its name?
}

// Gate is what status says of who may log in.
type Gate struct {
	Enforced  bool     `json:"enforced"`
	Bans      int      `json:"bans"`
	Protected []string `json:"protected,omitempty"`
	Confined  int      `json:"confined,omitempty"`
	Locked    []string `json:"locked,omitempty"`
	Kernel    string   `json:"kernel,omitempty"`  // why it keeps nobody out
	Unasked   string   `json:"unasked,omitempty"` // why Dovecot does not ask: no lock and no protection holds then
}
