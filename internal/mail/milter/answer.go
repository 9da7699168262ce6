package milter

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"postward/internal/guard"
)

// Answer is what the judge says.
type Answer struct {
	Action     guard.Action
	Reply      guard.Reply // for Tempfail and Reject; the zero Reply is a plain 4.7.1 or 5.7.1
	Quarantine string      // for Hold: why; Postfix shows it nowhere
	Insert     []Field     // header fields to put before all others, at the end of a message; the first comes to stand first
	Remove     []Removal   // header fields to remove
}

// Field is a header field to add. Folding is the caller's, by LF and a blank.
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
		for _, r := range lastFirst(a.Remove) {
			b = appendPacket(b, rspChgHeader, binary.BigEndian.AppendUint32(nil, r.Index), nul(oneLine(r.Name)), nul(""))
		}
	}
	if can.may(actAddHeader) {
		for _, f := range slices.Backward(a.Insert) {
			b = appendPacket(b, rspInsHeader, binary.BigEndian.AppendUint32(nil, 0), nul(oneLine(f.Name)), nul(can.value(f.Value)))
		}
	}
	if a.Action == guard.Hold {
		b = appendPacket(b, rspQuarantine, nul("postward: "+replyText(a.Quarantine)))
	}
	return appendPacket(b, rspContinue)
}

// lastFirst is the order in which no removal changes what another one means.
func lastFirst(all []Removal) []Removal {
	return slices.SortedFunc(slices.Values(all), func(a, b Removal) int { return cmp.Compare(b.Index, a.Index) })
}

// value is a field's value as the MTA writes it behind the colon: with a blank of ours, or one of its own.
func (a *agreement) value(s string) string {
	s = folded(s)
	if a.silent(stepLeadingSpace) && !strings.HasPrefix(s, " ") {
		return " " + s
	}
	return s
}

// folded keeps a value from becoming two header fields: a line of it begins with a blank. The MTA wants LF.
func folded(s string) string {
	lines := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	for i, line := range lines {
		lines[i] = oneLine(line)
		if i > 0 && !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t") {
			lines[i] = " " + lines[i]
		}
	}
	return strings.Join(lines, "\n")
}

// oneLine keeps a text on one line.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r == 0 || r == '\r' || r == '\n' {
			return ' '
		}
		return r
	}, s)
}
