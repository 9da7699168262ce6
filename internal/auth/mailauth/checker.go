package mailauth

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"postward/internal/domain/dmarc"
	"postward/internal/mail/arc"
	"postward/internal/mail/authres"
	"postward/internal/mail/canon"
	"postward/internal/mail/dkim"
	"postward/internal/mail/message"
	"postward/internal/wire/dns"
)

// DefaultDeadline is how long a mail's end waits for answers.
const DefaultDeadline = 5 * time.Second

// Checker checks mails. It is not changed while it does. What it may leave out is nil or zero.
type Checker struct {
	Resolver dns.Resolver
	Service  *authres.Service // whose Authentication-Results are written, and which forged; nil: neither
	Deadline time.Duration    // that End waits at most; 0: DefaultDeadline
	Policy   *Policy          // nil: Default
	Seals    bool             // Seal may be called
	Places   *Places          // that all mails share, of this Checker and of its copies; nil: only each mail has a bound of its own

	// These are told domains in A-labels and lower case, and may be asked by many goroutines.
	Trusted   func(sealer string) bool // whether a sealer's word counts
	Forwarder func(domain string) bool // whether a client that proves to be of this domain hands on others' mail
	Exempt    func(author string) bool // whether a failure of this Author Domain is nobody's concern
	Ours      func(domain string) bool // whether mail of this domain is written here
}

// Session is what is known at MAIL FROM.
type Session struct {
	Client     netip.Addr
	ClientName string // that Postfix has proved to be the client's, by asking to and fro; empty, or "unknown": none
	Helo       string
	MailFrom   string // as message.Address has it; empty: the null reverse-path
}

// Mail is one on its way in. One goroutine at a time may use it.
type Mail struct {
	checker *Checker
	session Session
	asks    *memory // for DMARC; the others are the same one, with places
	keys    *memory
	ctx     context.Context
	cancels []context.CancelFunc
	spf     sync.WaitGroup // for the two results of SPF, which DMARC needs
	waits   sync.WaitGroup // for iprev, and for the walks that go into the memory
	ahead   sync.WaitGroup // for what may not be needed; only Close waits for it

	mailFrom, helo SPF
	iprev          IPRev
	rescue         rescue
	queueID        string // that Postfix has given the mail

	header     []canon.Field
	authors    []string
	reading    message.Reading
	unread     bool
	cut        bool
	signatures *dkim.Signatures // nil until Header
	asked      *dkim.Asked
	chain      *arc.Chain
	forms      []canon.Form
	body       *canon.Body
}

// Begin starts checking a mail: SPF and iprev are asked for. Whoever begins a mail ends it, by End or by Close.
func (c *Checker) Begin(ctx context.Context, s Session) *Mail {
	s.Client = s.Client.Unmap().WithZone("")
	ctx, cancel := context.WithCancel(ctx)
	m := &Mail{checker: c, session: s, ctx: ctx, cancels: []context.CancelFunc{cancel}, asks: remember(c.Resolver)}
	main, side, keys := c.Places.of()
	asks, beside := m.asks.within(main), m.asks.within(side)
	m.keys = m.asks.within(keys)
	ctx = m.stage(strangers)
	ahead := m.askAhead(ctx, beside)
	m.helo, m.mailFrom, m.iprev = unchecked(s.Helo), unchecked(s.MailFrom), IPRev{Result: TempError} // should a part panic
	m.rescue.start(&m.spf, func() { m.helo = checkSPF(ctx, asks, ahead, s.Client, s.Helo, "@"+s.Helo) })
	if s.MailFrom != "" {
		m.rescue.start(&m.spf, func() { m.mailFrom = checkSPF(ctx, asks, ahead, s.Client, s.Helo, s.MailFrom) })
	}
	if s.ClientName != "" && s.ClientName != "unknown" {
		m.iprev = IPRev{Result: Pass, Name: dns.Show(s.ClientName)}
	} else {
		m.rescue.start(&m.waits, func() { m.iprev = checkIPRev(ctx, beside, s.Client) })
	}
	return m
}

// askAhead has a question begun whose answer will be looked for in the memory.
func (m *Mail) askAhead(ctx context.Context, asks *memory) func(name string, kind dns.Type) {
	return func(name string, kind dns.Type) { m.rescue.start(&m.ahead, func() { asks.Lookup(ctx, name, kind) }) }
}

// Parts of the deadline: what senders choose has the first; the whole is for the end.
const (
	strangers = 3
	whole     = 4
)

// stage is the context of what is asked from now on, with its part of the deadline.
func (m *Mail) stage(part time.Duration) context.Context {
	deadline := m.checker.Deadline
	if deadline <= 0 {
		deadline = DefaultDeadline
	}
	ctx, cancel := context.WithTimeout(m.ctx, deadline*part/whole)
	m.cancels = append(m.cancels, cancel)
	return ctx
}

