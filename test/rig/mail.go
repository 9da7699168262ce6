package rig

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Mail is one mail that somebody sent, and what became of it as the client saw it. Its token stands in the field
// X-Token and in the body.
type Mail struct {
	Token   string
	From    string // reverse-path
	To      []string
	Header  string // further header fields, each ending in \r\n; From, Subject and Date are made if it has none
	Bare    bool   // none are made
	Body    string // after the line with the token
	Whole   string // the message as it is instead, from its first octet to its last; its X-Token is the caller's to write
	Params  string // of MAIL FROM, like "BODY=8BITMIME"
	Account string // who logged in, empty for nobody; for reading only

	Outcome   Outcome
	Code      int    // of the step that decided
	Reply     string // its text
	QueueID   string // as the 250 told it
	RefusedTo []string
	Steps     []Step
	Sent      time.Time // when the first octet of the message went out; zero if it did not come so far
}

// Outcome is what the client was told.
type Outcome int

// Unsent: not tried. Accepted: 250 after the message (sendmail: exit 0). Refused: a reply of 4xx or 5xx before or
// instead of that. Unknown: no reply came; before the message went out it counts as Refused.
const (
	Unsent Outcome = iota
	Accepted
	Refused
	Unknown
)

func (o Outcome) String() string { return [...]string{"unsent", "accepted", "refused", "unknown"}[o] }

// NewToken is unique: 26 letters and digits.
func NewToken() string { return "tk" + strings.ToLower(rand.Text())[:24] }

// Copies lists the copies that Postfix took with its 250: one for each recipient it did not refuse.
func (m *Mail) Copies() []Copy {
	var copies []Copy
	for _, to := range m.To {
		if !slices.Contains(m.RefusedTo, to) {
			copies = append(copies, Copy{m.Token, plain(to)})
		}
	}
	return copies
}

// Text is the message as it is sent, without dot-stuffing.
func (m *Mail) Text() string {
	if m.Whole != "" {
		return m.Whole
	}
	var b strings.Builder
	lower := "\r\n" + strings.ToLower(m.Header)
	for _, f := range [][2]string{
		{"From", "<" + m.From + ">"}, {"To", "<" + strings.Join(m.To, ">, <") + ">"}, {"Subject", "a mail of the rig"},
		{"Date", time.Now().Format(time.RFC1123Z)}, {"Message-ID", "<" + m.Token + "@client.example.net>"},
	} {
		if !m.Bare && !strings.Contains(lower, "\r\n"+strings.ToLower(f[0])+":") {
			fmt.Fprintf(&b, "%s: %s\r\n", f[0], f[1])
		}
	}
	// The token before what a test may have spoiled: Postfix ends the header section at a line that is no field.
	fmt.Fprintf(&b, "X-Token: %s\r\n%s\r\nThe token of this mail is %s\r\n%s", m.Token, m.Header, m.Token, m.Body)
	return b.String()
}

// settle reads the outcome off the steps.
func (m *Mail) settle() {
	if len(m.Steps) == 0 {
		return
	}
	last := m.Steps[len(m.Steps)-1]
	if last.Command == "RSET" && len(m.Steps) > 1 {
		last = m.Steps[len(m.Steps)-2]
	}
	m.Code, m.Reply = last.Code, last.Text
	switch {
	case last.Command == endOfMail && last.Code/100 == 2:
		m.Outcome = Accepted
		_, m.QueueID, _ = strings.Cut(last.Text, "queued as ")
	case last.Command == endOfMail && last.Code == 0:
		m.Outcome = Unknown
	default:
		m.Outcome = Refused
	}
}

// plain is the form in which addresses are compared: the witnesses differ in quotes.
func plain(address string) string { return strings.ToLower(strings.ReplaceAll(address, `"`, "")) }
