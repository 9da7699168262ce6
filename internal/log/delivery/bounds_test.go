package delivery

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"postward/internal/log/maillog"
)

// say gives a Tracker a line at a time.
func say(t *testing.T, tracker *Tracker, at time.Time, format string, args ...any) {
	t.Helper()
	var l maillog.Line
	if !maillog.Parse([]byte(at.Format(time.Stamp)+" mx "+fmt.Sprintf(format, args...)), &l) || !l.Kind.Understood() {
		t.Fatalf("not understood: "+format, args...)
	}
	tracker.Line(&l, at)
}

func TestRecipientsAreCountedNotAttempts(t *testing.T) {
	var got *Mail
	tracker := New(func(m *Mail) { got = m })
	say(t, tracker, noon, anna)
	say(t, tracker, noon, "postfix/qmgr[2]: 4AAAA1: from=<anna@example.org>, size=500, nrcpt=1100 (queue active)")
	for try := range 10 {
		for n := range 1100 {
			say(t, tracker, noon.Add(time.Duration(try)*time.Hour), "%s", deferred("4AAAA1", fmt.Sprintf("r%d@far.example", n)))
		}
	}
	say(t, tracker, noon.Add(11*time.Hour), removed)
	tracker.Flush()
	if len(got.Deliveries) != MaxDeliveries || got.More != 100 || got.Deliveries[7].Attempts != 10 {
		t.Errorf("%d recipients and %d more, the eighth tried %d times", len(got.Deliveries), got.More, got.Deliveries[7].Attempts)
	}
	if tracker.kept != 0 || tracker.counted != 0 {
		t.Errorf("%d and %d are left", tracker.kept, tracker.counted)
	}
}

// TestRecipientsOfAllMailsAreBounded: many deferred mails with many recipients each, tried again. The oldest are only
// counted, the newest known.
func TestRecipientsOfAllMailsAreBounded(t *testing.T) {
	const mails, to = 6000, 50
	var out []*Mail
	tracker := New(func(m *Mail) { out = append(out, m) })
	for try := range 2 {
		for i := range mails {
			id := fmt.Sprintf("%X", 0xA0000000+i)
			say(t, tracker, noon, "postfix/qmgr[2]: %s: from=<anna@example.org>, size=500, nrcpt=%d (queue active)", id, to)
			for n := range to {
				say(t, tracker, noon.Add(time.Duration(try)*time.Hour), "%s", deferred(id, fmt.Sprintf("r%d-%d@far.example", i, n)))
			}
		}
	}
	if tracker.kept > MaxKept || tracker.kept < MaxKept/2 || tracker.counted > maxCounts {
		t.Errorf("%d deliveries are kept, %d counted", tracker.kept, tracker.counted)
	}
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	if memory.HeapAlloc > 250<<20 {
		t.Errorf("%d MiB", memory.HeapAlloc>>20)
	}
	runtime.KeepAlive(tracker)
	tracker.Flush()
	thin := 0
	for _, m := range out {
		if len(m.Deliveries)+m.More != to {
			t.Fatalf("%d recipients and %d more", len(m.Deliveries), m.More)
		}
		if m.More > 0 {
			thin++
		}
	}
	if len(out) != mails || out[0].More != to || out[mails-1].More != 0 || thin == mails {
		t.Errorf("of %d mails %d are only counted", len(out), thin)
	}
	if tracker.kept != 0 || tracker.counted != 0 {
		t.Errorf("%d and %d are left", tracker.kept, tracker.counted)
	}
}

// TestOfVeryManyRecipientsTheQueuedCount: what is not even counted one by one is what qmgr said.
func TestOfVeryManyRecipientsTheQueuedCount(t *testing.T) {
	m := &Mail{Count: 50_000}
	for n := range MaxDeliveries + maxCounted + 5 {
		m.note(&Delivery{To: fmt.Sprint(n), Attempts: 1}, true)
	}
	if len(m.counted) != maxCounted || len(m.Deliveries)+m.More != 50_000 {
		t.Errorf("%d counted, %d kept, %d more", len(m.counted), len(m.Deliveries), m.More)
	}
	m = &Mail{}
	for n := range MaxDeliveries + 5 {
		m.note(&Delivery{To: fmt.Sprint(n), Attempts: 1}, true)
	}
	m.forgetRecipients(false)
	m.note(&Delivery{To: "7", Attempts: 1}, false)
	if m.More != MaxDeliveries+5 || len(m.counted) != 5 {
		t.Errorf("%d counted, %d more", len(m.counted), m.More)
	}
}