// Header takes the header section, its topmost field first, and asks for what it leads to. The fields must not be changed
// until the end. cut says that there are more, which nobody has: who its author is cannot be told then, and it is rejected.
func (m *Mail) Header(fields []canon.Field, cut bool) {
	var a message.Authorship
	size := 0
	for _, f := range fields {
		a.Field(f.Name, f.Value)
		size += len(f.Name) + len(f.Value)
		m.unread = m.unread || f.Is("From") && len(f.Value) > message.MaxField
	}
	m.header, m.cut, m.unread = fields, cut, cut || m.unread || size > message.MaxHeader
	if m.authors, m.reading = a.Domains(); cut {
		m.reading = message.CannotTell
	}
	m.signatures, m.chain = dkim.Read(fields), arc.Read(fields)
	m.forms = append(m.signatures.Forms(), m.chain.Forms()...)
	if m.checker.Seals {
		m.forms = append(m.forms, dkim.SignedForms()...)
	}
	m.body = canon.NewBody(m.forms...)
	ctx := m.stage(strangers)
	m.asked = m.signatures.Ask(ctx, m.keys)
	for _, domain := range m.authors[:min(len(m.authors), dmarc.MaxAuthors)] {
		m.rescue.start(&m.waits, func() { dmarc.Discover(ctx, m.asks, domain) }) // the memory keeps it for the end
	}
	for _, name := range sealers(fields) {
		m.askAhead(ctx, m.keys)(name, dns.TXT)
	}
}

// Known tells the queue ID that Postfix has given the mail, before End: the Received field with it is Postfix's own, wherever it
// stands, and says of nobody else that he had the mail.
func (m *Mail) Known(queueID string) { m.queueID = queueID }

// maxAhead is how many ARC fields are looked at for where their keys are: those of the newest sets.
const maxAhead = 6

// sealers are the names at which the keys of a chain are, as far as its fields say so: package arc asks once the body is there.
func sealers(fields []canon.Field) (all []string) {
	for _, f := range fields {
		if len(all) == maxAhead {
			break
		}
		if !f.Is("ARC-Seal") && !f.Is("ARC-Message-Signature") || len(f.Value) > arc.MaxField {
			continue
		}
		if tags, ok := dkim.ParseTags(f.Value); ok {
			all = append(all, tags.Value("s")+"._domainkey."+tags.Value("d"))
		}
	}
	return all
}

// Write takes the next octets of the body, which has CRLF as SMTP has it. It never fails.
func (m *Mail) Write(body []byte) (int, error) {
	m.headed()
	return m.body.Write(body)
}

// NeedsBody reports whether anything depends on the body: there is a signature that can be tried. It is known when Header was
// told.
func (m *Mail) NeedsBody() bool { return len(m.forms) > 0 }

// headed makes sure that there was a header section, if only an empty one.
func (m *Mail) headed() {
	if m.signatures == nil {
		m.Header(nil, false)
	}
}

// End waits for what was asked, until the deadline at the latest, and judges. The mail is over then.
func (m *Mail) End(now time.Time) (r Result) {
	defer func() {
		m.Close()
		r.Panic = m.Panic()
	}()
	m.headed()
	for _, form := range m.forms {
		m.body.Sum(form) // what is summed may be read by many
	}
	r = Result{Authors: m.authors, Reading: m.reading, Unread: m.unread}
	last, slow := m.stage(whole), m.stage(strangers)
	var chain sync.WaitGroup
	found := arc.Result{Status: arc.TempError, Reason: arc.NotAsked}
	m.rescue.start(&chain, func() { found = m.chain.Validate(slow, m.keys, m.body, now) })
	r.DKIM = m.verify(slow, now)
	m.spf.Wait()
	r.MailFrom, r.HELO = m.mailFrom, m.helo
	if r.NullPath = m.session.MailFrom == ""; r.NullPath {
		r.MailFrom = r.HELO
	}
	r.DMARC = dmarc.Evaluate(r.identifiers(), dmarc.Known{}) // nothing answered: should asking panic
	m.rescue.run(func() { r.DMARC = dmarc.Judge(last, m.asks, r.identifiers()) })
	m.waits.Wait()
	r.IPRev = m.iprev
	chain.Wait()
	r.ARC, r.Panic = found, m.Panic()
	m.conclude(&r)
	return r
}

// verify are the results of the signatures. A resolver that panics is told of once, and its key is one that did not answer.
func (m *Mail) verify(ctx context.Context, now time.Time) (all []dkim.Result) {
	for range 2 {
		if m.rescue.run(func() { all = m.signatures.Verify(ctx, m.asked, m.body, now) }) {
			return all
		}
	}
	return slices.Repeat([]dkim.Result{{Status: dkim.TempError, Reason: dkim.NotAsked}}, m.signatures.Len())
}

// Close ends a mail: it waits for all that the mail has started. After End it does nothing.
func (m *Mail) Close() {
	for _, cancel := range m.cancels {
		cancel()
	}
	m.cancels = nil
	if m.asked != nil {
		m.rescue.run(m.asked.Stop)
	}
	m.spf.Wait()
	m.waits.Wait()
	m.ahead.Wait()
}
