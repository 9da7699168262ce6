package maillog

// Line is one log line, understood. Which fields are set depends on Kind; a field that the line does not have is
// nil (or 0), one that is there and empty (from=<>) is an empty slice. Slices belong to the line given to Parse.
// Where two readings of a line are possible, the fields that would differ stay nil.
type Line struct {
	Stamp   Stamp
	Host    []byte
	Program []byte // the whole tag: "postfix/submission/smtpd", "dovecot"; the last path element decides
	PID     int    // 0 when the tag has none
	Text    []byte // all that follows "program[pid]: "; of Dovecot's own file, where a user stands before the colon, with the process
	Times   int64  // how many more lines this one stands for, as a syslog daemon says that folded them; 0: for itself alone

	Kind    Kind
	Action  []byte // the sentence's own word, where a kind has several: "milter-header-redirect", "PASS NEW", "warning"
	QueueID []byte // by exact grammar, see ValidQueueID; nil for NOQUEUE
	OtherID []byte // PickedUp: the ID before requeueing; Notice: the notification's; Client: the ID at the filter's other side

	UID        int64  // PickedUp: who called sendmail(1)
	Size       int64  // Active: bytes
	Recipients int64  // Active: how many recipients are queued
	From       []byte // reverse-path, as logged
	To         []byte // recipient, as logged: quoted when its local part needs it (Postfix 3.5 and newer)
	OrigTo     []byte // the recipient before aliases
	MessageID  []byte // MessageID, ResentMessageID: the header field's value, as logged, brackets included

	Relay   Peer   // Delivery: who took the mail or refused it; Name alone for "none", "local", a pipe's name. Relay*: who
	ConnUse int64  // Delivery: how many mails this connection has carried; 0 when not told
	Delay   []byte // seconds, decimal. Delivery: since arrival; Pregreet, Hangup: since connecting; Mailbox*: spent on auth
	Delays  []byte // Delivery: before the queue manager / in the queue / connecting / sending
	TLS     []byte // Delivery: the summary of Postfix 3.11: "dane", "may:none"
	DSN     []byte // enhanced status code (RFC 3463)
	Status  Status // Delivery
	Code    []byte // Reject, Milter*: the SMTP reply code, three digits
	Reply   []byte // the words of a receiving server, a milter, a client, a header field, or Postfix: a stranger's text
	Rule    []byte // the actions of tables: what the operator's table said (a target, a new header field)

	Client       Peer   // who is connected to smtpd, postscreen, Dovecot; BadClientName, Listed: who it is about
	Origin       Peer   // Client: the client before a content filter (XFORWARD)
	Local        Peer   // Screen*, Mailbox*: the address that the client came to
	Stage        []byte // "CONNECT", "EHLO", "MAIL", "RCPT", "DATA", "END-OF-MESSAGE"; for cleanup's tables "header", "body"
	Proto        []byte // Reject, Milter*: "SMTP" or "ESMTP"; TLS*: "TLSv1.3"
	Cipher       []byte // TLSUp
	HELO         []byte // the HELO name, a stranger's text
	SASLMethod   []byte
	SASLUsername []byte // the authentication identity (RFC 4422), a stranger's text wherever a login failed
	SASLSender   []byte // MAIL FROM's AUTH= parameter, a stranger's text
	Realm        []byte // LoginFailed of saslauthd: what stood behind the user name
	Database     []byte // PasswordRefused: Dovecot's database or PAM: "pam", "sql", "passwd-file", "pam_unix"
	Session      []byte // Mailbox*, PasswordRefused: Dovecot's session, without its brackets
	Commands     []byte // Disconnect: "ehlo=1 auth=0/1 quit=1 commands=2/3"; see Command
	Count        int64  // Repeats, Statistics, RateLimit, Pregreet (bytes), DNSBLRank (score), Mailbox* (attempts to log in)
	Against      int64  // Statistics: misses beside hits, dropped beside retained
}

// Process is who wrote a line, of all hosts in a log. An smtpd process has one session at a time.
type Process struct {
	Host, Program string
	PID           int
}

// Process returns who wrote the line. It allocates.
func (l *Line) Process() Process { return Process{string(l.Host), string(l.Program), l.PID} }

// Peer is a host as Postfix names it: name[address]:port. Name is "unknown" when the address has no confirmed
// name, and nil where only the address is logged. Port is nil when not logged. For a Unix-domain socket, Addr is its path.
type Peer struct {
	Name, Addr, Port []byte
}
