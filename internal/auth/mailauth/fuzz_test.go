package mailauth

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"postward/internal/domain/dmarc"
	"postward/internal/mail/arc"
	"postward/internal/mail/authres"
	"postward/internal/mail/canon"
	"postward/internal/mail/dkim"
)

// text is a letter as it is sent.
func (l *letter) text() string {
	var b strings.Builder
	for _, f := range l.header {
		b.WriteString(f.Name + ":" + f.Value + "\r\n")
	}
	return b.String() + "\r\n" + l.body
}

// FuzzMail: whatever a stranger sends, Anna is its author only when she signed it, it is rejected for a reason that the RFC
// lets us have, and our field says what was found.
func FuzzMail(f *testing.F) {
	signed := from(f, "author.example").sign("author.example")
	sums := map[string]bool{string(signed.hashed(canon.Relaxed).Sum(canon.Relaxed)): true}
	f.Add(signed.text(), "h", "x@mallory.example")
	f.Add(signed.footer().text(), "h", "")
	f.Add(listed(f, "list.example", "pass").text(), "lists.list.example", "x@list.example")
	f.Add(from(f, "ours.example").bottom("Authentication-Results: mx.here.example; dmarc=pass").text(), "mail.ours.example", "a@ours.example")
	f.Add(from(f, "unsaid.example").bottom("From: Group: anna@author.example, \"x\" <y@careful.example>;").text(), "[1.2.3.4]", "\"a@b\"@seen.example")
	for _, one := range hostile {
		l := from(f, "author.example").by(stranger, "h", "x@mallory.example")
		if one.mail(l); len(l.text()) < 10000 {
			f.Add(l.text(), l.session.Helo, l.session.MailFrom)
		}
	}
	base := house(f)
	f.Fuzz(func(t *testing.T, text, helo, mailFrom string) {
		counted, c := &counting{Resolver: base.Resolver}, *base
		c.Resolver = counted
		header, body := parse(text)
		m := c.Begin(t.Context(), Session{Client: stranger, Helo: helo, MailFrom: mailFrom})
		m.Header(header, false)
		m.Write([]byte(body))
		r := m.End(now)
		sum := canon.NewBody(canon.Relaxed)
		sum.Write([]byte(body))
		if r.DMARC.Result == dmarc.Pass && slices.Contains(r.Authors, "author.example") && !sums[string(sum.Sum(canon.Relaxed))] {
			t.Errorf("Anna did not write it: %s", r.told())
		}
		checkResult(t, &c, header, &r)
		if n := counted.questions(); n > dmarc.MaxQuestions+dkim.MaxSignatures+2*arc.MaxSets+60 {
			t.Errorf("%d questions", n)
		}
	})
}

// checkResult is what holds for every result.
func checkResult(t *testing.T, c *Checker, header []canon.Field, r *Result) {
	t.Helper()
	if r.Flooded {
		return
	}
	if r.Disposition == Reject && (r.DMARC.Result != dmarc.Fail || r.DMARC.Asked != dmarc.Reject || len(r.Signs) > 0 || r.Overridden != "") {
		t.Errorf("rejected: %s", r.told())
	}
	found, err := authres.Parse(r.Add)
	if err != nil || len(found.Of("dmarc")) != max(1, len(r.DMARC.Authors)) || strings.Contains(r.Add, "dmarc=pass") != (r.DMARC.Result == dmarc.Pass) {
		t.Errorf("our field says %q: %s", r.Add, r.told())
	}
	if bytes.ContainsFunc([]byte(r.Add), func(c rune) bool { return c > '~' || c < ' ' && !strings.ContainsRune("\r\n\t", c) }) {
		t.Errorf("our field says %q", r.Add)
	}
	left := slices.Clone(header)
	for _, gone := range r.Remove {
		left = remove(t, left, gone)
	}
	for _, f := range left {
		if c.Service.Claims(f.Name, f.Value) {
			t.Errorf("%q stays", f)
		}
	}
}

// remove takes a field away as a milter does.
func remove(t *testing.T, header []canon.Field, gone Removal) []canon.Field {
	t.Helper()
	n := 0
	for i, f := range header {
		if strings.EqualFold(strings.TrimRight(f.Name, " \t"), strings.TrimRight(gone.Name, " \t")) {
			if n++; n == gone.Index {
				return slices.Delete(header, i, i+1)
			}
		}
	}
	t.Errorf("there is no %+v", gone)
	return header
}
