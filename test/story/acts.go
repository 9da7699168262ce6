package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"postward/test/rig"
)

func (s *story) client(user, password, from string) rig.Client {
	return rig.Client{Addr: s.site.Postfix.Submission(), Address: from, User: user, Password: password}
}

// play plays the acts in order and then accounts for every mail.
func (s *story) play(ctx context.Context) error {
	for _, act := range []func(context.Context) error{s.before, s.ordinary, s.proof, s.notListed} {
		if err := act(ctx); err != nil {
			return err
		}
	}
	if !s.stay {
		if err := s.month(ctx); err != nil {
			return err
		}
	}
	work, others := make(chan error, 1), make(chan error, 1)
	go func() { work <- s.everybody(ctx) }()
	go func() {
		var err error
		if !s.stay {
			s.played, err = s.attacks(ctx)
		}
		others <- err
	}()
	r, err := s.hijack(ctx)
	if err := errors.Join(err, <-work, <-others); err != nil {
		return err
	}
	if err := s.falseAlarm(ctx); err != nil {
		return err
	}
	return s.settle(ctx, r)
}

// ordinary: mail comes in and goes out, and nobody notices postward.
func (s *story) ordinary(ctx context.Context) error {
	fmt.Println("\nNow postward is attached. An ordinary day. Mail comes in for anna, and anna writes from the office.")
	in := rig.Client{Addr: s.site.Postfix.SMTP(), Address: "198.51.100.9"}.SendOne(ctx, rig.Mail{From: "carla@example.com", To: []string{"anna@example.org"}})
	out := s.client("anna", "correct horse", office).SendOne(ctx, rig.Mail{From: "anna@example.org", To: []string{"carla@example.com"}})
	s.remember(in, out)
	for _, m := range []rig.Mail{in, out} {
		if m.Outcome != rig.Accepted {
			return fmt.Errorf("an ordinary mail from %s was %s: %d %s", m.From, m.Outcome, m.Code, m.Reply)
		}
	}
	if err := s.arrived(ctx, in, out); err != nil {
		return err
	}
	fmt.Println("  both arrived")
	return nil
}

// notListed: an account with a default password that never should send.
func (s *story) notListed(ctx context.Context) error {
	fmt.Println("\nSomebody finds that the password of alarm is alarm, and logs in from", stranger+".")
	m := s.client("alarm", "alarm", stranger).SendOne(ctx, rig.Mail{From: "alarm@example.org", To: []string{"victim@example.net"}})
	s.remember(m)
	if m.Outcome != rig.Refused || m.Code/100 != 5 {
		return fmt.Errorf("alarm is not on the list, and its mail was %s: %d %s", m.Outcome, m.Code, m.Reply)
	}
	fmt.Printf("  alarm is not on the list of accounts that may send: %d %s\n", m.Code, m.Reply)
	return nil
}

// result is what the last line says of the hijacked account.
type result struct {
	mails    []rig.Mail
	incident incident
	alerted  time.Duration
}

// hijack: the account is on the list, was never used, and sends thousands of mails.
func (s *story) hijack(ctx context.Context) (*result, error) {
	fmt.Printf("\nThe owner had put alarm on the list and forgot it. Now the stranger sends %d mails with it.\n", s.size.hijack)
	if err := s.show(ctx, "account", "allow", "alarm"); err != nil {
		return nil, err
	}
	r := &result{}
	start := time.Now()
	r.mails = rig.Load{Client: s.client("alarm", "alarm", stranger), Count: s.size.hijack, Parallel: 4, PerSession: 10,
		Mail: func(i int) rig.Mail {
			return spam("alarm", i, 1)
		}}.Send(ctx)
	s.remember(r.mails...)
	taken := 0
	for _, m := range r.mails {
		if m.Outcome == rig.Accepted {
			taken++
		}
	}
	fmt.Printf("  %d mails in %.1f s: %d were taken and wait, %d were refused\n", len(r.mails), time.Since(start).Seconds(), taken, len(r.mails)-taken)
	first, err := s.webhook.wait(ctx, "alarm")
	if err != nil {
		return nil, err
	}
	r.alerted = first.at.Sub(start)
	stopped, err := s.webhook.wait(ctx, "was stopped")
	if err != nil {
		return nil, err
	}
	fmt.Printf("\nThe owner is told, not by mail, %d ms after the first one:\n", r.alerted.Milliseconds())
	for line := range strings.Lines(stopped.text) {
		fmt.Print("  │ ", line)
	}
	fmt.Println()
	if r.incident, err = s.incidentOf(ctx, "alarm"); err != nil {
		return nil, err
	}
	if err := s.show(ctx, "incident", "show", fmt.Sprint(r.incident.ID)); err != nil {
		return nil, err
	}
	return r, s.locked(ctx)
}

