package maillog

// Kind says which sentence a line is. The numbers are not stored anywhere.
type Kind uint8

const (
	Unknown  Kind = iota // not a program that we know: only stamp, host, program and text
	Other                // a known program's line that is not understood
	Doubtful             // begins like a sentence we know and cannot be read to its end in exactly one way

	PickedUp           // pickup: mail injected on this host; UID, From, OtherID when requeued
	Active             // qmgr: the mail entered the active queue; From, Size, Recipients
	Removed            // qmgr: the mail is out of the queue
	Expired            // qmgr: too old (or expired by the operator), goes back to its sender; From
	Delivery           // one attempt for one recipient; To, OrigTo, Relay, Delay, Delays, DSN, Status, Reply
	MessageID          // cleanup: the Message-ID field
	MilterHold         // a milter (or its absence) put the mail on hold; Stage, Client, Reply, From, To, Proto, HELO
	MilterReject       // a milter refused; as MilterHold, and Code, DSN
	MilterDiscard      // a milter threw the mail away; as MilterHold
	Held               // postsuper -h
	Released           // postsuper -H
	Deleted            // postsuper -d
	Requeued           // postsuper -r: PickedUp with OtherID follows
	ForceExpired       // postsuper -e
	Notice             // bounce: a notification about the mail was queued as OtherID; Action "sender non-delivery"
	Client             // smtpd: who hands this mail in; Client, SASL*, Origin, OtherID
	Connect            // smtpd: Client
	Disconnect         // smtpd: Client, Commands
	ResentMessageID    // cleanup: the Resent-Message-ID field; MessageID
	Reject             // smtpd, postscreen, cleanup: refused; Action, Stage, Client, Code, DSN, Reply, From, To, Proto, HELO
	RejectWarning      // smtpd: would have been refused (warn_if_reject); as Reject
	Hold               // a table put the mail on hold; as Reject, and Rule
	Discard            // a table threw the mail away; as Reject, and Rule
	Redirect           // a table or milter sends the mail to another; as Reject, Rule is the new recipient
	Filter             // a table sends the mail through a content filter; as Reject, Rule is the transport
	Ruled              // a table noted or changed something: warn, info, prepend, replace, strip, bcc, permit; as Reject, and Rule
	Lost               // smtpd: the session broke off; Action, Stage, Client
	LoginFailed        // smtpd, saslauthd: one refused login; Client (smtpd), SASLMethod, SASLUsername, Reply
	LoginAborted       // smtpd: the client gave up within a login; Client, SASLMethod
	RateLimit          // smtpd: anvil's limit was exceeded; Action ("AUTH command rate"), Count, Client
	BadClientName      // smtpd: the client's name does not lead back to its address; Client
	BadSyntax          // smtpd: not an address; Client, Stage, Reply
	Violation          // smtpd, postscreen: not how SMTP is spoken; Action, Client, Stage, Reply
	ScreenConnect      // postscreen, tlsproxy: Client, Local
	ScreenPass         // postscreen: the client may go on; Action "PASS OLD", "PASS NEW"
	ScreenListed       // postscreen: in the operator's list; Action "ALLOWLISTED", "BLACKLISTED", "WHITELIST VETO"
	ScreenDisconnect   // postscreen, tlsproxy: Client
	Screened           // postscreen: what it does with a client; Action "ENFORCE", "DROP", "SKIP", …
	Pregreet           // postscreen: spoke before the greeting; Count, Delay, Client, Reply
	DNSBLRank          // postscreen: Count is the score, Client
	Hangup             // postscreen: the client hung up; Delay, Client, Stage
	Listed             // dnsblog: Client is listed by the zone Relay.Name, Reply is its answer
	TLSUp              // Action ("Trusted", "Untrusted", "Anonymous", "Verified"), Client or Relay, Proto, Cipher
	TLSFailed          // no TLS; Client or Relay, Reply
	ConnectFailed      // smtp, lmtp: Relay, Reply
	RelaySaid          // smtp, lmtp: a host refused, another may take the mail; Relay, Reply, Stage
	RelayLost          // smtp, lmtp: the connection broke off; Relay, Stage
	Statistics         // anvil, scache, caches, postsuper: Action, Count, Against
	Lifecycle          // master, postfix-script, dovecot: started, reloaded, stopped; Action, Reply
	MilterTrouble      // a milter cannot be reached or understood; Reply
	QueueTrouble       // the queue cannot be written, the disk is full, the mail is too large; Reply
	TableTrouble       // a lookup table cannot be read; Reply
	AuthTrouble        // the SASL server cannot be reached or understood; Reply
	Warning            // any other warning; Reply
	Failure            // "error: "; Reply
	Fatal              // "fatal: ", the program ended; Reply
	Panic              // "panic: ", a bug in the program; Reply
	Noted              // understood, and nothing in it to know
	MailboxLogin       // Dovecot's *-login: SASLUsername, SASLMethod, Client, Local, Session
	MailboxLoginFailed // Dovecot's *-login: a session ended after Count refused logins; as MailboxLogin, and Delay
	MailboxClosed      // Dovecot's *-login: a session ended without a login, and none was refused; as MailboxLogin
	PasswordRefused    // Dovecot's auth, pam_unix: a database said no; Database, SASLUsername, Client, Session, Reply
	Repeats            // the line before, of whatever program, came Count times more
	LoginUnchecked     // smtpd: the SASL server could not be asked, or had trouble of its own; Client, SASLMethod, Reply
	LoginUnasked       // smtpd: nothing was checked, for the client asked for what is not offered or broke the rules; as LoginUnchecked
	Canceled           // cleanup: smtpd gave the mail up before it was queued, for its client did
	ProxyAccepted      // smtpd: the filter before the queue took the mail; as Reject, OtherID is the queue ID that it names
	HandedOn           // MailScanner: the held mail is in the queue again as OtherID
	ThrownAway         // MailScanner: the held mail goes to nobody; Action
	kinds
)

var kindNames = [kinds]string{"unknown", "other", "doubtful", "picked-up", "active", "removed", "expired", "delivery",
	"message-id", "milter-hold", "milter-reject", "milter-discard", "held", "released", "deleted", "requeued",
	"force-expired", "notice", "client", "connect", "disconnect", "resent-message-id", "reject", "reject-warning",
	"hold", "discard", "redirect", "filter", "ruled", "lost", "login-failed", "login-aborted", "rate-limit",
	"bad-client-name", "bad-syntax", "violation", "screen-connect", "screen-pass", "screen-listed",
	"screen-disconnect", "screened", "pregreet", "dnsbl-rank", "hangup", "listed", "tls-up", "tls-failed",
	"connect-failed", "relay-said", "relay-lost", "statistics", "lifecycle", "milter-trouble", "queue-trouble",
	"table-trouble", "auth-trouble", "warning", "failure", "fatal", "panic", "noted", "mailbox-login",
	"mailbox-login-failed", "mailbox-closed", "password-refused", "repeats", "login-unchecked", "login-unasked", "canceled",
	"proxy-accepted", "handed-on", "thrown-away"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "invalid"
}

// Understood reports whether the line was read to its end. Of a known program's lines, those that were not are
// worth counting (per program): Postfix speaks a sentence that this grammar lacks. Unknown programs are not ours.
func (k Kind) Understood() bool { return k > Doubtful }
