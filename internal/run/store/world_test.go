package store

import (
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/netip"
	"testing"

	"postward/internal/guard"
)

// world makes a history as the daemon would: it judges, and everything it tells is an event.
type world struct {
	state *guard.State
	rand  *rand.Rand
	now   guard.Time
	name  string // makes the keys of several worlds differ
	made  int
	mails []string
}

func newWorld(name string, seed uint64) *world {
	return &world{state: guard.New(), rand: rand.New(rand.NewPCG(seed, 1)), now: 1_795_435_200_000, name: name}
}

// next returns the next event, not yet applied.
func (w *world) next() *guard.Event {
	w.made++
	w.now += guard.Time(w.rand.IntN(5000))
	switch {
	case w.made == 1:
		return w.policy()
	case w.made%10 == 2:
		account := w.account()
		return &guard.Event{Key: w.key("allowed"), Kind: guard.KindAllowed, At: w.now, Account: account, Actor: "cli:test",
			Listing: &guard.Listing{Addresses: []string{account + "@example.org"}}}
	case len(w.mails) > 0 && w.rand.IntN(3) > 0:
		return w.fact()
	}
	return w.judged()
}

func (w *world) policy() *guard.Event {
	p := guard.DefaultPolicy()
	p.Domains = []string{"example.org"}
	for _, s := range guard.Subjects {
		p.Modes[s] = guard.Enforce
	}
	return &guard.Event{Key: w.key("policy"), Kind: guard.KindPolicy, At: w.now, Policy: p}
}

func (w *world) account() string { return fmt.Sprintf("user%02d", w.rand.IntN(20)) }

func (w *world) key(kind string) string { return fmt.Sprintf("%s:%s/%d", kind, w.name, w.made) }

func (w *world) judged() *guard.Event {
	account := w.account()
	t := &guard.Transaction{
		ID: fmt.Sprintf("%s/%06d", w.name, w.made), Stage: guard.StageEnd, At: w.now, MailAt: w.now - 40, Direction: guard.Submission,
		QueueID: fmt.Sprintf("4X%08X", w.made), Login: account, Client: netip.AddrFrom4([4]byte{203, 0, 113, byte(w.rand.IntN(250))}),
		ClientName: "dsl-80.example.net", Helo: "[192.168.1.23]", ReversePath: account + "@example.org",
		Authors: []string{account + "@example.org"}, MessageID: fmt.Sprintf("5f0c1b2a-4X%08X@example.org", w.made),
		Subject: "Re: the minutes of last Tuesday", Mailer: "Mozilla Thunderbird", Zone: 60, Size: 2311,
		Fingerprint: w.rand.Uint64(), ASN: 3320, Country: "DE",
	}
	for range 1 + w.rand.IntN(3) {
		t.Recipients = append(t.Recipients, fmt.Sprintf("friend%04d@dest%02d.example", w.rand.IntN(300), w.rand.IntN(20)))
	}
	v := guard.Judge(w.state, t)
	w.mails = append(w.mails, t.ID)
	return &guard.Event{Key: "judged:" + t.ID, Kind: guard.KindJudged, At: w.now, Transaction: t, Verdict: &v}
}

// fact tells something of a mail: it left, it is out of the queue, its time is over, an operator released it.
func (w *world) fact() *guard.Event {
	n := w.rand.IntN(len(w.mails))
	id := w.mails[n]
	e := &guard.Event{At: w.now, Mail: id}
	switch w.rand.IntN(4) {
	case 0:
		e.Kind, e.Recipient, e.Text = guard.KindLeft, "friend0001@dest01.example", "250 2.0.0 Ok: queued as 4X3sJg2Kz1z9rxN"
	case 1:
		e.Kind, e.Actor = guard.KindRelease, "cli:test"
	case 2:
		e.Kind = guard.KindCooled
	case 3:
		e.Kind = guard.KindRemoved
		w.mails[n] = w.mails[len(w.mails)-1]
		w.mails = w.mails[:len(w.mails)-1]
	}
	e.Key = w.key(string(e.Kind)) + ":" + id
	return e
}

// tell appends the next n events and applies them, as the daemon does. It returns the last ticket.
func (w *world) tell(t *testing.T, to *Writer, n int) *Ticket {
	t.Helper()
	var last *Ticket
	for range n {
		e := w.next()
		ticket, err := to.Append(e)
		if err != nil {
			t.Fatal(err)
		}
		guard.Apply(w.state, e)
		last = ticket
	}
	return last
}

func asJSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// all collects records until the end.
func all(t testing.TB, records iter.Seq2[Record, error]) []Record {
	t.Helper()
	var list []Record
	for r, err := range records {
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, r)
	}
	return list
}

// restored is what a daemon would start with.
func restored(t testing.TB, s *Store) *guard.State {
	t.Helper()
	rows, seq, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	state := guard.Restore(rows)
	for _, r := range all(t, s.Tail(t.Context(), seq)) {
		guard.Apply(state, r.Event)
	}
	return state
}
