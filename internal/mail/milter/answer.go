package milter

import (
	"encoding/binary"
	"fmt"
	"strings"

	"postward/internal/guard"
)

// Answer is what the judge says.
type Answer struct {
	Action     guard.Action
	Reply      guard.Reply // for Tempfail and Reject; the zero Reply is a plain 4.7.1 or 5.7.1
	Quarantine string      // for Hold: why; Postfix shows it nowhere
	Add        []Field     // header fields to add, at the end of a message
	Remove     []Removal   // header fields to remove
}

// Field is a header field to add.
type Field struct{ Name, Value string }

// Removal names the Index-th field (from 1) of a name.
type Removal struct {
	Name  string
	Index uint32
}

// refusal writes a 4xx or 5xx.
func (a *Answer) refusal() []byte {
	code, enhanced := 550, "5.7.1"
	if a.Action == guard.Tempfail {
		code, enhanced = 451, "4.7.1"
	}
	r := a.Reply
	if r.Code/100 != code/100 {
		r = guard.Reply{Code: code, Enhanced: enhanced, Text: r.Text}
	}
	if r.Text == "" {
		r.Text = "refused by local policy"
	}
	return appendPacket(nil, rspReplyCode, nul(fmt.Sprintf("%d %s %s", r.Code, r.Enhanced, replyText(r.Text))))
}

// replyText makes a text fit for a reply: printable ASCII on one line, with the percent signs doubled that the
// protocol takes for formats.
func replyText(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
	return strings.ReplaceAll(s[:min(len(s), 400)], "%", "%%")
}

// end writes the answer at the end of a message, all of it at once.
func (a *Answer) end(can *agreement) []byte {
	if a.Action == guard.Reject || a.Action == guard.Tempfail {
		return a.refusal()
	}
	if a.Action == guard.Hold && !can.may(actQuarantine) {
		t := Answer{Action: guard.Tempfail, Reply: guard.Reply{Text: "this mail would be held, and the MTA cannot hold"}}
		return t.refusal()
	}
	var b []byte
	if can.may(actChgHeader) {
		for _, r := range a.Remove {
			b = appendPacket(b, rspChgHeader, binary.BigEndian.AppendUint32(nil, r.Index), nul(oneLine(r.Name)), nul(""))
		}
	}
	if can.may(actAddHeader) {
		for _, f := range a.Add {
			b = appendPacket(b, rspAddHeader, nul(oneLine(f.Name)), nul(oneLine(f.Value)))
		}
	}
	if a.Action == guard.Hold {
		b = appendPacket(b, rspQuarantine, nul("postward: "+replyText(a.Quarantine)))
	}
	return appendPacket(b, rspContinue)
}

// oneLine keeps a value from becoming two header fields. Folding is the caller's, with CRLF and a blank.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r == 0 || r == '\r' || r == '\n' {
			return ' '
		}
		return r
	}, s)
}
