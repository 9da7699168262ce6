package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"postward/internal/guard"
)

// testStore is what every engine must do. fresh makes an empty database; what it returns opens it, again and
// again, each Store to be closed before the next.
func testStore(t *testing.T, fresh func(t *testing.T) (open func() *Store)) {
	for _, c := range []struct {
		fact string
		test func(t *testing.T, open func() *Store)
	}{
		{"AnEmptyStoreIsAnEmptyState", testEmpty},
		{"AStartIsTheStateThatWas", testRestart},
		{"RowsThatAreGoneStayGone", testGoneRows},
		{"QueuedCheckpointsMergeAndLoseNothing", testMergedCheckpoints},
		{"TheOrderOfAppendIsTheOrderOfTheJournal", testOrder},
		{"AFactToldTwiceStandsOnce", testTwice},
		{"ASequenceNumberIsNeverGivenTwice", testNumbers},
		{"ACursorComesWithItsEvents", testCursor},
		{"ABanIsARowUntilItIsForgotten", testBans},
		{"TheJournalIsSearched", testSearch},
		{"TextFromOutsideIsData", testOddText},
		{"PruneLeavesWhatTheCheckpointLacks", testPrune},
		{"AWaitEndsWithItsContext", testWaitEnds},
		{"AFullQueueRefusesAtOnce", testFullQueue},
		{"AClosedStoreRefuses", testClosed},
	} {
		t.Run(c.fact, func(t *testing.T) { c.test(t, fresh(t)) })
	}
}

