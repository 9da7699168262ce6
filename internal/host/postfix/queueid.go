package postfix

import (
	"fmt"
	"strings"
	"time"

	"postward/internal/log/maillog"
)

// QueueID is a queue ID whose grammar was checked. Make one by ParseQueueID only.
type QueueID string

// ParseQueueID takes s as a queue ID (see maillog.ValidQueueID). "ALL", "-", paths, log names and everything else
// that Postfix's tools would take for one are errors.
func ParseQueueID(s string) (QueueID, error) {
	if !maillog.ValidQueueID([]byte(s)) {
		return "", fmt.Errorf("%.40q is not a queue ID: it has the form 4F2C81A3B7 or 4dXYZ12345z6789", s)
	}
	return QueueID(s), nil
}

// Held is a mail as its keeper remembers it: queue IDs are used again, so it names a mail in the queue only if the
// time of arrival agrees. (The reverse-path would not help: cleanup(8) may have rewritten it.)
type Held struct {
	ID     QueueID   `json:"id"`
	After  time.Time `json:"after"`  // the mail arrived not before this; zero: unknown, as for mail out of maildrop
	Before time.Time `json:"before"` // and not after this
}

// slack is by how much a time of arrival may lie outside: Postfix shows whole seconds.
const slack = 2 * time.Second

// Is reports whether e is the mail h.
func (h *Held) Is(e *Entry) bool {
	return e.ID == h.ID && !e.Arrived.Before(h.After.Add(-slack)) && !e.Arrived.After(h.Before.Add(slack))
}

// Renamed reports whether e may be the mail h under another name. A queue ID has the number of the file's inode in it, and
// where a queue was moved or restored postsuper(1) puts that right. What the ID says of the time of arrival stays.
func (h *Held) Renamed(e *Entry) bool {
	other := Held{ID: e.ID, After: h.After, Before: h.Before}
	return e.ID != h.ID && other.Is(e) && h.ID.Stamp() == e.ID.Stamp()
}

// Stamp is the part of a queue ID that tells the time of arrival: with long ones all of it, else the microseconds.
func (id QueueID) Stamp() string {
	if at := strings.LastIndexByte(string(id), 'z'); at >= 0 { // the time may have one too, the inode has none
		return string(id[:at+1])
	}
	return string(id[:min(len(id), shortStamp)])
}

const shortStamp = 5

// Result is what became of one mail of a batch.
type Result struct {
	Gone bool  // the queue has no such mail any more, or the ID is another mail's now
	Err  error // why nothing was done; nil with Gone or when it is done
}
