package proof

import (
	"maps"
	"sync"
	"time"

	"postward/internal/auth/mailauth"
	"postward/internal/guard"
	"postward/internal/mail/dkim"
)

// share is how many of an account's mails were signed.
type share struct{ mails, signed int }

// maxShares bounds the accounts of a day. Of those that come when there are so many no share is known.
const maxShares = 10_000

// figures are how many mails of a day passed, and did not.
type figures struct {
	mu      sync.Mutex
	day     string
	in, out map[string]int
	of      map[string]share // mails of an account
}

// turn begins a new day when it is one. The caller holds the mutex.
func (f *figures) turn(now time.Time) {
	if day := now.Format(time.DateOnly); day != f.day {
		f.day, f.in, f.out, f.of = day, map[string]int{}, map[string]int{}, map[string]share{}
	}
}

// count counts a mail from outside.
func (f *figures) count(r *mailauth.Result, d mailauth.Disposition, action guard.Action, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turn(now)
	f.in["mails"]++
	f.in["spf "+string(r.MailFrom.Result)]++
	f.in["dkim "+best(r.DKIM)]++
	f.in["dmarc "+string(r.DMARC.Result)]++
	if r.AsUs {
		f.in["as us"]++
	}
	switch {
	case d == mailauth.Reject && action == guard.Reject:
		f.in["refused"]++
	case d == mailauth.Reject:
		f.in["would be refused"]++
	}
}

// best is what stands for all signatures of a mail: a pass, if one passes.
func best(all []dkim.Result) string {
	if len(all) == 0 {
		return "none"
	}
	for _, r := range all {
		if r.Status == dkim.Pass {
			return "pass"
		}
	}
	return all[0].Status.String()
}

// signed counts a mail of an account.
func (f *figures) signed(account string, signatures int, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turn(now)
	f.out["mails"]++
	if signatures > 0 {
		f.out["signed"]++
	}
	own, is := f.of[account]
	if !is && len(f.of) >= maxShares {
		return
	}
	own.mails++
	if signatures > 0 {
		own.signed++
	}
	f.of[account] = own
}

func (f *figures) signedOf(account string, now time.Time) (mails, signed int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turn(now)
	own := f.of[account]
	return own.mails, own.signed
}

func (f *figures) all(now time.Time) (in, out map[string]int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turn(now)
	return maps.Clone(f.in), maps.Clone(f.out)
}