// locked: the stranger still has the right password, and it opens nothing any more; from where alarm is at home it does.
func (s *story) locked(ctx context.Context) error {
	fmt.Println("\nHis password is still right. But Dovecot asks postward about each login (postward attach --dovecot):")
	if said, err := s.site.Dovecot.Doveadm(ctx, "reload"); err != nil {
		return fmt.Errorf("reload Dovecot: %w: %s", err, said)
	}
	try := func(from string, in bool) error {
		taken, said := s.site.Dovecot.Login(ctx, "imap", from, "s1", "alarm", "alarm")
		answer := "let in"
		if !taken {
			_, reason, _ := strings.Cut(said, "reason=")
			reason, _, _ = strings.Cut(reason, "\n")
			answer = "refused: " + reason
		}
		fmt.Printf("  IMAP from %-14s %s\n", from, answer)
		if taken != in {
			return fmt.Errorf("a login as alarm from %s: %s", from, said)
		}
		return nil
	}
	if err := errors.Join(try(stranger, false), try(office, true)); err != nil {
		return err
	}
	fmt.Println("\nThe owner may open it again, and lock it until the password is changed:")
	if err := s.show(ctx, "account", "unlock", "alarm"); err != nil {
		return err
	}
	if err := try(stranger, true); err != nil {
		return err
	}
	if err := s.show(ctx, "account", "lock", "alarm"); err != nil {
		return err
	}
	return errors.Join(try(stranger, false), try(office, false))
}

// incidentOf finds the newest incident of an account.
func (s *story) incidentOf(ctx context.Context, account string) (newest incident, err error) {
	var list []incident
	if err := s.ward.Ask(ctx, &list, "incident", "list"); err != nil {
		return newest, err
	}
	for _, i := range list {
		if i.Account == account && i.ID > newest.ID {
			newest = i
		}
	}
	if newest.ID == 0 {
		return newest, fmt.Errorf("there is no incident of %s", account)
	}
	return newest, nil
}

// office: meanwhile everybody else works, from the office's network.
func (s *story) office(ctx context.Context) error {
	var mu sync.Mutex
	var mails []rig.Mail
	var all sync.WaitGroup
	for i := range s.size.workers {
		all.Go(func() {
			sent := rig.Load{Client: s.client(worker(i), "secret "+worker(i), fmt.Sprintf("192.0.2.%d", 20+i)), Count: s.size.each,
				Mail: func(n int) rig.Mail {
					return rig.Mail{From: worker(i) + "@example.org", To: []string{fmt.Sprintf("customer%d@example.com", (i+n)%7), "carla@example.com"}}
				}}.Send(ctx)
			mu.Lock()
			defer mu.Unlock()
			mails = append(mails, sent...)
		})
	}
	all.Wait()
	s.remember(mails...)
	var wrong []error
	for _, m := range mails {
		if m.Outcome != rig.Accepted {
			wrong = append(wrong, fmt.Errorf("the office: a mail of %s was %s: %d %s", m.From, m.Outcome, m.Code, m.Reply))
		}
	}
	if len(wrong) > 0 {
		return errors.Join(wrong...)
	}
	return s.arrived(ctx, mails...)
}

