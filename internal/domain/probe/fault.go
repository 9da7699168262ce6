package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
)

// Fault is why a conversation ended before its end. The zero value is none.
type Fault uint8

// The faults.
const (
	Refused      Fault = iota + 1 // nobody listens there
	Timeout                       // nothing, or not all of it, came in time
	Unreachable                   // no way to the address
	Local                         // this host could not: no such local address, no socket, forbidden
	Reset                         // the connection was reset
	Closed                        // the connection was closed where a reply was due
	NotSMTP                       // what came is no reply of RFC 5321 section 4.2
	TooMuch                       // more came than is read: a line, a reply, a connection or a certificate message
	Tempfail                      // a 4yz reply
	Rejected                      // a 5yz reply
	Unexpected                    // a reply that does not fit the command
	NotOffered                    // STARTTLS does not stand in EHLO's answer
	NotTLS                        // after STARTTLS came something that is no TLS
	Alert                         // the host ended the handshake with an alert
	BadHandshake                  // the handshake came to nothing for another reason; Detail has it
)

var faults = [...]string{"none", "refused", "timeout", "unreachable", "local", "reset", "closed", "not SMTP", "too much", "tempfail",
	"rejected", "unexpected", "not offered", "not TLS", "alert", "bad handshake"}

// String is the fault in a word or two.
func (f Fault) String() string { return word(faults[:], int(f)) }

// MarshalText is String.
func (f Fault) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// Step is where in the conversation something happened.
type Step uint8

// The steps, in their order.
const (
	Connect Step = iota + 1
	Greeting
	HelloClear  // EHLO or HELO before TLS
	StartTLS    // the command
	Handshake   // of TLS
	HelloSecure // EHLO inside TLS
	Mail        // MAIL, RCPT, DATA
	Quit
)

var steps = [...]string{"none", "connect", "greeting", "EHLO", "STARTTLS", "TLS handshake", "EHLO inside TLS", "mail transaction", "QUIT"}

// String is the step in a word or two.
func (s Step) String() string { return word(steps[:], int(s)) }

// MarshalText is String.
func (s Step) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Problem is a fault and where it was. Detail is printable.
type Problem struct {
	Step   Step   `json:"step"`
	Fault  Fault  `json:"fault"`
	Reply  Reply  `json:"reply,omitzero"` // when the fault is a reply
	Detail string `json:"detail,omitempty"`
}

// Error is the problem in one line.
func (p *Problem) Error() string {
	text := p.Step.String() + ": " + p.Fault.String()
	if p.Reply.Code != 0 {
		text += ": " + p.Reply.String()
	} else if p.Detail != "" {
		text += ": " + p.Detail
	}
	return text
}

// Temporary reports whether asking later can end otherwise.
func (p *Problem) Temporary() bool {
	switch p.Fault {
	case Timeout, Unreachable, Local, Reset, Closed, Tempfail:
		return true
	}
	return false
}

// Answer is yes, no, or not learned (the zero value).
type Answer uint8

// The answers.
const (
	Unknown Answer = iota
	No
	Yes
)

var answers = [...]string{"unknown", "no", "yes"}

// String is the answer in a word.
func (a Answer) String() string { return word(answers[:], int(a)) }

// MarshalText is String.
func (a Answer) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

func word(words []string, n int) string {
	if n < len(words) {
		return words[n]
	}
	return fmt.Sprint(n)
}

// errTooMuch and errNotSMTP are what reading a reply can end with besides the connection's own errors.
var (
	errTooMuch = errors.New("more than is read")
	errNotSMTP = errors.New("no reply of SMTP")
)

// problem puts an error of the connection into its class.
func problem(step Step, err error) *Problem {
	return &Problem{Step: step, Fault: classify(err), Detail: clean(err.Error())}
}

func classify(err error) Fault {
	var network net.Error
	switch {
	case errors.Is(err, errTooMuch):
		return TooMuch
	case errors.Is(err, errNotSMTP):
		return NotSMTP
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled),
		errors.As(err, &network) && network.Timeout():
		return Timeout
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return Unreachable
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return Reset
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return Closed
	}
	return Local
}

// handshakeProblem is problem for what crypto/tls says, which has classes of its own.
func handshakeProblem(err error) *Problem {
	p := problem(Handshake, err)
	var record tls.RecordHeaderError
	var remote *net.OpError
	switch {
	case errors.As(err, &record):
		p.Fault = NotTLS
	case errors.As(err, &remote) && remote.Op == "remote error":
		p.Fault = Alert
	case strings.Contains(err.Error(), "exceeds maximum of"): // crypto/tls has no type for it; TestFaults/chain_of_a_megabyte
		p.Fault = TooMuch
	case p.Fault == Local:
		p.Fault = BadHandshake
	}
	return p
}
