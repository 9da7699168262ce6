// Package health says what is wrong with postward itself or with its neighbours, and not with an account: the store, the
// mail log, Postfix, the order of its milters, who of this host sent a mail. Each trouble is a sentence that ends with the
// next step.
//
// It only judges: what was seen and when is passed in, and what is to be said comes back. It reads no clock, starts no
// goroutine, asks neither Postfix nor the kernel and sends no alert; package daemon does, and must not be imported. Its
// texts are status's and the alerts'. Troubles, MailLog and Nameless may be used by several goroutines; their zero values
// are ready.
package health

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"
)

// Troubles is what is wrong: status shows it, and the owner is told once when it lasts, and once when it is over.
type Troubles struct {
	mu   sync.Mutex
	open map[string]*Trouble
}

// Trouble is one thing that is wrong, or was.
type Trouble struct {
	Text    string    // a sentence that ends with the next step
	Since   time.Time // when it began
	Over    bool      // those who were told of it must be told so
	grace   time.Duration
	alerted []int // channels that took the alert, by number
	// An alert is on its way: who takes it will have to be told of the end.
	alerting bool
}

// lasting is how long a trouble lasts before the owner is told, if nothing else is said: a full disk may be empty a
// moment later.
const lasting = 10 * time.Second

// Set notes that something is wrong, or, with an empty text, that it is not. The owner is told after 10 s.
func (t *Troubles) Set(key, text string, now time.Time) { t.SetAfter(key, text, lasting, now) }

// SetAfter is Set for what must last as long as grace before the owner is told.
func (t *Troubles) SetAfter(key, text string, grace time.Duration, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.open[key]
	switch {
	case text == "" && x == nil:
	case text == "" && len(x.alerted) == 0 && !x.alerting:
		delete(t.open, key)
	case text == "":
		x.Over = true
	case x == nil || x.Over:
		t.put(key, &Trouble{Text: text, Since: now, grace: grace})
	default:
		x.Text = text
	}
}

// put opens a trouble. The caller holds the mutex.
func (t *Troubles) put(key string, x *Trouble) {
	if t.open == nil {
		t.open = map[string]*Trouble{}
	}
	t.open[key] = x
}

// Anew notes that something is wrong which the owner is told of even if the trouble has been open, for another reason.
func (t *Troubles) Anew(key, text string, now time.Time) { t.Knew(key, text, 0, now) }

// Knew notes what the first channels were told before this daemon began.
func (t *Troubles) Knew(key, text string, channels int, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := &Trouble{Text: text, Since: now}
	for n := range channels {
		x.alerted = append(x.alerted, n)
	}
	t.put(key, x)
}

// Has reports whether something is wrong.
func (t *Troubles) Has(key string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open[key] != nil && !t.open[key].Over
}

// Reached reports whether all channels took the alert.
func (t *Troubles) Reached(key string, channels int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.open[key]
	return x != nil && !x.Over && channels > 0 && len(x.alerted) >= channels
}

// List returns what is wrong now, the oldest first.
func (t *Troubles) List() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	texts := []string{}
	for _, x := range slices.SortedFunc(maps.Values(t.open), func(a, b *Trouble) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Text, b.Text))
	}) {
		if !x.Over {
			texts = append(texts, x.Text)
		}
	}
	return texts
}

// Due returns, by their keys, what the owner must be told of.
func (t *Troubles) Due(channels int, now time.Time) map[string]Trouble {
	t.mu.Lock()
	defer t.mu.Unlock()
	due := map[string]Trouble{}
	for key, x := range t.open {
		if x.Over || now.Sub(x.Since) >= x.grace && len(x.alerted) < channels {
			due[key] = *x
		}
	}
	return due
}

// Skip are the channels that are not to be told: of a trouble those that know it. That it is over is told to all: one
// that missed the beginning learns it so.
func (x *Trouble) Skip() []int {
	if x.Over {
		return nil
	}
	return x.alerted
}

// Alerting notes that an alert about a trouble as it was Due is on its way. It reports whether there is still one to send.
func (t *Troubles) Alerting(key string, before Trouble) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.open[key]
	if x == nil || !x.Since.Equal(before.Since) || x.Over != before.Over {
		return false
	}
	x.alerting = true
	return true
}

// Took notes which channels took the alert about a trouble as it was Due. What is over needs no second try.
func (t *Troubles) Took(key string, before Trouble, channels []int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.open[key]
	if x == nil || !x.Since.Equal(before.Since) { // it has begun anew
		return
	}
	x.alerting = false
	if !before.Over {
		x.alerted = append(x.alerted, channels...)
	}
	if x.Over && (before.Over || len(x.alerted) == 0) {
		delete(t.open, key)
	}
}
