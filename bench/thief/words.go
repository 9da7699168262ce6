package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

var whomNames = [...]string{
	strangers: "strangers", prepared: "the strangers that were forged", collided: "strangers with the hash of a known address",
	own: "mailboxes of his own", contacts: "people it knows", staff: "colleagues",
}

var programNames = [...]string{ownersProgram: "the owner's mail program", noProgram: "no mail program named", onesProgram: "a mail program of his own", anyProgram: "another mail program each time"}

var textNames = [...]string{variedText: "texts vary", sameText: "one text", noText: "too short for a fingerprint"}

// tell writes a campaign in words: its accounts, then each move and what became of it.
func (f *found) tell(w io.Writer, field *field, r *row) {
	c := &f.campaign
	fmt.Fprintf(w, "    accounts: %s; from %s", strings.Join(accountNames(field, r, c), ", "), field.site.start.Add(c.later).Time().Format("Mon 15:04:05"))
	if c.away && !r.hosted {
		fmt.Fprint(w, "; the owners write nothing meanwhile")
	}
	if c.again {
		fmt.Fprint(w, "; over and over")
	}
	fmt.Fprintln(w)
	for i := range c.moves {
		fmt.Fprintf(w, "    %d. %s: %s\n", i+1, c.moves[i].words(r), f.result.moves[i].words())
	}
}

func accountNames(field *field, r *row, c *campaign) []string {
	var names []string
	for _, n := range c.accounts {
		if r.hosted {
			names = append(names, hostAccounts[n].name)
			continue
		}
		p := field.site.people[n]
		names = append(names, p.name+p.remark())
	}
	return names
}

func (p *person) remark() string {
	switch {
	case p.to == 0:
		return " (never used)"
	case p.to < historyDays:
		return " (asleep)"
	case p.from > 0:
		return " (new)"
	}
	return fmt.Sprintf(" (knows %d)", len(p.contacts))
}

func (m *move) words(r *row) string {
	var said []string
	if m.wait > 0 {
		said = append(said, "after "+spanWords(m.wait))
	}
	if m.inbound {
		return strings.Join(append(said, fmt.Sprintf("%d times, %s apart, mail to the account in the name of %d of %s", m.count, spanWords(m.gap), m.each, whomNames[m.to])), ", ")
	}
	if m.reads {
		return strings.Join(append(said, fmt.Sprintf("%d times, %s apart, he reads the account's mail, %s", m.count, spanWords(m.gap), m.sourceWords(r))), ", ")
	}
	said = append(said, fmt.Sprintf("%d mails, %s apart, each to %d of %s", m.count, spanWords(m.gap), m.each, whomNames[m.to]))
	if m.with > 0 {
		said = append(said, fmt.Sprintf("and %d known people", m.with))
	}
	if !r.hosted {
		said = append(said, m.sourceWords(r))
	}
	said = append(said, textNames[m.text])
	if m.who == everybody {
		said = append(said, "the accounts in turn")
	}
	if m.ask {
		said = append(said, "only what leaves, to fewer if need be")
	}
	if m.stop {
		said = append(said, "until one does not")
	}
	return strings.Join(append(said, m.quirks()...), ", ")
}

// quirks are what few moves have.
func (m *move) quirks() []string {
	var said []string
	for _, q := range []struct {
		so   bool
		what string
	}{
		{m.answers && m.to == own, "which write back"}, {m.bounces && m.to == own, "which refuse it"},
		{m.tagged, "with plus tags"}, {m.undone, "all refused by another milter"},
	} {
		if q.so {
			said = append(said, q.what)
		}
	}
	return said
}

func (m *move) sourceWords(r *row) string {
	from := "from " + m.from.String()
	if m.spread > 1 && m.from != anywhere {
		from += fmt.Sprintf(", %d in turn", m.spread)
	}
	name := programNames[m.program]
	if m.program == ownersProgram && !r.copies {
		name = programNames[onesProgram]
	}
	return from + ", " + name
}

func spanWords(d time.Duration) string {
	if d >= 48*time.Hour && d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%d days", d/(24*time.Hour))
	}
	said := d.Round(time.Second).String()
	if d >= time.Minute {
		said = strings.Replace(said, "m0s", "m", 1)
	}
	return strings.Replace(said, "h0m", "h", 1)
}

func (t tally) words() string {
	said := fmt.Sprintf("%d sent, %d left", t.sent, t.left)
	if t.waited > 0 {
		said += fmt.Sprintf(" (%d waited)", t.waited)
	}
	if t.held+t.refused > 0 {
		said += fmt.Sprintf(", %d held, %d refused", t.held, t.refused)
	}
	if t.reached > 0 {
		said += fmt.Sprintf(", %d strangers reached", t.reached)
	}
	return said
}