func closed(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func testEmpty(t *testing.T, open func() *Store) {
	s := open()
	defer closed(t, s)
	if got, want := asJSON(t, restored(t, s).All()), asJSON(t, guard.New().All()); got != want {
		t.Errorf("restored from nothing:\n%s\nwant\n%s", got, want)
	}
	if c, err := s.Cursor(t.Context(), "mail.log"); c != "" || err != nil {
		t.Errorf("Cursor = %q, %v", c, err)
	}
}

func testRestart(t *testing.T, open func() *Store) {
	w := newWorld("a", 1)
	for round := range 5 {
		s := open()
		if got, want := asJSON(t, restored(t, s).All()), asJSON(t, w.state.All()); got != want {
			t.Fatalf("round %d: restored\n%s\nwant\n%s", round, got, want)
		}
		w.tell(t, s.Writer(), 300)
		s.Writer().Checkpoint(w.state.TakeChanges())
		w.tell(t, s.Writer(), 100*(round%2)) // sometimes the journal is ahead of the rows, sometimes not
		closed(t, s)
	}
	s := open()
	defer closed(t, s)
	rows, seq, err := s.Load(t.Context())
	if !slices.IsSortedFunc(rows.Accounts, func(a, b *guard.Account) int { return cmp.Compare(a.Name, b.Name) }) ||
		!slices.IsSortedFunc(rows.Mails, func(a, b *guard.Mail) int { return cmp.Compare(a.ID, b.ID) }) ||
		!slices.IsSortedFunc(rows.Incidents, func(a, b *guard.Incident) int { return cmp.Compare(a.ID, b.ID) }) ||
		!slices.IsSortedFunc(rows.Effects, func(a, b *guard.Effect) int { return cmp.Compare(a.ID, b.ID) }) {
		t.Error("rows are not sorted")
	}
	if err != nil || seq != 5*300+2*100 || len(rows.Mails) == 0 || len(rows.Incidents) == 0 || len(rows.Effects) == 0 || rows.Policy == nil {
		t.Errorf("Load: seq %d, %d mails, %d incidents, %d effects, policy %v, %v: the history is too poor a test",
			seq, len(rows.Mails), len(rows.Incidents), len(rows.Effects), rows.Policy, err)
	}
}

func testGoneRows(t *testing.T, open func() *Store) {
	s := open()
	defer closed(t, s)
	c := &guard.Checkpoint{Policied: true, Rows: guard.Rows{
		Policy: guard.DefaultPolicy(), Site: guard.Site{LastIncident: 2},
		Mails: []*guard.Mail{{ID: "m1"}, {ID: "m2"}}, Effects: []*guard.Effect{{ID: "e1"}, {ID: "e2"}},
		Incidents: []*guard.Incident{{ID: 1}, {ID: 2}}, Accounts: []*guard.Account{{Name: "a"}},
	}}
	s.Writer().Checkpoint(c)
	flush(t, s)
	s.Writer().Checkpoint(&guard.Checkpoint{GoneMails: []string{"m1"}, GoneEffects: []string{"e1"}, GoneIncident: []int64{1}})
	flush(t, s)
	rows, _, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(rows.Mails) != 1 || rows.Mails[0].ID != "m2" || len(rows.Effects) != 1 || rows.Effects[0].ID != "e2" ||
		len(rows.Incidents) != 1 || rows.Incidents[0].ID != 2 || len(rows.Accounts) != 1 || rows.Policy == nil {
		t.Errorf("left over: %s", asJSON(t, rows))
	}
}

func flush(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Writer().Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func testMergedCheckpoints(t *testing.T, open func() *Store) {
	s := open()
	defer closed(t, s)
	w := newWorld("a", 2)
	resume := stall(t, s)
	for range 20 {
		w.tell(t, s.Writer(), 100)
		s.Writer().Checkpoint(w.state.TakeChanges())
	}
	pending := 0
	s.writer.mu.Lock()
	for _, g := range s.writer.queue {
		if g.checkpoint != nil {
			pending++
		}
	}
	s.writer.mu.Unlock()
	if pending > 2 {
		t.Errorf("%d checkpoints are queued, want at most 2", pending)
	}
	resume()
	flush(t, s)
	rows, seq, err := s.Load(t.Context())
	if err != nil || seq != 2000 {
		t.Fatalf("Load: seq %d, %v", seq, err)
	}
	if got, want := asJSON(t, guard.Restore(rows).All()), asJSON(t, w.state.All()); got != want {
		t.Errorf("restored\n%s\nwant\n%s", got, want)
	}
}

// stall takes the writer's connection away, as a disk does that hangs, until resume is called.
func stall(t *testing.T, s *Store) (resume func()) {
	t.Helper()
	tx, err := s.write.BeginTx(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	}
}

func testOrder(t *testing.T, open func() *Store) {
	s := open()
	const appenders, each = 50, 40
	var mu sync.Mutex // the State's mutex: what it orders, the journal must keep
	var order []string
	var wg sync.WaitGroup
	for a := range appenders {
		wg.Go(func() {
			for n := range each {
				e := &guard.Event{Key: fmt.Sprintf("%d:%d", a, n), Kind: guard.KindGone, At: guard.Time(n + 1)}
				mu.Lock()
				ticket, err := s.Writer().Append(e)
				order = append(order, e.Key)
				mu.Unlock()
				if err == nil {
					err = ticket.Wait(t.Context())
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	closed(t, s)
	s = open()
	defer closed(t, s)
	var got []string
	for _, r := range all(t, s.Tail(t.Context(), 0)) {
		got = append(got, r.Event.Key)
	}
	if !slices.Equal(got, order) {
		t.Errorf("journal of %d events differs from the %d appended", len(got), len(order))
	}
	if tail := all(t, s.Tail(t.Context(), 1990)); len(tail) != 10 || tail[0].Seq != 1991 || tail[0].Event.Key != order[1990] {
		t.Errorf("tail after 1990: %d events", len(tail))
	}
}

func testTwice(t *testing.T, open func() *Store) {
	s := open()
	defer closed(t, s)
	for _, text := range []string{"first", "second"} {
		ticket, err := s.Writer().Append(&guard.Event{Key: "left:1", Kind: guard.KindLeft, Text: text})
		if err == nil {
			err = ticket.Wait(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	got := all(t, s.Tail(t.Context(), 0))
	if len(got) != 1 || got[0].Event.Text != "first" {
		t.Errorf("journal: %s", asJSON(t, got))
	}
	// A group of which nobody knows whether it was committed is written again, with its own numbers.
	if err := s.commit(&group{events: []row{{seq: got[0].Seq, key: "left:1", body: []byte("{}")}}}); err != nil {
		t.Errorf("the same row again: %v", err)
	}
	if err := s.commit(&group{events: []row{{seq: got[0].Seq, key: "left:2", body: []byte("{}")}}}); err == nil {
		t.Error("another fact under a number given out already was swallowed")
	}
}

func testNumbers(t *testing.T, open func() *Store) {
	s := open()
	w := newWorld("a", 3)
	w.tell(t, s.Writer(), 10)
	s.Writer().Checkpoint(w.state.TakeChanges())
	flush(t, s)
	if n, err := s.Prune(t.Context(), w.now+1); n != 10 || err != nil {
		t.Fatalf("Prune = %d, %v", n, err)
	}
	closed(t, s)
	s = open() // the journal is empty now: only the checkpoint remembers how far the numbers went
	defer closed(t, s)
	w.tell(t, s.Writer(), 1)
	flush(t, s)
	if got := all(t, s.Tail(t.Context(), 10)); len(got) != 1 || got[0].Seq != 11 {
		t.Errorf("after 10 events and a restart: %s", asJSON(t, got))
	}
}

func testCursor(t *testing.T, open func() *Store) {
	s := open()
	resume := stall(t, s)
	for n := range 5 {
		if _, err := s.Writer().Append(&guard.Event{Key: strconv.Itoa(n), Kind: guard.KindLeft, At: 5}); err != nil {
			t.Fatal(err)
		}
		s.Writer().SetCursor("mail.log", strconv.Itoa(n))
	}
	s.Writer().SetCursor("other", `{"offset":7}`)
	if c, err := s.Cursor(t.Context(), "mail.log"); c != "" || err != nil {
		t.Errorf("cursor before its events: %q, %v", c, err)
	}
	resume()
	closed(t, s)
	s = open()
	defer closed(t, s)
	for name, want := range map[string]string{"mail.log": "4", "other": `{"offset":7}`} {
		if c, err := s.Cursor(t.Context(), name); c != want || err != nil {
			t.Errorf("Cursor(%s) = %q, %v, want %q", name, c, err, want)
		}
	}
	if got := all(t, s.Tail(t.Context(), 0)); len(got) != 5 {
		t.Errorf("%d events, want 5", len(got))
	}
}

func testSearch(t *testing.T, open func() *Store) {
	s := open()
	defer closed(t, s)
	for n := range 700 { // more than two pages
		e := &guard.Event{Key: strconv.Itoa(n), Kind: guard.KindLeft, At: guard.Time(1000 + n), Account: fmt.Sprint("a", n%7), Mail: fmt.Sprint("m", n%11)}
		if n%100 == 0 {
			e.Incident = int64(1 + n/400)
		}
		if n == 350 {
			e = &guard.Event{Key: e.Key, Kind: guard.KindJudged, At: e.At,
				Transaction: &guard.Transaction{ID: "mj"}, Verdict: &guard.Verdict{Account: "aj", Incident: 9}}
		}
		if _, err := s.Writer().Append(e); err != nil {
			t.Fatal(err)
		}
	}
	flush(t, s)
	for _, c := range []struct {
		filter      Filter
		count       int
		first, last string
	}{
		{Filter{}, 700, "699", "0"},
		{Filter{Limit: 3}, 3, "699", "697"},
		{Filter{Limit: 300}, 300, "699", "400"},
		{Filter{Account: "a3"}, 100, "696", "3"},
		{Filter{Account: "a3", Mail: "m3"}, 10, "696", "3"},
		{Filter{Incident: 2}, 3, "600", "400"},
		{Filter{Kind: guard.KindJudged}, 1, "350", "350"},
		{Filter{Account: "aj"}, 1, "350", "350"},
		{Filter{Mail: "mj"}, 1, "350", "350"},
		{Filter{Incident: 9}, 1, "350", "350"},
		{Filter{From: 1100, Until: 1110}, 10, "109", "100"},
		{Filter{Account: "a3", From: 1100, Limit: 2}, 2, "696", "689"},
	} {
		got := all(t, s.Journal(t.Context(), c.filter))
		if len(got) != c.count || got[0].Event.Key != c.first || got[len(got)-1].Event.Key != c.last {
			t.Errorf("%+v: %d events, want %d from %s to %s", c.filter, len(got), c.count, c.first, c.last)
		}
	}
	if got := all(t, s.Journal(t.Context(), Filter{Account: "nobody"})); len(got) != 0 {
		t.Errorf("nobody's events: %d", len(got))
	}
}

func testOddText(t *testing.T, open func() *Store) {
	s := open()
	defer closed(t, s)
	for n, odd := range []string{"x\x00y", "x\xff\xfey", "x'; drop table journal; --", strings.Repeat("ü", 300), "x\u2028y"} {
		key := fmt.Sprint(n, odd)
		ticket, err := s.Writer().Append(&guard.Event{Key: key, Kind: guard.KindLeft, Account: odd, Mail: odd, Text: odd})
		if err == nil {
			err = ticket.Wait(t.Context())
		}
		if err != nil {
			t.Fatalf("%q: %v", odd, err)
		}
		if got := all(t, s.Journal(t.Context(), Filter{Account: odd, Mail: odd})); len(got) != 1 {
			t.Errorf("%q is found %d times", odd, len(got))
		}
	}
}

func testPrune(t *testing.T, open func() *Store) {
	s := open()
	defer closed(t, s)
	add := func(from, to int) {
		for n := from; n < to; n++ {
			if _, err := s.Writer().Append(&guard.Event{Key: strconv.Itoa(n), Kind: guard.KindLeft, At: guard.Time(n + 1)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	add(0, 2500)
	s.Writer().Checkpoint(&guard.Checkpoint{})
	add(2500, 3000)
	flush(t, s)
	for _, c := range []struct {
		before  guard.Time
		deleted int64
		left    int
	}{{0, 0, 3000}, {1201, 1200, 1800}, {1201, 0, 1800}, {5000, 1300, 500}} {
		n, err := s.Prune(t.Context(), c.before)
		if err != nil || n != c.deleted {
			t.Errorf("Prune(%d) = %d, %v, want %d", c.before, n, err, c.deleted)
		}
		if got := all(t, s.Tail(t.Context(), 0)); len(got) != c.left || got[len(got)-1].Seq != 3000 {
			t.Errorf("after Prune(%d): %d events, want %d", c.before, len(got), c.left)
		}
	}
}

func testWaitEnds(t *testing.T, open func() *Store) {
	s := open()
	defer closed(t, s)
	resume := stall(t, s)
	defer resume()
	ticket, err := s.Writer().Append(&guard.Event{Key: "1", Kind: guard.KindLeft})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := ticket.Wait(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnavailable) {
		t.Errorf("Wait = %v", err)
	}
}

func testFullQueue(t *testing.T, open func() *Store) {
	s := open()
	defer closed(t, s)
	resume := stall(t, s)
	var err error
	taken := 0
	for ; taken <= maxEvents && err == nil; taken++ {
		_, err = s.Writer().Append(&guard.Event{Key: strconv.Itoa(taken), Kind: guard.KindLeft})
	}
	if !errors.Is(err, ErrUnavailable) || taken != maxEvents+1 {
		t.Errorf("refused after %d events: %v", taken-1, err)
	}
	resume()
	flush(t, s)
	if _, err := s.Writer().Append(&guard.Event{Key: "after", Kind: guard.KindLeft}); err != nil {
		t.Errorf("there is room again: %v", err)
	}
	flush(t, s)
	if got := all(t, s.Tail(t.Context(), 0)); len(got) != maxEvents+1 {
		t.Errorf("%d events, want %d", len(got), maxEvents+1)
	}
}

func testClosed(t *testing.T, open func() *Store) {
	s := open()
	closed(t, s)
	if _, err := s.Writer().Append(&guard.Event{Key: "1", Kind: guard.KindLeft}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Append after Close: %v", err)
	}
	s.Writer().SetCursor("x", "y")
	s.Writer().Checkpoint(&guard.Checkpoint{})
	if err := s.Writer().Flush(t.Context()); err != nil {
		t.Errorf("Flush after Close: %v", err)
	}
}

func testBans(t *testing.T, open func() *Store) {
	s := open()
	w := s.Writer()
	w.SetBan("203.0.113.9/32", `{"times":1}`)
	w.SetBan("203.0.113.9/32", `{"times":2}`)
	w.SetBan("203.0.113.10/32", `{"times":1}`)
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.SetBan("203.0.113.10/32", "")
	closed(t, s)
	s = open()
	defer closed(t, s)
	var bans []string
	for body, err := range s.Bans(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		bans = append(bans, body)
	}
	if !slices.Equal(bans, []string{`{"times":2}`}) {
		t.Errorf("%q", bans)
	}
	if n, err := s.CountBans(t.Context()); n != 1 || err != nil {
		t.Errorf("%d bans are counted: %v", n, err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for body, err := range s.Bans(gone) {
		if err == nil {
			t.Errorf("what could not be read is %q", body)
		}
	}
}
