package delivery

import (
	"hash/maphash"
	"slices"
)

// Bounds of the recipients that are counted beyond those that are kept, of a mail and of all open ones. Of more, the number
// that was queued counts.
const (
	maxCounted = 10 * MaxDeliveries
	maxCounts  = 2_000_000
)

// seed is of the numbers that stand for recipients who are only counted.
var seed = maphash.MakeSeed()

// count counts a recipient of whom nothing is kept, once: he is tried again and again.
func (m *Mail) count(d *Delivery, room bool) {
	m.countAs(maphash.String(seed, d.To+"\x00"+d.OrigTo), room)
}

func (m *Mail) countAs(who uint64, room bool) {
	i, known := slices.BinarySearch(m.counted, who)
	switch {
	case known:
	case room && len(m.counted) < maxCounted:
		m.counted = slices.Insert(m.counted, i, who)
		m.More = max(m.More, len(m.counted))
	default:
		m.More = max(m.More, int(m.Count)-len(m.Deliveries))
	}
}

// forgetRecipients keeps no more of them than their number.
func (m *Mail) forgetRecipients(room bool) {
	all := m.More + len(m.Deliveries)
	for i := range m.Deliveries {
		m.count(&m.Deliveries[i], room)
	}
	m.Deliveries, m.passed, m.thin, m.More = nil, nil, true, all
}

// keeping runs what changes how much is kept of a mail.
func (t *Tracker) keeping(m *Mail, change func(room bool)) {
	t.kept -= len(m.Deliveries)
	t.counted -= len(m.counted)
	change(t.counted < maxCounts)
	t.kept += len(m.Deliveries)
	t.counted += len(m.counted)
}

// note keeps an attempt for a recipient of a mail, and makes room for it.
func (t *Tracker) note(m *Mail, d *Delivery) {
	t.keeping(m, func(room bool) { m.note(d, room) })
	if t.kept <= MaxKept {
		return
	}
	for _, key := range t.old { // the oldest first, and a tenth at once
		if m := t.open[key]; m != nil && len(m.Deliveries) > 0 {
			t.keeping(m, m.forgetRecipients)
		}
		if t.kept <= MaxKept-MaxKept/10 {
			return
		}
	}
}

// shorten forgets queue IDs of a mail that are not in the queue any more, so that there is room for others: those between
// its first, which is where it came from, and its last. It reports whether there is.
func (t *Tracker) shorten(m *Mail, room int) bool {
	for i := 1; i < len(m.entries) && len(m.entries)+room > MaxIDs; {
		e := m.entries[i]
		if !e.left {
			i++
			continue
		}
		if t.open[e.key] == m {
			delete(t.open, e.key)
		}
		m.IDs, m.entries = slices.Delete(m.IDs, i, i+1), slices.Delete(m.entries, i, i+1)
		m.MoreIDs++
	}
	return len(m.entries)+room <= MaxIDs
}
