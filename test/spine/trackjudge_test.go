//go:build daemons

package spine_test

import (
	"fmt"
	"os"
	"os/user"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"postward/internal/log/delivery"
	"postward/internal/log/maillog"
	"postward/test/rig"
)

// judge compares what was tracked with what happened.
type judge struct {
	t       *testing.T
	worlds  []*world
	renamed map[string]string // queue IDs of postfix-out, read as others
	open    []*delivery.Mail  // in the queue when the log ends
	mails   []*delivery.Mail
	taken   map[*delivery.Mail]string // whose it is
	wrong   map[string][]string       // by kind
}

func newJudge(t *testing.T, log string, renamed map[string]string, worlds ...*world) *judge {
	t.Helper()
	j := &judge{t: t, worlds: worlds, renamed: renamed, taken: map[*delivery.Mail]string{}, wrong: map[string][]string{}}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	tracker := delivery.New(func(m *delivery.Mail) { j.mails = append(j.mails, m) })
	var last time.Time
	now := time.Now()
	for line := range strings.Lines(string(text)) {
		var l maillog.Line
		if maillog.Parse([]byte(j.rename(strings.TrimSuffix(line, "\n"))), &l) && delivery.Concerns(&l) {
			last = l.Stamp.Next(last, now)
			tracker.Line(&l, last)
		}
		if l.Kind == maillog.Doubtful || l.Kind == maillog.Other && l.QueueID != nil {
			t.Errorf("%s: %s", l.Kind, line)
		}
	}
	j.open = tracker.Open()
	tracker.Flush()
	return j
}

var word = regexp.MustCompile(`\w+`)

// rename reads a line of postfix-out as if its queue IDs were others.
func (j *judge) rename(line string) string {
	if j.renamed == nil || !strings.Contains(line, " postfix-out/") {
		return line
	}
	return word.ReplaceAllStringFunc(line, func(w string) string { return j.id(1, w) })
}

// id is a queue ID of a world as the log was read.
func (j *judge) id(world int, id string) string {
	if as, ok := j.renamed[id]; ok && world == 1 {
		return as
	}
	return id
}

func (j *judge) judge() {
	notices := 0
	for i, w := range j.worlds {
		for _, p := range w.posted {
			j.mail(i, w, p)
		}
		notices += j.notices(i, w)
	}
	j.waiting()
	for _, m := range j.mails {
		if j.taken[m] == "" {
			j.complain("no mail of ours", "%s", shown(m))
		}
	}
	n := 0
	for _, w := range j.worlds {
		n += len(w.posted)
	}
	j.t.Logf("%d mails sent, %d notices, %d tracked", n, notices, len(j.mails))
	for kind, list := range j.wrong {
		j.t.Errorf("%s: %d\n  %s", kind, len(list), strings.Join(list[:min(len(list), 3)], "\n  "))
	}
}

func (j *judge) complain(kind, format string, args ...any) {
	j.wrong[kind] = append(j.wrong[kind], fmt.Sprintf(format, args...))
}

func shown(m *delivery.Mail) string {
	s := fmt.Sprintf("%v account=%q client=%s from=<%s> id=%s end=%q ended=%v held=%d begun=%v %q:", m.IDs, m.Account, m.Client, m.From, m.MessageID, m.End, !m.Ended.IsZero(), m.Held, m.Begun, m.Outcome())
	for _, d := range m.Deliveries {
		s += fmt.Sprintf(" [%s orig=%s %s %s *%d by %s]", d.To, d.OrigTo, d.Outcome, d.DSN, d.Attempts, d.Relay)
	}
	return s
}

// find returns what was tracked of a mail, by whatever of it the log could have: each is its own.
func (j *judge) find(p *posted) []*delivery.Mail {
	var found []*delivery.Mail
	for _, m := range j.mails {
		if m.NoticeOf == "" && (m.MessageID == "<"+p.mail.Token+"@client.example.net>" || m.From != "" && m.From == p.mail.From || p.client != "127.0.0.1" && m.Client.String() == p.client) {
			found = append(found, m)
		}
	}
	return found
}

// tried is what a filter tried to hand back and said nothing of: it was never queued, and stands for itself.
func tried(m *delivery.Mail) bool { return m.End == delivery.Refused && m.Client.IsLoopback() }

