package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"postward/internal/guard"
	"postward/internal/log/follow"
	"postward/internal/run/ctl"
	"postward/internal/run/store"
)

// BenchmarkStartWithTenThousandAccounts opens a store with 10,000 accounts of a month's history and 120 known
// recipients each, and makes the State of it: how long a start takes, and how much memory the State is.
func BenchmarkStartWithTenThousandAccounts(b *testing.B) {
	path := filepath.Join(b.TempDir(), storeFile)
	s, err := store.Open(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	state := guard.New()
	for n := range 10_000 {
		p := &guard.Past{}
		begin := guard.TimeOf(time.Date(2026, 1, 1, 8, 0, 0, 0, time.UTC))
		for day := range 30 {
			var to []string
			for i := range 4 {
				to = append(to, fmt.Sprintf("r%d@far%d.example", day*4+i, n))
			}
			at := begin.Add(time.Duration(day) * 24 * time.Hour)
			p.Note(netip.AddrFrom4([4]byte{203, 0, 113, byte(n)}), 64500, "CH", to, nil, at)
			p.Note(netip.AddrFrom4([4]byte{203, 0, 113, byte(n)}), 64500, "CH", to, nil, at.Add(time.Hour))
		}
		name := fmt.Sprintf("account%d", n)
		guard.Apply(state, &guard.Event{Kind: guard.KindAllowed, At: begin, Account: name, Listing: &guard.Listing{}})
		guard.Apply(state, &guard.Event{Kind: guard.KindLearned, At: begin, Account: name, Past: p})
	}
	s.Writer().Checkpoint(state.TakeChanges())
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	state = nil
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		s, err := store.Open(b.Context(), path)
		if err != nil {
			b.Fatal(err)
		}
		rows, _, err := s.Load(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		state = guard.Restore(rows)
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if n := len(state.Accounts()); n != 10_000 {
		b.Fatalf("%d accounts", n)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB")
	runtime.KeepAlive(state)
}

// BenchmarkCatchUp reads a log about mails that are followed, as after a night's outage: from the file through the
// grammar, Apply and the journal. Of a mail's lines those of its deliveries and its end become rows; connections, clients,
// message-ids, qmgr's from= and whatever concerns strangers' mail do not.
func BenchmarkCatchUp(b *testing.B) {
	const mails = 20_000
	lines, rows := 0, uint64(0)
	var took time.Duration
	for range b.N {
		b.StopTimer()
		dir := b.TempDir()
		d := beginIn(b, dir, guard.Shadow) // all of it passes
		must(b, d, "account/allow", ctl.AccountChange{Account: "anna"})
		path := filepath.Join(dir, "mail.log")
		text, events := night(b, d, mails)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			b.Fatal(err)
		}
		if err := d.writer.Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(b.Context())
		whole := errors.New("all of it was read")
		before := d.since
		b.StartTimer()
		began := time.Now()
		err := follow.Follow(ctx, follow.Config{Path: path, Begin: follow.FromStart}, func(batch follow.Batch) error {
			lines += len(batch.Lines)
			err := d.takeLines(ctx, batch)
			if err == nil && batch.Next.Offset == int64(len(text)) {
				err = whole
			}
			return err
		})
		if err := errors.Join(d.writer.Flush(ctx), d.store.Healthy()); err != nil {
			b.Fatal(err)
		}
		took += time.Since(began)
		b.StopTimer()
		cancel(nil)
		if got := uint64(d.since - before); !errors.Is(err, whole) || got != events {
			b.Fatalf("%v, %d events of %d", err, got, events)
		}
		rows += events
		if n := d.status().Queued; n != 0 {
			b.Fatalf("%d mails are still followed", n)
		}
		end(b, d)
		b.StartTimer()
	}
	b.ReportMetric(float64(lines)/took.Seconds(), "lines/s")
	b.ReportMetric(float64(rows)/took.Seconds(), "events/s")
}

// night lets mails in, and returns what the log says of them, with as many lines about others, and how many events that is.
func night(b *testing.B, d *Daemon, mails int) (text []byte, events uint64) {
	b.Helper()
	line := func(format string, args ...any) {
		text = time.Now().AppendFormat(text, "2006-01-02T15:04:05.000000-07:00")
		text = fmt.Appendf(append(text, " mx postfix/"...), format+"\n", args...)
	}
	for n := range mails {
		m := mail(n, "anna", 1+n%3)
		if a := d.judgeEnd(b.Context(), m); a.Action == guard.Tempfail {
			b.Fatalf("%+v", a)
		}
		line("submission/smtpd[7]: connect from host.example.net[203.0.113.80]")
		line("submission/smtpd[7]: %s: client=host.example.net[203.0.113.80], sasl_method=PLAIN, sasl_username=anna", m.QueueID)
		line("cleanup[8]: %s: message-id=<%d@client.example.net>", m.QueueID, n)
		line("qmgr[9]: %s: from=<anna@example.org>, size=2000, nrcpt=%d (queue active)", m.QueueID, len(m.Recipients))
		for _, to := range m.Recipients {
			line("smtp[10]: %s: to=<%s>, relay=mx.far.example[192.0.2.25]:25, delay=1.2, delays=0.1/0/0.6/0.5, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 4ZZZZ%d)", m.QueueID, to, n)
			events++
		}
		line("qmgr[9]: %s: removed", m.QueueID)
		events++
		line("submission/smtpd[7]: disconnect from host.example.net[203.0.113.80] ehlo=2 starttls=1 auth=1 mail=1 rcpt=1 data=1 quit=1 commands=7")
		for k := range 7 {
			line("smtpd[11]: NOQUEUE: reject: RCPT from unknown[203.0.113.%d]: 554 5.7.1 Service unavailable; from=<a@b.example> to=<c@example.org> proto=ESMTP helo=<b.example>", k)
		}
	}
	return text, events
}
