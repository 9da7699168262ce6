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
	account string
	signers *signers

	forged []milter.Removal
	had    bool // somebody else had the mail before, and wrote what he found
	header []canon.Field
	by     []*dkim.Signer // none: it is not signed
	why    string         // it is not signed
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
	m.forged, m.had = m.claims(fields)
	domains, _ := a.Domains()
	m.by, m.why = m.signers.chooseOne(domains)
	switch {
	case cut:
		m.by, m.why = nil, "its header section is longer than is kept"
	case m.prover.beside.Load() && isSigned(fields, m.by):
		m.by, m.why = nil, "it was signed when it came"
	}
	if len(m.by) > 0 {
		m.header, m.body = fields, canon.NewBody(dkim.SignedForms()...)
		m.lines = newFolded(m.body, m.prover.options.LineLimit)
	}
}

// claims finds the fields that pass for ours, and whether anybody wrote down what he found when the mail came to him.
func (m *outgoing) claims(fields []canon.Field) (forged []milter.Removal, had bool) {
	count := uint32(0)
	for _, f := range fields {
		had = had || f.Is("ARC-Seal")
		if !f.Is(resultsField) {
			continue
		}
		count, had = count+1, true
		if m.prover.checker.Service.Claims(f.Name, f.Value) && len(forged) < maxForged {
			forged = append(forged, milter.Removal{Name: resultsField, Index: count})
		}
	}
	return forged, had
}

// maxForged bounds how many fields are taken away from a mail: Postfix looks for each from the top.
const maxForged = 50

// signs reports whether the mail is signed: its account may write as its author; and of one that hands on what others wrote, nobody
// had it before. If not, it says why.
func (m *outgoing) signs(t *guard.Transaction) (signs bool, why string) {
	may, sure := m.prover.options.MaySign(t)
	switch {
	case !may:
		return false, "its account may not write as its author"
	case !sure && m.had:
		return false, "somebody else had it before"
	}
	return true, ""
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
	now := time.Now()
	if a.Action == guard.Reject || a.Action == guard.Tempfail {
		return a
	}
	if t.Login != "" { // what a program hands back may be ours
		a.Remove = append(a.Remove, m.forged...)
	}
	made, signed := m.sign(t, now)
	a.Insert = fields(made)
	m.prover.options.Ledger.outgoing(t, m.account, a.Action, signed, m.why, now)
	return a
}

// sign makes the signatures, and says which they are.
func (m *outgoing) sign(t *guard.Transaction, now time.Time) (made []canon.Field, signed []string) {
	if len(m.by) == 0 {
		return nil, nil
	}
	m.lines.Close()
	signs, why := m.signs(t)
	if !signs {
		m.why = why
		return nil, nil
	}
	for _, s := range m.by {
		f, err := s.Sign(m.header, m.body, now)
		if err != nil {
			m.why = "a signature could not be made: see the log"
			m.prover.options.Log.Warn("a mail leaves without one of its signatures", "queue_id", t.QueueID, "domain", s.Domain, "selector", s.Selector, "err", err)
			continue
		}
		made, signed = append(made, f), append(signed, s.Domain+" by "+s.Selector)
	}
	return made, signed
}