// arrived waits until every copy of these mails is at the sink.
func (s *story) arrived(ctx context.Context, mails ...rig.Mail) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return rig.Wait(ctx, "mail to arrive", func() error {
		at := s.site.Sink.Copies()
		for _, m := range mails {
			for _, c := range m.Copies() {
				if at[c] == 0 {
					return fmt.Errorf("%s from %s is not there", c, m.From)
				}
			}
		}
		return nil
	})
}

// falseAlarm: bob writes to his whole club from a hotel. It is held; one command lets it go.
func (s *story) falseAlarm(ctx context.Context) error {
	fmt.Printf("\nMeanwhile the office worked, and every mail of it arrived. Now bob, from a hotel, writes to %d members of his club.\n", s.size.burst)
	mails := rig.Load{Client: s.client("bob", "battery staple", hotel), Count: s.size.burst, Mail: func(i int) rig.Mail {
		return rig.Mail{From: "bob@example.org", To: []string{fmt.Sprintf("member%d@example.com", i)}}
	}, Stop: func(m *rig.Mail) bool { return m.Outcome != rig.Accepted }}.Send(ctx)
	var taken []rig.Mail
	for _, m := range mails {
		switch m.Outcome {
		case rig.Accepted:
			taken = append(taken, m)
		case rig.Refused:
			fmt.Printf("  mail %d: %d %s\n", len(taken)+1, m.Code, m.Reply)
		}
	}
	s.remember(mails...)
	fmt.Printf("  %d mails were taken and wait, for nobody knows bob there. He telephones: it was him.\n", len(taken))
	i, err := s.incidentOf(ctx, "bob")
	if err != nil {
		return err
	}
	if err := s.show(ctx, "incident", "release", fmt.Sprint(i.ID)); err != nil {
		return err
	}
	if err := s.arrived(ctx, taken...); err != nil {
		return err
	}
	fmt.Printf("  all %d arrived\n", len(taken))
	return nil
}

// settle accounts for every mail, one by one, and prints the last line.
func (s *story) settle(ctx context.Context, r *result) error {
	if err := s.show(ctx, "status"); err != nil {
		return err
	}
	if err := s.site.Postfix.WaitDelivered(ctx); err != nil {
		return err
	}
	all, err := rig.Account(ctx, s.sent, s.site.Sink, s.site.Postfix)
	if err != nil {
		return err
	}
	alarm, err := rig.Account(ctx, r.mails, s.site.Sink, s.site.Postfix)
	if err != nil {
		return err
	}
	accepted := 0
	for _, m := range r.mails {
		if m.Outcome == rig.Accepted {
			accepted++
		}
	}
	fmt.Printf("\nevery mail: %s\n", all)
	var wrong error
	for _, a := range s.played {
		_, err := s.judge(ctx, a)
		wrong = errors.Join(wrong, err)
	}
	fmt.Printf("story: accepted=%d left=%d held=%d refused=%d missing=%d twice=%d contained_after_mails=%d alert_ms=%d\n",
		accepted, len(alarm.AtSink), len(alarm.Held), len(alarm.Refused), len(all.Missing), len(all.Twice), r.incident.Before, r.alerted.Milliseconds())
	if len(alarm.AtSink) > 0 {
		err = fmt.Errorf("%d mails of the hijacked account left", len(alarm.AtSink))
	}
	if n := r.incident.Before; n == 0 || n > budget+held {
		err = errors.Join(err, fmt.Errorf("the account was contained after %d mails, not after 1 to %d", n, budget+held))
	}
	return errors.Join(all.Err(), err, wrong)
}

// held is containment.held: an account with so many held mails is stopped.
const held = 5

// budget is budget.unfamiliar: what may leave from a network that an account never wrote from.
const budget = 6
