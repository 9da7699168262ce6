package proof

import (
	"context"
	"slices"
	"strings"
	"time"

	"postward/internal/guard"
	"postward/internal/mail/canon"
	"postward/internal/mail/dkim"
	"postward/internal/mail/message"
	"postward/internal/mail/milter"
)

// outgoing is a mail that an account sends.
type outgoing struct {
	prover  *Prover
	signers *signers

	header []canon.Field
	by     []*dkim.Signer // none: it is not signed
	body   *canon.Body
	lines  *folded // to body
}

// Header finds by whom the mail is signed: by the domain of its author, which has the reader's eye (RFC 5322 section 3.6.2). Of
// several the first that has keys.
func (m *outgoing) Header(fields []canon.Field, cut bool) {
	var a message.Authorship
	for _, f := range fields {
		a.Field(f.Name, f.Value)
	}
	domains, _ := a.Domains()
	for _, d := range domains {
		if m.by = m.signers.choose(d); len(m.by) > 0 {
			break
		}
	}
	if cut || m.prover.beside.Load() && isSigned(fields, m.by) {
		m.by = nil
	}
	if len(m.by) > 0 {
		m.header, m.body = fields, canon.NewBody(dkim.SignedForms()...)
		m.lines = newFolded(m.body, m.prover.options.LineLimit)
	}
}

// isSigned reports whether the topmost signature of a mail is one of a domain for which we would sign: a milter before us has
// done it.
func isSigned(fields []canon.Field, by []*dkim.Signer) bool {
	i := slices.IndexFunc(fields, func(f canon.Field) bool { return f.Is("DKIM-Signature") })
	if i < 0 || len(by) == 0 {
		return false
	}
	for tag := range strings.SplitSeq(fields[i].Value, ";") {
		name, value, _ := strings.Cut(tag, "=")
		if strings.TrimSpace(name) == "d" {
			d, err := message.Domain(strings.TrimSpace(value))
			return err == nil && d == by[0].Domain
		}
	}
	return false
}

func (m *outgoing) Body(p []byte) (enough bool) {
	if m.body == nil {
		return true
	}
	_, _ = m.lines.Write(p) // it never fails
	return false
}

func (m *outgoing) Close() {}

// End has the mail judged, and signs it if it stays: what waits in hold leaves later, and then nobody signs it.
func (m *outgoing) End(ctx context.Context, t *guard.Transaction) milter.Answer {
	a := m.prover.options.Judge(ctx, t)
	if a.Action == guard.Reject || a.Action == guard.Tempfail {
		return a
	}
	if m.body != nil {
		m.lines.Close()
	}
	var made []canon.Field
	for _, s := range m.by {
		f, err := s.Sign(m.header, m.body, time.Now())
		if err != nil {
			m.prover.options.Log.Warn("a mail leaves without one of its signatures", "queue_id", t.QueueID, "domain", s.Domain, "selector", s.Selector, "err", err)
			continue
		}
		made = append(made, f)
	}
	m.prover.today.signed(len(made), time.Now())
	a.Insert = fields(made)
	return a
}
