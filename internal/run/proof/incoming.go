package proof

import (
	"context"
	"strings"
	"time"

	"postward/internal/auth/mailauth"
	"postward/internal/guard"
	"postward/internal/mail/canon"
	"postward/internal/mail/milter"
)

// resultsField is the name of the field (RFC 8601 section 2.2).
const resultsField = "Authentication-Results"

// incoming is a mail from outside.
type incoming struct {
	prover *Prover
	seals  bool // an ARC set may be made
	mail   *mailauth.Mail
	cancel context.CancelFunc
}

// incoming begins to ask who wrote a mail.
func (p *Prover) incoming(t *guard.Transaction) *incoming {
	ctx, cancel := context.WithCancel(context.Background())
	c := p.checker
	c.Seals = p.options.Config.Seal && len(p.signers.Load().sealers) > 0
	return &incoming{prover: p, cancel: cancel, seals: c.Seals, mail: c.Begin(ctx, mailauth.Session{
		Client: t.Client, ClientName: t.ClientName, Helo: t.Helo, MailFrom: t.ReversePath,
	})}
}

func (m *incoming) Header(fields []canon.Field, cut bool) {
	m.mail.Header(fields, cut)
}

func (m *incoming) Body(p []byte) (enough bool) {
	_, _ = m.mail.Write(p) // it never fails
	return !m.mail.NeedsBody()
}

func (m *incoming) Close() {
	m.mail.Close()
	m.cancel()
}

// End waits for the answers, has the mail judged by what they say, and writes them down.
func (m *incoming) End(ctx context.Context, t *guard.Transaction) milter.Answer {
	stop := context.AfterFunc(ctx, m.cancel)
	defer stop()
	m.mail.Known(t.QueueID)
	r := m.mail.End(time.Now())
	if r.Panic != "" {
		m.prover.options.Log.Error("bug: a part of authenticating a mail panicked", "panic", r.Panic)
	}
	t.Proof = proofOf(&r)
	a := m.prover.options.Judge(ctx, t)
	found := r.Disposition
	if found == mailauth.Reject && a.Action == guard.Accept { // in shadow mode
		m.mail.Mark(&r)
	}
	m.prover.options.Ledger.incoming(t, &r, found, a.Action, time.Now())
	if a.Action == guard.Reject || a.Action == guard.Tempfail {
		return a
	}
	a.Insert = append(m.seal(&r, t), milter.Field{Name: resultsField, Value: r.Add})
	for _, f := range r.Remove {
		a.Remove = append(a.Remove, milter.Removal{Name: f.Name, Index: uint32(f.Index)})
	}
	return a
}

// proofOf is what of a result the guard is told.
func proofOf(r *mailauth.Result) *guard.Proof {
	p := &guard.Proof{Action: guard.Accept, AsUs: r.AsUs}
	if r.Why != "" {
		p.Why = strings.TrimPrefix(strings.Join(r.Authors[:min(len(r.Authors), 2)], ", ")+": "+string(r.Why), ": ")
	}
	if r.Disposition == mailauth.Reject {
		p.Action = guard.Reject
	}
	return p
}

// seal makes an ARC set for a mail that may leave again, by an alias or a forward, after which no milter sees it: in the name
// of the domain to which it is sent.
func (m *incoming) seal(r *mailauth.Result, t *guard.Transaction) []milter.Field {
	if !m.seals || len(t.Recipients) == 0 {
		return nil
	}
	s := m.prover.signers.Load().sealer(domainOf(t.Recipients[0]))
	if s == nil {
		return nil
	}
	set, err := m.mail.Seal(r, s, time.Now())
	if err != nil {
		m.prover.options.Log.Debug("no ARC set is added", "queue_id", t.QueueID, "err", err)
		return nil
	}
	return fields(set)
}

// fields are made ones as the milter writes them.
func fields(made []canon.Field) []milter.Field {
	var all []milter.Field
	for _, f := range made {
		all = append(all, milter.Field{Name: f.Name, Value: f.Value})
	}
	return all
}
