package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"postward/test/rig"
)

// The scenarios of the guard's table that are played in real time, beside the story's own (A: a never-used account).
// Each has an account of its own, and runs while everybody else works.

// parcel is the text of the spam: one text, with a name and a number of its own for each.
func parcel(i int) string {
	return fmt.Sprintf("Dear customer %d,\r\n\r\nyour parcel could not be handed over because the delivery address is incomplete. Please confirm it\r\n"+
		"within two days and pay the small customs charge, otherwise the parcel returns to the sender. You find the form\r\n"+
		"under https://parcel.example/track?id=%d and need your credit card. Our courier waits for your answer.\r\n\r\n"+
		"With kind regards\r\nyour delivery team\r\n", i, 7919*i)
}

// attack is a compromise that is played.
type attack struct {
	name, account string
	mails         []rig.Mail
	within        time.Duration // of the first mail that was taken, to containment
	incident      incident
}

// incident is what the story reads of one.
type incident struct {
	ID        int       `json:"id"`
	Account   string    `json:"account"`
	Before    int       `json:"before"`
	First     time.Time `json:"first"`
	Contained time.Time `json:"contained"`
}

// spam is mail i of an account, to so many strangers.
func spam(account string, i, recipients int) rig.Mail {
	m := rig.Mail{From: account + "@example.org", Header: "Subject: Your parcel is waiting\r\n", Body: parcel(i)}
	for n := range recipients {
		m.To = append(m.To, fmt.Sprintf("victim%d-%d@example.net", i, n))
	}
	return m
}

// attacks plays B, C and F at once.
func (s *story) attacks(ctx context.Context) ([]*attack, error) {
	all := []*attack{
		{name: "B", account: "clara", within: 10 * time.Second},
		{name: "C", account: "dora", within: time.Minute},
		{name: "F", account: "emil", within: time.Minute},
	}
	var wg sync.WaitGroup
	wg.Go(func() { // fast, from one address, on an account with a month of history
		all[0].mails = rig.Load{Client: s.client("clara", "secret clara", "203.0.113.81"), Count: 300, PerSession: 10,
			Mail: func(i int) rig.Mail { return spam("clara", i, 1) }}.Send(ctx)
	})
	wg.Go(func() { // a few mails, each to many
		all[1].mails = rig.Load{Client: s.client("dora", "secret dora", "203.0.113.82"), Count: 20, PerSession: 1,
			Mail: func(i int) rig.Mail { return spam("dora", i, 50) }}.Send(ctx)
	})
	wg.Go(func() { // a botnet: every mail from an address of its own
		for i := range 200 {
			from := fmt.Sprintf("198.18.%d.%d", i%7, i+1)
			all[2].mails = append(all[2].mails, s.client("emil", "secret emil", from).SendOne(ctx, spam("emil", i, 1)))
		}
	})
	wg.Wait()
	for _, a := range all {
		s.remember(a.mails...)
	}
	return all, ctx.Err()
}

// judge checks what became of an attack, and prints its line.
func (s *story) judge(ctx context.Context, a *attack) (left int, err error) {
	if a.incident, err = s.incidentOf(ctx, a.account); err != nil {
		return 0, err
	}
	l, err := rig.Account(ctx, a.mails, s.site.Sink, s.site.Postfix)
	if err != nil {
		return 0, err
	}
	took := a.incident.Contained.Sub(a.incident.First)
	fmt.Printf("attack %s on %-5s: mails=%d held=%d left=%d refused=%d contained_after_mails=%d contained_s=%.1f\n",
		a.name, a.account, len(a.mails), len(l.Held), len(l.AtSink), len(l.Refused), a.incident.Before, took.Seconds())
	switch {
	case len(l.AtSink) > 0:
		err = fmt.Errorf("%d mails of attack %s left", len(l.AtSink), a.name)
	case a.incident.Contained.IsZero():
		err = fmt.Errorf("attack %s: %s was not stopped", a.name, a.account)
	case took > a.within:
		err = fmt.Errorf("attack %s: %s was stopped after %s, not within %s", a.name, a.account, took, a.within)
	}
	return len(l.AtSink), err
}

