package store

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"postward/internal/guard"
)

// What a mail costs the disk. Run with a fixed count, so that the write-ahead log is copied often enough to count:
//
//	go test ./internal/run/store -run - -bench 'Layout|PerCommit|Sessions' -benchtime 5000x
//
// wchar is what the process handed to write calls, blocks what the kernel had to write of its 4 KiB pages.

// written reads the two counters of this process.
func written(b *testing.B) (wchar, blocks int64) {
	b.Helper()
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		b.Skipf("this machine counts no octets written: %v", err)
	}
	for line := range strings.Lines(string(text)) {
		name, n, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch name {
		case "wchar":
			wchar, err = strconv.ParseInt(n, 10, 64)
		case "write_bytes":
			blocks, err = strconv.ParseInt(n, 10, 64)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	return wchar, blocks
}

// reportWritten starts the clock and the counters; what it returns ends them.
func reportWritten(b *testing.B) (end func(mails int)) {
	wchar, blocks := written(b)
	b.ResetTimer()
	return func(mails int) {
		b.StopTimer()
		w, k := written(b)
		b.ReportMetric(float64(w-wchar)/float64(mails), "wchar-B/mail")
		b.ReportMetric(float64(k-blocks)/float64(mails), "blocks-B/mail")
		b.ReportMetric(float64(mails)/b.Elapsed().Seconds(), "mails/s")
	}
}

// mailEvents makes the events of one delivered mail: its verdict, and the two lines the log has of it.
func mailEvents(w *world) (judged, left, removed *guard.Event) {
	w.made++
	w.now += 1700
	judged = w.judged()
	judged.Transaction.Recipients = judged.Transaction.Recipients[:1]
	judged.Verdict = &guard.Verdict{Action: guard.Accept, Reason: guard.ReasonOrdinary, Account: judged.Transaction.Login, Level: guard.LevelAddress, Known: 1}
	id, to := judged.Transaction.ID, judged.Transaction.Recipients[0]
	left = &guard.Event{Key: "left:" + id + ":" + to, Kind: guard.KindLeft, At: w.now + 900, Mail: id, Account: judged.Verdict.Account,
		Recipient: to, Text: "250 2.0.0 Ok: queued as 4X3sJg2Kz1z9rxN"}
	removed = &guard.Event{Key: "removed:" + id, Kind: guard.KindRemoved, At: w.now + 910, Mail: id, Account: judged.Verdict.Account}
	return judged, left, removed
}

const benchCursor = `{"device":2049,"inode":131342,"offset":1234567,"head":"8d3c1a90"}`

// BenchmarkLayout is how the layout was chosen: one judged event a commit.
func BenchmarkLayout(b *testing.B) {
	const columns = `(seq SEQ, key text not null unique, at bigint not null, kind text not null, account text not null,
		mail text not null, incident bigint not null, body text not null)`
	for _, c := range []struct{ name, ddl string }{
		{"seq=row,key=unique", strings.Replace(columns, "SEQ", "integer primary key", 1)},
		{"seq=index,key=unique", strings.Replace(columns, "SEQ", "bigint primary key", 1)},
		{"without-rowid", strings.Replace(columns, "SEQ", "bigint primary key", 1) + " without rowid"},
		{"and-account-index", strings.Replace(columns, "SEQ", "integer primary key", 1) + "; create index a on journal (account)"},
	} {
		for _, size := range []int{512, 1024, 2048, 4096} {
			b.Run(fmt.Sprintf("%s/page=%d", c.name, size), func(b *testing.B) { benchLayout(b, c.ddl, size) })
		}
	}
}

func benchLayout(b *testing.B, ddl string, size int) {
	db, err := sql.Open("sqlite", dsn(filepath.Join(b.TempDir(), "b.db"), url.Values{
		"_journal_mode": {"WAL"}, "_synchronous": {"FULL"},
		"_pragma": {fmt.Sprintf("page_size(%d)", size), fmt.Sprintf("wal_autocheckpoint(%d)", walPages*pageSize/size)},
	}))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("create table journal " + ddl); err != nil {
		b.Fatal(err)
	}
	insert, err := db.Prepare(insertEvent)
	if err != nil {
		b.Fatal(err)
	}
	w := newWorld("bench", 1)
	end := reportWritten(b)
	for n := range b.N {
		judged, _, _ := mailEvents(w)
		r, err := rowOf(judged)
		if err == nil {
			_, err = insert.Exec(n+1, r.key, int64(r.at), string(r.kind), r.account, r.mail, r.incident, string(r.body))
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	end(b.N)
}

// BenchmarkPerCommit writes mails, so many a commit: their verdicts alone, or the log's lines too. What nobody waits
// for rides along with the next verdict; "apart" is what it costs when somebody does wait for it.
func BenchmarkPerCommit(b *testing.B) {
	for _, c := range []struct {
		name         string
		mails        int
		lines, apart bool
	}{
		{"verdicts/1", 1, false, false}, {"verdicts/10", 10, false, false}, {"verdicts/100", 100, false, false},
		{"whole/1-apart", 1, true, true}, {"whole/1", 1, true, false}, {"whole/10", 10, true, false}, {"whole/100", 100, true, false},
	} {
		b.Run(c.name, func(b *testing.B) { benchPerCommit(b, c.mails, c.lines, c.apart) })
	}
}

func benchPerCommit(b *testing.B, mails int, lines, apart bool) {
	s := mustOpen(b, filepath.Join(b.TempDir(), "b.db"))
	defer s.Close()
	w := newWorld("bench", 1)
	flush := func() {
		if err := s.Writer().Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	var outcomes []*guard.Event // by the log, of the mails before
	end := reportWritten(b)
	for range b.N {
		appendAll(b, s, outcomes)
		if len(outcomes) > 0 {
			s.Writer().SetCursor("mail.log", benchCursor)
		}
		if apart {
			flush()
		}
		outcomes = outcomes[:0]
		for range mails {
			judged, left, removed := mailEvents(w)
			appendAll(b, s, []*guard.Event{judged})
			if lines {
				outcomes = append(outcomes, left, removed)
			}
		}
		flush()
	}
	end(b.N * mails)
}

func appendAll(b *testing.B, s *Store, events []*guard.Event) {
	b.Helper()
	for _, e := range events {
		if _, err := s.Writer().Append(e); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSessions is the group commit: so many sessions, each waiting for its mail's verdict.
func BenchmarkSessions(b *testing.B) {
	for _, sessions := range []int{1, 10, 50} {
		b.Run(strconv.Itoa(sessions), func(b *testing.B) { benchSessions(b, sessions) })
	}
}

func benchSessions(b *testing.B, sessions int) {
	s := mustOpen(b, filepath.Join(b.TempDir(), "b.db"))
	defer s.Close()
	w := newWorld("bench", 1)
	var mu sync.Mutex
	next := func(n *int) (*Ticket, error) {
		mu.Lock()
		defer mu.Unlock()
		if *n == b.N {
			return nil, nil
		}
		*n++
		judged, _, _ := mailEvents(w)
		return s.Writer().Append(judged)
	}
	end := reportWritten(b)
	var wg sync.WaitGroup
	made := 0
	for range sessions {
		wg.Go(func() {
			for {
				ticket, err := next(&made)
				if err == nil && ticket != nil {
					err = ticket.Wait(b.Context())
				}
				if err != nil {
					b.Error(err)
				}
				if err != nil || ticket == nil {
					return
				}
			}
		})
	}
	wg.Wait()
	end(b.N)
}

// BenchmarkAppend is what the State's mutex is held for.
func BenchmarkAppend(b *testing.B) {
	w := newWriter(0, func(*group) error { return nil })
	defer w.close()
	judged, _, _ := mailEvents(newWorld("bench", 1))
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		if _, err := w.Append(judged); err != nil {
			b.Fatal(err)
		}
		if n%1000 == 999 {
			if err := w.Flush(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkLoad is a start with 10,000 accounts that know so many recipients each.
func BenchmarkLoad(b *testing.B) {
	for _, known := range []int{50, 500} {
		b.Run(fmt.Sprint("known=", known), func(b *testing.B) { benchLoad(b, known) })
	}
}

func benchLoad(b *testing.B, known int) {
	s := mustOpen(b, filepath.Join(b.TempDir(), "b.db"))
	defer s.Close()
	account := busy(known).All().Accounts[0]
	c := &guard.Checkpoint{}
	for n := range 10_000 {
		a := *account
		a.Name = fmt.Sprint("user", n)
		c.Accounts = append(c.Accounts, &a)
	}
	s.Writer().Checkpoint(c)
	if err := s.Writer().Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if rows, _, err := s.Load(b.Context()); err != nil || len(rows.Accounts) != 10_000 {
			b.Fatalf("%d accounts, %v", len(rows.Accounts), err)
		}
	}
}

// BenchmarkCheckpoint writes the rows that one mail changed: its account, which knows 500 recipients, and itself.
func BenchmarkCheckpoint(b *testing.B) {
	s := mustOpen(b, filepath.Join(b.TempDir(), "b.db"))
	defer s.Close()
	state, w := busy(500), newWorld("bench", 1)
	end := reportWritten(b)
	for range b.N {
		judged, _, _ := mailEvents(w)
		judged.Verdict.Account = "u"
		guard.Apply(state, judged)
		s.Writer().Checkpoint(state.TakeChanges())
		if err := s.Writer().Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	end(b.N)
}

// busy is a State with one account that knows so many recipients.
func busy(known int) *guard.State {
	state := guard.New()
	t := &guard.Transaction{ID: "m", At: 1_795_435_200_000, Direction: guard.Submission, Login: "u"}
	for n := range known {
		t.Recipients = append(t.Recipients, fmt.Sprintf("friend%d@dest.example", n))
	}
	guard.Apply(state, &guard.Event{Kind: guard.KindJudged, Transaction: t, Verdict: &guard.Verdict{Action: guard.Accept, Account: "u", New: known}})
	return state
}

// BenchmarkSearchByAccount walks a journal of 30,000 mails for the 10 events of one account.
func BenchmarkSearchByAccount(b *testing.B) {
	s := mustOpen(b, filepath.Join(b.TempDir(), "b.db"))
	defer s.Close()
	w := newWorld("bench", 1)
	for n := range 30_000 {
		judged, left, removed := mailEvents(w)
		if n%3000 == 0 {
			judged.Account = "wanted"
		}
		appendAll(b, s, []*guard.Event{judged, left, removed})
		if n%1000 == 999 {
			if err := s.Writer().Flush(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	}
	for b.Loop() {
		n := 0
		for _, err := range s.Journal(b.Context(), Filter{Account: "wanted"}) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != 10 {
			b.Fatalf("%d events", n)
		}
	}
}
