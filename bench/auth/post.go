package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"postward/internal/mail/arc"
	"postward/internal/mail/canon"
	"postward/internal/mail/dkim"
	"postward/test/rig"
)

// every is which mails are the first of their domain, and which are handed on by a list: one in four.
const every = 4

// post is mails that each way gets once, from outside or from anna. No other post has its domains.
type post struct {
	direction             string
	number, octets, count int
	first                 int // of its domains' addresses

	mails []rig.Mail
	from  []int // by which domain
}

func (p *post) domains() int { return (p.count + every - 1) / every }

// write makes the mails, with what their senders sign. The same ones go all ways.
func (b *bench) write(p *post) error {
	draw := rand.New(rand.NewPCG(1, uint64(p.number)))
	text := body(p.octets)
	p.mails, p.from = make([]rig.Mail, p.count), make([]int, p.count)
	for i := range p.mails {
		if p.direction == out {
			p.mails[i] = rig.Mail{Token: rig.NewToken(), From: "anna@example.org", To: []string{fmt.Sprintf("friend%d@example.com", i%10)}, Body: text}
			continue
		}
		p.from[i] = i / every
		if i%every > 0 {
			p.from[i] = draw.IntN(i/every + 1)
		}
		m, err := b.letter(p, i, text)
		if err != nil {
			return fmt.Errorf("write the mails: %w", err)
		}
		p.mails[i] = m
	}
	return nil
}

// body is as in bench/mail. It has no words: an account that sends the same text to everybody is stopped.
func body(octets int) string { return strings.Repeat(strings.Repeat("x", 70)+"\r\n", octets/72) }

func (b *bench) letter(p *post, i int, text string) (rig.Mail, error) {
	s := b.sender(p, p.from[i])
	m := rig.Mail{Token: rig.NewToken(), From: "carl@" + s.domain, To: []string{fmt.Sprintf("friend%d@example.org", i%10)}, Bare: true, Body: text}
	m.Header = fmt.Sprintf("From: Carl <%s>\r\nTo: <%s>\r\nSubject: the harbour\r\nDate: %s\r\nMessage-ID: <%s@%s>\r\n"+
		"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n", m.From, m.To[0], time.Now().Format(time.RFC1123Z), m.Token, s.domain)
	for _, selector := range []string{"e", "r"} {
		signer, err := dkim.NewSigner(s.domain, selector, s.keys.key(selector))
		if err != nil {
			return m, err
		}
		header, hashed := read(&m)
		f, err := signer.Sign(header, hashed, time.Now())
		if err != nil {
			return m, err
		}
		m.Header = written(f) + m.Header
	}
	if i%every != every/2 {
		return m, nil
	}
	return m, b.handOn(p, &m, s.domain)
}

// handOn seals a mail as a list does that changes nothing.
func (b *bench) handOn(p *post, m *rig.Mail, domain string) error {
	sealer, err := arc.NewSealer(p.list(), "r", b.keys[0].rsa)
	if err != nil {
		return err
	}
	header, hashed := read(m)
	found := "mx." + p.list() + "; arc=none; dkim=pass header.d=" + domain + "; dmarc=pass header.from=" + domain
	set, err := sealer.Seal(arc.Read(header), header, arc.Result{}, found, hashed, time.Now())
	if err != nil {
		return err
	}
	m.Header = written(set...) + m.Header
	return nil
}

// read is a mail's header section as it will be sent, and its body hashed to be signed.
func read(m *rig.Mail) ([]canon.Field, *canon.Body) {
	header, text := parsed([]byte(m.Text()))
	hashed := canon.NewBody(dkim.SignedForms()...)
	_, _ = hashed.Write([]byte(text)) // it never fails to take them
	return header, hashed
}

func written(fields ...canon.Field) string {
	var b strings.Builder
	for _, f := range fields {
		b.WriteString(f.Name + ":" + f.Value + "\r\n")
	}
	return b.String()
}

// by brings a post to a Postfix: each mail from its sender's server, or from anna's office.
func (b *bench) by(p *post, to *rig.Postfix, parallel int) rig.Load {
	load := rig.Load{Count: p.count, Parallel: parallel, PerSession: 10, Mail: func(i int) rig.Mail { return p.mails[i] },
		Client: rig.Client{Addr: to.Submission(), Address: office, User: "anna", Password: "correct horse"}}
	if p.direction == out {
		return load
	}
	load.PerSession = 1
	load.Who = func(i int) rig.Client {
		s := b.sender(p, p.from[i])
		return rig.Client{Addr: to.SMTP(), Helo: s.server(), Address: s.addr.String()}
	}
	return load
}
