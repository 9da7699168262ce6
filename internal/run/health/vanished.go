package health

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"postward/internal/guard"
)

// Vanished keeps which mails postward held or let go that are nowhere in Postfix's queue, and of which the log does not say
// what became of them.
type Vanished struct {
	mu    sync.Mutex
	mails map[string]time.Time // by queue ID: since when they are missed
}

// maxVanished bounds them: a whole queue may be lost.
const maxVanished = 1000

// lineLate is how late the log may say what became of a mail.
const lineLate = time.Minute

// Note notes that a mail is missed.
func (v *Vanished) Note(queueID string, now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.mails == nil {
		v.mails = map[string]time.Time{}
	}
	if len(v.mails) < maxVanished {
		v.mails[queueID] = now
	}
}

// Explained notes that the log says what became of a mail.
func (v *Vanished) Explained(queueID string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.mails, queueID)
}

// trouble is what status says of them for a day; empty: nothing.
func (v *Vanished) trouble(now time.Time) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	maps.DeleteFunc(v.mails, func(_ string, since time.Time) bool { return now.Sub(since) >= shownFor })
	var ids []string
	for id, since := range v.mails {
		if now.Sub(since) >= lineLate {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return ""
	}
	return fmt.Sprintf("%s that postward held are not in Postfix's queue, and the log does not say why (%s, …): "+
		"was the queue moved or restored? postward held list shows what lies there by others, postsuper -H releases it", guard.Count(len(ids), "mail"), slices.Min(ids))
}

// Vanished notes for a day that mails were lost. It is over and cannot be mended here, and the owner is called all the same:
// somebody waits for them.
func (t *Troubles) Vanished(v *Vanished, now time.Time) { t.Set("vanished", v.trouble(now), now) }
