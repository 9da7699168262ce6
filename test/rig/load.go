package rig

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Load is many mails from one client.
type Load struct {
	Client
	Count      int // mails
	Parallel   int // sessions at a time, 1 if 0
	PerSession int // mails a session, all of its share if 0
	// Mail makes mail i; a token is added where it has none. Without it, each goes from sender@example.org to
	// rcptI@example.net.
	Mail func(i int) Mail
	// Who is the client of the session that begins with mail i; nil: Client is everybody's.
	Who func(i int) Client
	// Stop ends the load early, before the next mail, when it returns true for the mail that was sent last.
	Stop func(m *Mail) bool
}

// Send sends them all and returns each with its outcome, in order. A mail whose session could not be opened is
// Refused with the steps of that. When ctx ends, the rest is Unsent.
func (l Load) Send(ctx context.Context) []Mail {
	mails := make([]Mail, l.Count)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	next := make(chan int)
	var workers sync.WaitGroup
	for range max(1, l.Parallel) {
		workers.Go(func() { l.work(ctx, cancel, mails, next) })
	}
	for i := range mails {
		mails[i] = l.mail(i)
		select {
		case next <- i:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(next)
	workers.Wait()
	return mails
}

func (l Load) mail(i int) Mail {
	m := Mail{From: "sender@example.org", To: []string{fmt.Sprintf("rcpt%d@example.net", i)}}
	if l.Mail != nil {
		m = l.Mail(i)
	}
	if m.Token == "" {
		m.Token = NewToken()
	}
	if m.Account == "" {
		m.Account = l.User
	}
	return m
}

func (l Load) work(ctx context.Context, stop func(), mails []Mail, next <-chan int) {
	// A load that is stopped lets mails in hand end: the session outlives ctx by its timeout at most.
	var s *Session
	sent := 0
	for i := range next {
		m := &mails[i]
		if s == nil {
			if s = l.open(ctx, i, m); s == nil {
				continue
			}
			sent = 0
		}
		s.Send(m)
		sent++
		if last := s.last(); last.Code == 0 || last.Code == 421 || sent == l.PerSession {
			s.Close()
			s = nil
		}
		if l.Stop != nil && l.Stop(m) {
			stop()
		}
	}
	if s != nil {
		s.Close()
	}
}

// open opens a session for mail i, m; when it cannot be had, m is refused with what the server said.
func (l Load) open(ctx context.Context, i int, m *Mail) *Session {
	client := l.Client
	if l.Who != nil {
		client = l.Who(i)
	}
	s, err := client.Open(context.WithoutCancel(ctx))
	m.Steps = append(m.Steps, s.Steps...)
	s.Steps = nil
	if err != nil {
		m.settle()
		return nil
	}
	return s
}

// SendOne sends one mail in a session of its own.
func (c Client) SendOne(ctx context.Context, m Mail) Mail {
	return Load{Client: c, Count: 1, Mail: func(int) Mail { return m }}.Send(ctx)[0]
}

// Rate is how many of the mails were accepted, and mails a second from the first step to the last.
func Rate(mails []Mail) (accepted int, perSecond float64) {
	var first, last time.Time
	for _, m := range mails {
		if m.Outcome == Accepted {
			accepted++
		}
		for _, step := range m.Steps {
			if first.IsZero() || step.At.Before(first) {
				first = step.At
			}
			if end := step.At.Add(step.Took); end.After(last) {
				last = end
			}
		}
	}
	if took := last.Sub(first).Seconds(); took > 0 {
		perSecond = float64(accepted) / took
	}
	return accepted, perSecond
}