func TestThereIsNoRoomForMoreCountsThanThat(t *testing.T) {
	tracker, rooms := New(func(*Mail) {}), []bool{}
	for _, counted := range []int{maxCounts - 1, maxCounts} {
		tracker.counted = counted
		tracker.keeping(&Mail{}, func(room bool) { rooms = append(rooms, room) })
	}
	if !rooms[0] || rooms[1] {
		t.Error(rooms)
	}
}

// TestMailIsFollowedThroughManyIDs: requeued more often than queue IDs are kept, it is one mail still, and its account's.
func TestMailIsFollowedThroughManyIDs(t *testing.T) {
	log := []string{anna, queued}
	last := "4AAAA1"
	for n := range 3 * MaxIDs {
		next := fmt.Sprintf("4B%04X", n)
		log = append(log, "postfix/pickup[6]: "+next+": uid=106 from=<anna@example.org> orig_id="+last, deferred(next, "b@far.example"))
		last = next
	}
	log = append(log, sent(last, "b@far.example", wire, "250 ok"), "postfix/qmgr[2]: "+last+": removed")
	mails := follow(log...)
	if len(mails) != 1 {
		t.Fatalf("%d mails: %s …", len(mails), short(mails[0]))
	}
	m := mails[0]
	if len(m.IDs) > MaxIDs || len(m.IDs) != len(m.entries) || m.IDs[0] != "4AAAA1" || m.IDs[len(m.IDs)-1] != last || len(m.IDs)+m.MoreIDs != 1+3*MaxIDs {
		t.Errorf("%d IDs and %d more: %s", len(m.IDs), m.MoreIDs, m.IDs)
	}
	if m.Account != "anna" || m.Outcome() != "sent" || m.Deliveries[0].Attempts != 3*MaxIDs+1 {
		t.Error(short(m))
	}
}

// TestIDsInTheQueueAreNeverForgotten for others: what there is no room for is a mail of its own.
func TestIDsInTheQueueAreNeverForgotten(t *testing.T) {
	log := []string{anna, queued}
	for n := range 2 * MaxIDs { // an alias of many
		id := fmt.Sprintf("4B%04X", n)
		log = append(log, "postfix/cleanup[4]: "+id+": message-id=<1@x>",
			fmt.Sprintf("postfix/local[9]: 4AAAA1: to=<all@example.org>, relay=local, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (forwarded as %s)", id))
	}
	mails := follow(log...)
	ids := map[string]bool{}
	for _, m := range mails {
		if len(m.IDs) > MaxIDs || len(m.IDs) != len(m.entries) {
			t.Errorf("%d IDs", len(m.IDs))
		}
		for _, id := range m.IDs {
			ids[id] = true
		}
	}
	if len(ids) != 1+2*MaxIDs || len(mails) != 1+1+MaxIDs {
		t.Errorf("%d mails, %d IDs", len(mails), len(ids))
	}
}

func TestSessionsAreBounded(t *testing.T) {
	tracker := New(func(*Mail) {})
	for pid := range MaxOpen + 10 {
		say(t, tracker, noon, "postfix/smtpd[%d]: NOQUEUE: hold: RCPT from a[192.0.2.1]: <b@far.example>: no"+envelope, pid+1)
	}
	if n := len(tracker.sessions); n > MaxOpen {
		t.Errorf("%d are kept", n)
	}
}

func TestLongTextsAreFoundByWhatPeopleKnow(t *testing.T) {
	id := strings.Repeat("a", 280) + "@x.example"
	to := strings.Repeat("b", 300) + "@far.example"
	m := follow(anna, "postfix/cleanup[4]: 4AAAA1: message-id=<"+id+">", sent("4AAAA1", to, wire, "250 ok"))[0]
	for _, key := range []string{id, "<" + id + ">", strings.ToUpper(id), to} {
		if !m.Is(key) {
			t.Errorf("%.10s… of %d octets does not find it", key, len(key))
		}
	}
	if m.Is(id[:200]) || m.Is("") {
		t.Error("a part of it finds it")
	}
}
