package maillog

// Line is one log line, understood. Which fields are set depends on Kind; a field that the line does not have is
// nil (or 0), one that is there and empty (from=<>) is an empty slice. Slices belong to the line given to Parse.
type Line struct {
	Stamp   Stamp
	Host    []byte
	Program []byte // the whole tag: "postfix/submission/smtpd"; its last path element decides
	PID     int    // 0 when the tag has none
	Text    []byte // all that follows "program[pid]: "

	Kind    Kind
	QueueID []byte // by exact grammar, see ValidQueueID; nil for NOQUEUE
	OtherID []byte // PickedUp: the ID before requeueing; Notice: the notification's; Client: the ID at the filter's other side

	UID        int64  // PickedUp: who called sendmail(1)
	Size       int64  // Active: bytes
	Recipients int64  // Active: how many recipients are queued
	From       []byte // reverse-path, as logged
	To         []byte // recipient, as logged: quoted when its local part needs it (Postfix 3.5 and newer)
	OrigTo     []byte // the recipient before aliases
	MessageID  []byte // MessageID: the header field's value, as logged, brackets included

	Relay  Peer   // Delivery: who took the mail or refused it; Name alone for "none", "local", a pipe's name
	Delay  []byte // Delivery: seconds since arrival, decimal
	Delays []byte // Delivery: before the queue manager / in the queue / connecting / sending
	DSN    []byte // enhanced status code (RFC 3463)
	Status Status // Delivery
	Code   []byte // MilterReject: the SMTP reply code, three digits
	Reply  []byte // the words of a receiving server, a milter or Postfix: a stranger's text

	Client       Peer   // who is connected to smtpd
	Origin       Peer   // Client: the client before a content filter (XFORWARD)
	Stage        []byte // Milter*: "CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "END-OF-MESSAGE"
	Proto        []byte // Milter*: "SMTP" or "ESMTP"
	HELO         []byte // Milter*: the HELO name, a stranger's text
	SASLMethod   []byte
	SASLUsername []byte // the authentication identity (RFC 4422)
	SASLSender   []byte // MAIL FROM's AUTH= parameter, a stranger's text
	Commands     []byte // Disconnect: "ehlo=1 auth=0/1 quit=1 commands=2/3"
}

// Peer is a host as Postfix names it: name[address]:port. Name is "unknown" when the address has no confirmed
// name. Port is nil when not logged. For a Unix-domain socket, Addr is its path.
type Peer struct {
	Name, Addr, Port []byte
}

// Kind says which sentence a line is. The numbers are not stored anywhere.
type Kind uint8

const (
	Unknown       Kind = iota // not a Postfix program that we know: only stamp, host, program and text
	Other                     // a Postfix program's line with nothing for us
	Doubtful                  // begins like a sentence we know and cannot be read to its end in exactly one way
	PickedUp                  // pickup: mail injected on this host; UID, From, OtherID when requeued
	Active                    // qmgr: the mail entered the active queue; From, Size, Recipients
	Removed                   // qmgr: the mail is out of the queue
	Expired                   // qmgr: too old (or expired by the operator), goes back to its sender; From
	Delivery                  // one attempt for one recipient; To, OrigTo, Relay, Delay, Delays, DSN, Status, Reply
	MessageID                 // cleanup: the Message-ID field
	MilterHold                // a milter (or its absence) put the mail on hold; Stage, Client, Reply, From, To, Proto, HELO
	MilterReject              // a milter refused; as MilterHold, and Code, DSN
	MilterDiscard             // a milter threw the mail away; as MilterHold
	Held                      // postsuper -h
	Released                  // postsuper -H
	Deleted                   // postsuper -d
	Requeued                  // postsuper -r: PickedUp with OtherID follows
	ForceExpired              // postsuper -e
	Notice                    // bounce: a notification about the mail was queued as OtherID
	Client                    // smtpd: who hands this mail in; Client, SASL*, Origin, OtherID
	Connect                   // smtpd: Client
	Disconnect                // smtpd: Client, Commands
)

var kindNames = [...]string{"unknown", "other", "doubtful", "picked-up", "active", "removed", "expired", "delivery",
	"message-id", "milter-hold", "milter-reject", "milter-discard", "held", "released", "deleted", "requeued",
	"force-expired", "notice", "client", "connect", "disconnect"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "invalid"
}

// Status is what came of a delivery attempt.
type Status uint8

const (
	StatusOther         Status = iota // a word we do not know
	StatusSent                        // the next hop took it
	StatusDeferred                    // to be tried again
	StatusBounced                     // refused for good
	StatusSoftBounced                 // refused for good, kept because of soft_bounce=yes
	StatusDeliverable                 // an address probe (verify), no mail
	StatusUndeliverable               // an address probe (verify), no mail
)

var statusNames = [...]string{"other", "sent", "deferred", "bounced", "SOFTBOUNCE", "deliverable", "undeliverable"}

func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return "invalid"
}

func statusOf(word []byte) Status {
	switch string(word) {
	case "sent":
		return StatusSent
	case "deferred":
		return StatusDeferred
	case "bounced":
		return StatusBounced
	case "SOFTBOUNCE":
		return StatusSoftBounced
	case "deliverable":
		return StatusDeliverable
	case "undeliverable":
		return StatusUndeliverable
	}
	return StatusOther
}
