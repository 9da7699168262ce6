package probe

import (
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"time"
)

// Moment is how long Smuggling waits for a reply.
const Moment = 800 * time.Millisecond

// Ending is a wrong end of data, and what the host made of it.
type Ending struct {
	Name string `json:"name"` // "<LF>.<LF>"
	// Tolerant: Yes, it was taken for the end, and one short mail is delivered. No: it was refused, or was text of the message
	// still when the connection was closed, and nothing is delivered.
	Tolerant Answer   `json:"tolerant"`
	Reply    Reply    `json:"reply,omitzero"`
	Problem  *Problem `json:"problem,omitempty"` // why it was not learned
}

// endings are the ones that SEC Consult found taken for an end in 2023, and their kin. RFC 5321 section 4.1.1.4 knows only
// <CRLF>.<CRLF>.
var endings = [...]struct{ name, octets string }{
	{"<LF>.<LF>", "\n.\n"},
	{"<LF>.<CRLF>", "\n.\r\n"},
	{"<CRLF>.<LF>", "\r\n.\n"},
	{"<CR>.<CR>", "\r.\r"},
	{"<CR>.<CRLF>", "\r.\r\n"},
	{"<CRLF>.<CR>", "\r\n.\r"},
}

// Smuggling tries each wrong end of data on a connection of its own: mail from the null reverse-path to the recipient, a
// mailbox of the operator's own, who has to know that a tolerant host delivers one short message there for each ending.
// A host that takes an ending lets mail be smuggled in by others who pass it on (CVE-2023-51764; Postfix:
// smtpd_forbid_bare_newline). A host that says nothing within Moment is left without an end of data, so it must
// forget the message (RFC 5321 section 4.1.1.4); one whose filter takes longer than that looks strict and is not.
func Smuggling(ctx context.Context, c Config, t Target, recipient string) []Ending {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	found := make([]Ending, len(endings))
	var wait sync.WaitGroup
	for i := range endings {
		wait.Go(func() {
			found[i].Name = endings[i].name
			found[i].learn(ctx, &c, t, recipient, endings[i].octets)
		})
	}
	wait.Wait()
	return found
}

// learn tries one ending.
func (e *Ending) learn(ctx context.Context, c *Config, t Target, recipient, octets string) {
	if !plainAddress(recipient) {
		e.Problem = &Problem{Step: Mail, Fault: Local, Detail: "the recipient is no plain address"}
		return
	}
	s, p := mailReady(ctx, c, t)
	if p == nil {
		p = s.begin(recipient)
	}
	if p != nil {
		e.Problem = p
		if s != nil {
			_ = s.close() // what matters is in p
		}
		return
	}
	defer s.drop() // without an end of data, and without a QUIT, which would be text of the message
	if e.Problem = s.write(Mail, letter(e.Name, recipient)+octets); e.Problem == nil {
		e.judge(ctx, s)
	}
}

// begin comes to where the message is sent.
func (s *session) begin(recipient string) *Problem {
	for _, line := range []string{"MAIL FROM:<>", "RCPT TO:<" + recipient + ">"} {
		if _, p := s.command(Mail, 2, line); p != nil {
			return p
		}
	}
	_, p := s.command(Mail, 3, "DATA")
	return p
}

// judge waits a moment for a reply. Silence is strictness only when the moment was whole.
func (e *Ending) judge(ctx context.Context, s *session) {
	over := time.AfterFunc(Moment, s.expire)
	defer over.Stop()
	reply, err := s.replies.reply()
	e.Reply = reply
	switch {
	case err == nil && reply.Code/100 == 2:
		e.Tolerant = Yes
	case err == nil && reply.Code/100 == 5 && reply.Code != 552 /* the mailbox is full */ :
		e.Tolerant = No
	case errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() == nil:
		e.Tolerant = No
	case err != nil:
		e.Problem = problem(Mail, err)
	default:
		e.Problem = &Problem{Step: Mail, Fault: reply.fault(2), Reply: reply}
	}
}

// letter is a message that explains itself, without its end.
func letter(ending, recipient string) string {
	return strings.Join([]string{
		"From: postward <>", "To: <" + recipient + ">", "Subject: a test of this mail server by postward: it takes " + ending + " for the end of a message",
		"Auto-Submitted: auto-generated", "MIME-Version: 1.0", "Content-Type: text/plain; charset=us-ascii", "",
		"You asked postward to test whether this server takes a wrong end of data", "for the right one. That this message arrived says that it does:",
		"it ended with " + ending + " instead of <CRLF>.<CRLF>, and strangers can use", "that to smuggle in mail (CVE-2023-51764).", "",
		"Postfix: set smtpd_forbid_bare_newline = normalize (or yes).", "Nothing else needs to be done with this message."}, "\r\n")
}

// plainAddress reports whether an address can stand in a command as it is.
func plainAddress(s string) bool {
	strange := func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune(`<>"\,:;()[]`, c) }
	local, domain, ok := strings.Cut(s, "@")
	return ok && local != "" && domain != "" && len(s) <= 254 && !strings.ContainsFunc(s, strange) && !strings.Contains(domain, "@")
}