// month writes the log of a month in which clara and theo wrote to a few people, and the list of news knew its readers.
func (s *story) month(ctx context.Context) error {
	var b strings.Builder
	now, id := time.Now(), 0
	mail := func(at time.Time, login, client string, to ...string) {
		id++
		stamp := func(d time.Duration) string {
			return at.Add(d).Format("2006-01-02T15:04:05.000000-07:00") + " mail postfix/"
		}
		queue := fmt.Sprintf("%X", 0xB000000+id)
		fmt.Fprintf(&b, "%ssmtpd[100]: %s: client=unknown[%s], sasl_method=PLAIN, sasl_username=%s\n", stamp(0), queue, client, login)
		fmt.Fprintf(&b, "%sqmgr[101]: %s: from=<%s@example.org>, size=900, nrcpt=%d (queue active)\n", stamp(time.Second), queue, login, len(to))
		for _, r := range to {
			fmt.Fprintf(&b, "%ssmtp[102]: %s: to=<%s>, relay=mx.example.com[192.0.2.250]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)\n", stamp(2*time.Second), queue, r)
		}
		fmt.Fprintf(&b, "%sqmgr[101]: %s: removed\n", stamp(3*time.Second), queue)
	}
	for day := 30; day > 0; day-- {
		at := now.AddDate(0, 0, -day)
		for hour := range 3 {
			mail(at.Add(time.Duration(hour)*time.Hour), "clara", "198.51.100.20", "carla@example.com", fmt.Sprintf("friend%d@example.com", day%5))
			mail(at.Add(time.Duration(hour)*time.Hour), "theo", "198.51.100.30", "carla@example.com", fmt.Sprintf("friend%d@example.com", day%6))
		}
		if day%7 == 0 {
			mail(at, "news", "198.51.100.40", readers()...)
		}
	}
	path := filepath.Join(s.ward.Dir, "old-mail.log")
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		return err
	}
	if err := s.show(ctx, "account", "learn", path); err != nil {
		return err
	}
	return s.show(ctx, "account", "show", "clara")
}

// readers are those that the newsletter goes to.
func readers() []string {
	var all []string
	for i := range 60 {
		all = append(all, fmt.Sprintf("reader%d@example.com", i))
	}
	return all
}

// everybody works while the attacks go on: the office, a newsletter, a first day, a traveller.
func (s *story) everybody(ctx context.Context) error {
	if s.stay {
		return s.office(ctx)
	}
	var mu sync.Mutex
	var errs []error
	var wg sync.WaitGroup
	run := func(f func(context.Context) error) {
		wg.Go(func() {
			err := f(ctx)
			mu.Lock()
			defer mu.Unlock()
			errs = append(errs, err)
		})
	}
	run(s.office)
	run(func(ctx context.Context) error { // to its readers, one by one
		return s.ordinaryLoad(ctx, "news", "198.51.100.40", 60, func(i int) rig.Mail {
			return rig.Mail{From: "news@example.org", To: readers()[i : i+1], Header: "Subject: News of the month\r\nList-Id: <news.example.org>\r\n",
				Body: "Dear readers,\r\n\r\nthis month we report about the new bridge, the harvest festival in the village square, and the visit of the\r\nbrass orchestra from across the mountains. The library opens again on Saturday with a reading for children.\r\n"}
		})
	})
	run(func(ctx context.Context) error { // somebody new, from the office, to people nobody wrote to
		return s.ordinaryLoad(ctx, "fiona", "192.0.2.90", 12, func(i int) rig.Mail {
			return rig.Mail{From: "fiona@example.org", To: []string{fmt.Sprintf("partner%d@example.com", i)}, Body: own("fiona", i)}
		})
	})
	run(func(ctx context.Context) error { // from a hotel, to people he knows and to two he does not
		return s.ordinaryLoad(ctx, "theo", hotel, 5, func(i int) rig.Mail {
			to := fmt.Sprintf("friend%d@example.com", i)
			if i > 2 {
				to = fmt.Sprintf("hotel%d@example.com", i)
			}
			return rig.Mail{From: "theo@example.org", To: []string{to}, Body: own("theo", i)}
		})
	})
	wg.Wait()
	return errors.Join(errs...)
}

// own is a text of one's own for each mail.
func own(who string, i int) string {
	words := []string{"garden", "bridge", "invoice", "meeting", "holiday", "concert", "orchard", "library", "printer", "weather", "kitchen", "harbour"}
	var b strings.Builder
	fmt.Fprintf(&b, "Hello,\r\n\r\n")
	for n := range 24 {
		fmt.Fprintf(&b, "%s%c%c ", words[(i*5+n*7)%len(words)], 'a'+byte((i+n)%26), 'a'+byte((i*3+n*11)%26))
	}
	fmt.Fprintf(&b, "\r\n\r\nBest wishes\r\n%s\r\n", who)
	return b.String()
}

// ordinaryLoad sends mails that must be taken and arrive, at the latest when their cooling time is over.
func (s *story) ordinaryLoad(ctx context.Context, user, from string, n int, mail func(int) rig.Mail) error {
	mails := rig.Load{Client: s.client(user, "secret "+user, from), Count: n, Mail: mail}.Send(ctx)
	s.remember(mails...)
	for _, m := range mails {
		if m.Outcome != rig.Accepted {
			return fmt.Errorf("a mail of %s was %s: %d %s", user, m.Outcome, m.Code, m.Reply)
		}
	}
	start := time.Now()
	if err := s.arrived(ctx, mails...); err != nil {
		return fmt.Errorf("%s: %w", user, err)
	}
	fmt.Printf("  %s: %d mails, all arrived, the last within %.0f s\n", user, n, time.Since(start).Seconds())
	return nil
}
