package proof

import (
	"maps"
	"sync"
	"time"

	"postward/internal/auth/mailauth"
	"postward/internal/guard"
	"postward/internal/mail/dkim"
)

// figures are how many mails of a day passed, and did not.
type figures struct {
	mu      sync.Mutex
	day     string
	in, out map[string]int
}

// turn begins a new day when it is one. The caller holds the mutex.
func (f *figures) turn(now time.Time) {
	if day := now.Format(time.DateOnly); day != f.day {
		f.day, f.in, f.out = day, map[string]int{}, map[string]int{}
	}
}

// count counts a mail from outside.
func (f *figures) count(r *mailauth.Result, action guard.Action, now time.Time) {
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
	case r.Disposition == mailauth.Reject && action == guard.Reject:
		f.in["refused"]++
	case r.Disposition == mailauth.Reject:
		f.in["would be refused"]++
	case r.Disposition == mailauth.Hold && action == guard.Hold:
		f.in["held"]++
	case r.Disposition == mailauth.Hold:
		f.in["would be held"]++
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
func (f *figures) signed(signatures int, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turn(now)
	f.out["mails"]++
	if signatures > 0 {
		f.out["signed"]++
	}
}

func (f *figures) of(now time.Time) (in, out map[string]int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.turn(now)
	return maps.Clone(f.in), maps.Clone(f.out)
}