// mail judges one mail.
func (j *judge) mail(i int, w *world, p *posted) {
	found := j.find(p)
	for _, m := range found {
		if other := j.taken[m]; other != "" {
			j.complain(p.kind, "%s is also %s", shown(m), other)
		}
		j.taken[m] = p.kind + " " + p.tag
	}
	if all := len(found); p.tries > 0 {
		if found = slices.DeleteFunc(found, tried); all-len(found) != p.tries {
			j.complain(p.kind, "%d tries to hand it back, want %d", all-len(found), p.tries)
		}
	}
	want := 1
	if p.refuse != 0 && !p.entry {
		want = 0
	}
	if len(found) != want {
		j.complain(p.kind, "%d tracked, want %d", len(found), want)
		for _, m := range found {
			j.complain(p.kind, "   %s", shown(m))
		}
		return
	}
	if want == 0 {
		return
	}
	m := found[0]
	for _, objection := range []string{j.identity(i, p, m), j.state(w, p, m), j.copies(w, p, m)} {
		if objection != "" {
			j.complain(p.kind, "%s: %s", objection, shown(m))
		}
	}
}

// identity compares who sent it.
func (j *judge) identity(i int, p *posted, m *delivery.Mail) string {
	account, client := p.user, p.client
	if p.door == "sendmail" {
		account, client = "uid:"+uid(j.t, p.user), "invalid IP"
	}
	switch {
	case m.Account != account:
		return "account " + account
	case m.Client.String() != client:
		return "client " + client
	case !m.Begun:
		return "begun"
	case p.mail.QueueID != "" && m.IDs[0] != j.id(i, p.mail.QueueID):
		return "queue ID " + p.mail.QueueID
	case p.refuse == 0 && !p.nameless && m.MessageID != "<"+p.mail.Token+"@client.example.net>":
		return "Message-ID"
	case p.refuse == 0 && m.From != p.mail.From:
		return "reverse-path " + p.mail.From
	}
	return ""
}

// state compares whether it waits, where, and how it ended.
func (j *judge) state(w *world, p *posted, m *delivery.Mail) string {
	var lies []rig.Queued
	for _, q := range w.waits {
		if w.whose[q.ID] == p {
			lies = append(lies, q)
		}
	}
	if (len(lies) > 0) != p.queued {
		return fmt.Sprintf("the plan: queued %v", p.queued)
	}
	if len(lies) > 0 {
		hold := slices.ContainsFunc(lies, func(q rig.Queued) bool { return q.Queue == "hold" })
		switch {
		case !m.Ended.IsZero() || m.End != "":
			return "it is queued"
		case hold != (m.Outcome() == "in hold"):
			return fmt.Sprintf("in hold: %v", hold)
		}
		return ""
	}
	end := p.end
	if end == "" {
		end = delivery.Removed
	}
	switch {
	case m.End != end:
		return "end " + string(end)
	case m.Ended.IsZero():
		return "it has left the queue"
	}
	return ""
}

// copies compares what became of each recipient.
func (j *judge) copies(w *world, p *posted, m *delivery.Mail) string {
	var want, got []string
	for _, c := range p.copies {
		if s := w.fate(p, c); s != "" {
			want = append(want, s)
		}
	}
	for _, d := range m.Deliveries {
		got = append(got, fmt.Sprintf("%s orig=%s %s %s *%d", plainly(d.To), plainly(d.OrigTo), d.Outcome, class(d.Outcome, d.DSN), d.Attempts))
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		return fmt.Sprintf("recipients\n     want %s\n     got  %s\n    ", strings.Join(want, "; "), strings.Join(got, "; "))
	}
	return ""
}

// class is all of a status code that a receiver chose, and the class of what this host said.
func class(outcome, dsn string) string {
	if outcome == "sent" {
		return dsn[:1]
	}
	return dsn
}

// fate is what the witnesses say became of a copy; empty if nobody tried.
func (w *world) fate(p *posted, c target) string {
	to, line := plainly(c.to), plainly(c.to)+" orig="+plainly(c.orig)
	if c.box != "" {
		name := c.orig
		if name == "" {
			name = c.to
		}
		if w.mailboxes[target{p.mail.Token, name, c.box}] == 1 {
			return line + " sent 2 *1"
		}
		return line + " nowhere"
	}
	same := 0
	for _, other := range p.copies {
		if plainly(other.to) == to {
			same++
		}
	}
	var last rig.Denial
	denied := 0
	for _, d := range w.denials() {
		if d.To == to {
			last = d
			denied++
		}
	}
	arrived := w.Sink.Copies()[rig.Copy{Token: p.mail.Token, To: to}]
	dsn, _, _ := strings.Cut(last.Text, " ")
	switch {
	case arrived == same:
		return fmt.Sprintf("%s sent 2 *%d", line, denied+1)
	case arrived > 0:
		return fmt.Sprintf("%s arrived %d times", line, arrived)
	case denied == 0:
		return ""
	case last.Code/100 == 5:
		return fmt.Sprintf("%s bounced %s *%d", line, dsn, denied)
	}
	return fmt.Sprintf("%s deferred %s *%d", line, dsn, denied)
}

