package investigate

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"postward/internal/log/delivery"
)

// stolen is a log in which bob writes to friends for ten days and then a thief to strangers, in his name. The thief's mail
// is delivered at once, or deferred and given back days later in another order.
func stolen(deferred bool) []string {
	w := &writer{}
	for day := range 14 {
		for n := range 3 {
			w.mail(monday.AddDate(0, 0, day).Add(time.Duration(n)*time.Hour), "bob", "198.51.100.7", fmt.Sprintf("friend%d@far.example", n), took)
		}
	}
	begin := monday.AddDate(0, 0, 10).Add(-5 * time.Hour)
	for n := range 100 {
		at := begin.Add(time.Duration(n) * 6 * time.Second)
		if !deferred {
			w.mail(at, "bob", "203.0.113.66", fmt.Sprintf("victim%d@mail.example", n), took)
			continue
		}
		w.mail(at, "bob", "203.0.113.66", fmt.Sprintf("victim%d@mail.example", n), "dsn=4.4.1, status=deferred (connect timed out)")
		end := len(w.lines) - 1
		w.lines = w.lines[:end]
		w.line(begin.AddDate(0, 0, 3).Add(time.Duration(n*37%100)*time.Second), "postfix/qmgr[2]: %X: removed", 0xA00000+w.ids)
	}
	slices.SortStableFunc(w.lines, func(a, b string) int { return stampOf(a).Compare(stampOf(b)) })
	return w.lines
}

func stampOf(line string) time.Time {
	at, err := time.Parse(time.Stamp, line[:len(time.Stamp)])
	if err != nil {
		panic(err)
	}
	return at
}

func TestMailIsJudgedInTheOrderOfArrival(t *testing.T) {
	sent, deferred := investigated(Options{Where: where}, stolen(false)), investigated(Options{Where: where}, stolen(true))
	a, b := sent.Accounts[0], deferred.Accounts[0]
	if a.Stopped == nil || b.Stopped == nil || *a.Stopped != *b.Stopped {
		t.Errorf("delivered %+v, deferred %+v", a.Stopped, b.Stopped)
	}
	if last := monday.AddDate(0, 0, 10).Add(-5*time.Hour + 99*6*time.Second); len(b.Sources) != 2 || !b.Sources[0].Last.Equal(last) {
		t.Errorf("sources %+v", b.Sources)
	}
	if a.Mails != b.Mails || a.Recipients != b.Recipients || b.Busiest != 100 {
		t.Errorf("delivered %+v, deferred %+v", a, b)
	}
}

// TestMailWaitsForItsRecipientsNotForever: one that nothing is told of keeps those behind it for a while, and there is room
// for so many.
func TestMailWaitsForItsRecipientsNotForever(t *testing.T) {
	i := New(Options{})
	feed := func(lines []string) {
		for _, l := range lines {
			i.Line([]byte(l), monday.AddDate(0, 0, 1))
		}
	}
	w := &writer{}
	w.mail(monday, "anna", "198.51.100.7", "a@far.example", took)
	feed(w.lines[:2]) // queued, and not tried yet
	w.lines = nil
	for n := range 3 {
		w.mail(monday.Add(time.Duration(n)*time.Minute), "bob", "198.51.100.8", "b@far.example", took)
	}
	feed(w.lines)
	if n := len(i.report.accounts); n != 1 || len(i.arrived.queue) != 4 { // bob's, for his mail has ended
		t.Fatalf("%d accounts, %d mails wait", n, len(i.arrived.queue))
	}
	if i.report.accounts["bob"].Mails != 0 {
		t.Error("judged before a mail that arrived earlier")
	}
	w.lines = nil
	w.mail(monday.Add(patience), "bob", "198.51.100.8", "b@far.example", took)
	feed(w.lines)
	if i.report.accounts["bob"].Mails != 4 || i.report.accounts["anna"].Mails != 1 || len(i.arrived.queue) != 0 {
		t.Errorf("%d mails wait", len(i.arrived.queue))
	}

	w.lines = nil
	for range maxArrivals + 100 { // queued, and not tried yet
		w.mail(monday.Add(patience), "bob", "198.51.100.8", "b@far.example", took)
		w.lines = w.lines[:len(w.lines)-2]
	}
	feed(w.lines)
	if n := len(i.arrived.queue); n > maxArrivals {
		t.Errorf("%d mails wait", n)
	}
}

func TestWhatWaitsBehindAMailIsBounded(t *testing.T) {
	a := arrivals{open: map[*delivery.Mail]*arrival{}}
	head := &delivery.Mail{Count: 1, Arrived: monday}
	a.add(head)
	for n := 0; a.gotFor <= maxArrivedFor; n++ {
		if m := a.next(monday); m != nil {
			t.Fatalf("after %d mails", n)
		}
		m := &delivery.Mail{Deliveries: make([]delivery.Delivery, delivery.MaxDeliveries)}
		a.add(m)
		a.ended(m)
	}
	if a.next(monday) != head {
		t.Error("the oldest still waits")
	}
	for a.next(monday) != nil {
	}
	if a.gotFor != 0 || len(a.queue) != 0 || len(a.open) != 1 {
		t.Errorf("%d, %d, %d", a.gotFor, len(a.queue), len(a.open))
	}
}

func TestMailThatWasNeverQueuedIsNotJudged(t *testing.T) {
	w := &writer{}
	w.mail(monday, "anna", "198.51.100.7", "a@far.example", took)
	w.lines = w.lines[:1]
	w.line(monday.Add(2*patience), "postfix/submission/smtpd[9]: lost connection after DATA from unknown[198.51.100.7]")
	if r := investigated(Options{}, w.lines); r.Mails != 0 || len(r.Accounts) != 0 {
		t.Errorf("%d mails, %+v", r.Mails, r.Accounts)
	}
}
