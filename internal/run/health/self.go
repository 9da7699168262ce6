package health

import (
	"fmt"
	"strings"
	"time"

	"postward/internal/guard"
)

// What is wrong with postward itself. The owner is not called for what is over and cannot be mended, nor for what he
// wanted: such a trouble never lasts long enough.

// notCalled is a grace that no trouble which is shown for a day outlives.
const notCalled = 2 * shownFor

// Journal notes why the journal cannot be written; nil: it can.
func (t *Troubles) Journal(err error, now time.Time) {
	text := ""
	if err != nil {
		text = fmt.Sprintf("the journal cannot be written (%v): submissions get 4xx until it can; look at the disk", err)
	}
	t.Set("journal", text, now)
}

// Panics notes how many mails of a direction were put off by a bug since the start.
func (t *Troubles) Panics(dir guard.Direction, mails int, now time.Time) {
	if mails > 0 {
		t.Set("panics "+string(dir), fmt.Sprintf("%s of %s put off by a bug: journalctl -u postward | grep bug", guard.Count(int(mails), "mail"), dir), now)
	}
}

// Log notes why the log cannot be read (nil: it can), and for a day that a part of it could not be.
func (t *Troubles) Log(err error, m *MailLog, now time.Time) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	t.Set("log", text, now)
	t.SetAfter("missed", m.Missing(now), notCalled, now)
	t.Set("blind", m.Blind(), now)
}

// Nameless notes that it is not known who of this host sent mails; late is how late the log last was to say so. That the
// kernel cannot be asked is not over, and the owner is called.
func (t *Troubles) Nameless(n *Nameless, late time.Duration, now time.Time) {
	local, wire, kernel := n.Troubles(late, now)
	t.SetAfter("nameless local", local, notCalled, now)
	t.SetAfter("nameless wire", wire, notCalled, now)
	t.Set("nameless kernel", kernel, now)
}

// OpenSockets notes which sockets do not say who is at their other end. The operator wanted them.
func (t *Troubles) OpenSockets(sockets map[guard.Direction]string, now time.Time) {
	const never = 100 * 365 * 24 * time.Hour
	for direction, address := range sockets {
		if strings.HasPrefix(address, "inet:") {
			t.SetAfter("open "+string(direction), fmt.Sprintf("any local user can speak as any account through %s: use a unix socket (milter.%s in postward.toml), "+
				"restart postward, then postward detach and postward attach --apply", address, direction), never, now)
		}
	}
}
