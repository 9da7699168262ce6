package health

import (
	"fmt"
	"sync"
	"time"

	"postward/internal/guard"
)

// UnknownUser is the user of mail that surely is this host's and nobody knows whose: the account local:unknown.
const UnknownUser = "unknown"

// Nameless counts the mails of this host of which nobody knows who sent them, for status.
type Nameless struct {
	mu     sync.Mutex
	local  unnamed // with sendmail(1): the log did not say
	wire   unnamed // over TCP: the kernel did not
	kernel error   // why it cannot be asked at all
}

type unnamed struct {
	mails int
	last  time.Time
}

func (u *unnamed) add(now time.Time) {
	if now.Sub(u.last) >= shownFor {
		u.mails = 0
	}
	u.mails, u.last = u.mails+1, now
}

// Note counts a mail if it is one.
func (n *Nameless) Note(t *guard.Transaction, now time.Time) {
	if t.Login != "" || t.UnixUser != "" && t.UnixUser != UnknownUser {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case t.Direction == guard.Local:
		n.local.add(now)
	case t.UnixUser == UnknownUser || t.Client.IsLoopback():
		n.wire.add(now)
	}
}

// KernelSays keeps why the kernel cannot be asked who connected; nil: it can.
func (n *Nameless) KernelSays(err error) {
	n.mu.Lock()
	n.kernel = err
	n.mu.Unlock()
}

// Troubles is what status says of such mails for a day, each with the next step; empty: nothing.
func (n *Nameless) Troubles(late time.Duration, now time.Time) (local, wire, kernel string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if u := n.local; u.mails > 0 && now.Sub(u.last) < shownFor {
		local = u.say(injectedAs(late))
	}
	if u := n.wire; u.mails > 0 && now.Sub(u.last) < shownFor {
		wire = u.say("came over TCP from this host, and the kernel could not say from whom: the program had hung up already, or runs in another "+
			"network namespace", "let it wait for the answers, use sendmail(1), or log in")
	}
	if n.kernel != nil {
		kernel = fmt.Sprintf("the kernel does not say which user of this host connects to Postfix (%v): such mail counts for local:unknown; "+
			"modprobe tcp_diag, and let postward's unit use AF_NETLINK", n.kernel)
	}
	return local, wire, kernel
}

func injectedAs(late time.Duration) (how, next string) {
	if late > 0 {
		return fmt.Sprintf("came by sendmail(1), and the log said by whom %s too late", late.Round(time.Millisecond)),
			"look at what floods the log, or makes reading it slow"
	}
	return "came by sendmail(1), and the log did not say by whom", "is postfix.log_file in postward.toml the log that Postfix writes?"
}

func (u *unnamed) say(how, next string) string {
	return fmt.Sprintf("%s %s; counted for local:unknown, last on %s: %s", guard.Count(u.mails, "mail"), how, u.last.Format(time.DateTime), next)
}