// notices judges the non-delivery notifications: one for each mail that was given up at least one recipient, each tracked
// once, as a notice of that mail, and sent to its sender. It returns how many there were.
func (j *judge) notices(i int, w *world) int {
	n := 0
	for _, p := range w.posted {
		if p.refuse != 0 || p.mail.From == "" || !w.givenUp(p) {
			continue
		}
		n++
		var found []*delivery.Mail
		for _, m := range j.mails {
			if m.NoticeOf != "" && len(m.Deliveries) > 0 && m.Deliveries[0].To == p.mail.From {
				found = append(found, m)
			}
		}
		if len(found) != w.noticesOf(p) {
			j.complain("notices of: "+p.kind, "%d tracked, want %d", len(found), w.noticesOf(p))
		}
		for _, m := range found {
			j.taken[m] = "notice of " + p.tag
			if objection := j.notice(i, w, p, m); objection != "" {
				j.complain("notices of: "+p.kind, "%s: %s", objection, shown(m))
			}
		}
	}
	return n
}

// givenUp reports whether a mail did not reach somebody for good.
func (w *world) givenUp(p *posted) bool {
	return p.end == delivery.Expired || slices.ContainsFunc(p.copies, func(c target) bool { return strings.Contains(w.fate(p, c), " bounced ") })
}

// noticesOf counts the notices that arrived.
func (w *world) noticesOf(p *posted) int {
	if !strings.HasSuffix(p.mail.From, "@far.example") {
		return 1 // seen by what became of it
	}
	n := 0
	for _, d := range w.Sink.Deliveries() {
		if d.From == "" && d.Returned == p.mail.Token && slices.Equal(d.To, []string{p.mail.From}) {
			n++
		}
	}
	return n
}

// notice judges one notice.
func (j *judge) notice(i int, w *world, p *posted, m *delivery.Mail) string {
	about := slices.DeleteFunc(j.find(p), tried)
	queued := slices.ContainsFunc(w.waits, func(q rig.Queued) bool { return slices.Contains(m.IDs, j.id(i, q.ID)) && w.whose[q.ID] == nil })
	want, end := "sent 2", delivery.Removed
	switch {
	case strings.HasSuffix(p.mail.From, "@gone.example"):
		want = "bounced 5"
	case strings.HasSuffix(p.mail.From, "@never.example"):
		want, end = "deferred 4", ""
	}
	d := m.Deliveries[0]
	switch {
	case len(about) != 1 || !slices.Contains(about[0].IDs, m.NoticeOf):
		return "a notice of another mail"
	case m.From != "" || !m.Begun || m.MessageID == "":
		return "where it comes from"
	case d.Outcome+" "+d.DSN[:1] != want || len(m.Deliveries) != 1:
		return want
	case m.End != end || queued != m.Ended.IsZero() || queued != (end == ""):
		return fmt.Sprintf("end %q, queued %v", end, queued)
	}
	return ""
}

// waiting compares the queue, entry by entry, with the mails that are open when the log ends.
func (j *judge) waiting() {
	waits := 0
	for i, w := range j.worlds {
		waits += len(w.waits)
		for _, q := range w.waits {
			mine := 0
			for _, m := range j.open {
				if slices.Contains(m.IDs, j.id(i, q.ID)) && m.From == strings.Replace(q.Sender, "MAILER-DAEMON", "", 1) {
					mine++
				}
			}
			if mine != 1 {
				j.complain("the queue", "%s of <%s> in %s is %d open mails", q.ID, q.Sender, q.Queue, mine)
			}
		}
	}
	if waits != len(j.open) {
		j.complain("the queue", "%d wait, %d are open", waits, len(j.open))
		for _, m := range j.open {
			if !slices.ContainsFunc(j.worlds, func(w *world) bool {
				return slices.ContainsFunc(w.waits, func(q rig.Queued) bool { return q.Sender == m.From })
			}) {
				j.complain("the queue", "open: %s", shown(m))
			}
		}
	}
}

func uid(t *testing.T, name string) string {
	t.Helper()
	who, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	return who.Uid
}
