package authpolicy

import (
	"net/netip"
	"sync"
	"time"
)

// maxPairs bounds the logins that are on their way; patience is how long one may be, besides what it was told to wait. What
// is forgotten is asked about as if it had not been seen.
const (
	maxPairs = 4096
	patience = 2 * time.Minute
)

// attemptKey is what the questions about one login have in common. There is one login of a session at a time; Postfix's
// have no session, and those of one account, client and password at once are not told apart.
type attemptKey struct {
	account, protocol, session string
	client                     netip.Addr
	hash                       PasswordHash
}

func (a *Attempt) key() attemptKey {
	return attemptKey{a.Account, a.Protocol, a.Session, a.Client, a.PasswordHash}
}

// pairs knows which logins were let go on and have not ended yet.
type pairs struct {
	mu    sync.Mutex
	until map[attemptKey]time.Time
}

// first remembers a login that goes on, after waiting for d.
func (p *pairs) first(k attemptKey, now time.Time, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.until == nil {
		p.until = map[attemptKey]time.Time{}
	}
	if len(p.until) >= maxPairs {
		p.forget(now)
	}
	if len(p.until) < maxPairs {
		p.until[k] = now.Add(d + patience)
	}
}

// end forgets a login, and reports whether it was on its way.
func (p *pairs) end(k attemptKey, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	until, known := p.until[k]
	delete(p.until, k)
	return known && now.Before(until)
}

// forget takes out what has been on its way for too long.
func (p *pairs) forget(now time.Time) {
	for k, until := range p.until {
		if !now.Before(until) {
			delete(p.until, k)
		}
	}
}
