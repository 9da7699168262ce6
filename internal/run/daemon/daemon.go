// Package daemon is the plumbing around the decision. It owns the one State behind one mutex, the journal's
// writer, the effect loop and the ticks, and it alone reads the clock for them.
//
// Everything that happens becomes an Event in record: applied to the State and appended to the journal in one
// critical section, so that the order of the journal is the order of the State. No SQL, no file and no network
// is touched under the mutex. Whoever must not go on before the event is on disk waits for its ticket outside.
//
// Who may log in, and who is kept out, is the gate's (package gate), which the daemon owns: what it reads of the State it reads by a function
// that takes the mutex, and its own mutex is taken first.
//
// Goroutines: one a milter session (package milter's), one for each part that serve names (the log, the effects, the
// tick, the journal's pruning, …), a few for the alerts that are on their way, one for operators. Run joins them all.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"postward/internal/guard"
	"postward/internal/host/warden"
	"postward/internal/mail/milter"
	"postward/internal/run/config"
	"postward/internal/run/gate"
	"postward/internal/run/health"
	"postward/internal/run/notify"
	"postward/internal/run/proof"
	"postward/internal/run/store"
	"postward/internal/wire/dns"
	"postward/internal/wire/netinfo"
)

// Daemon is a running postward.
type Daemon struct {
	config  *config.Config
	log     *slog.Logger
	store   *store.Store
	writer  *store.Writer
	warden  *warden.Client
	notify  *notify.Notifier
	where   netinfo.DB // to which network and country an address belongs; may be nil
	version string
	started guard.Time
	begun   time.Time  // the same, by a clock that nobody sets
	seen    guard.Time // what the clock showed when a postward last ran; 0: nobody knows
	servers []*milter.Server

	mu              sync.Mutex
	state           *guard.State
	sequence        uint64                  // of transaction ids since the start
	since           int                     // events since the last checkpoint
	verdicts        map[guard.Reason]uint64 // since the start
	dirty           bool                    // something changed that must outlive the store
	logErr          error                   // why the log cannot be read
	clock           clockMark               // when the host's clock was last looked at
	origins         origins                 // where mails are
	foreign         map[string]bool         // queue IDs of mails in hold that are not ours, as last compared
	refusals        refusals
	ruled           ruled
	owed            []*guard.Event   // that mails were not taken, and the journal could not be told yet
	inLine          map[string]bool  // effects that wait in due or alerts, or are being carried out
	alertedChannels map[string][]int // channels that have an undone alert already, by effect

	gate       *gate.Gate
	resolver   dns.Host
	prover     atomic.Pointer[proof.Prover] // nil: mail is neither authenticated nor signed
	ledger     *proof.Ledger
	forwarders proof.Forwarders
	cases      casebook
	board      board
	place      string // in the log, as last given to the writer; the follower's alone
	own        atomic.Pointer[ownDomains]

	strangersTold atomic.Int64  // the second in which a refusal of mail from outside was logged last
	stepped       time.Duration // by how much the clock was set since the gate last looked; under mu

	acts      sync.Mutex // held while Postfix's queue is acted on, or listed and compared; never under mu
	troubles  health.Troubles
	mailLog   health.MailLog
	nameless  health.Nameless
	vanished  health.Vanished
	injectors injectors
	owners    owners
	due       chan work
	alerts    chan work
}

// work is an effect that became due, and the ticket of the event that decided it: nothing is carried out before its
// reason is on disk. Without a ticket it was decided a while ago: what the journal was given before must be written.
type work struct {
	effect guard.Effect
	ticket *store.Ticket
}

// dueQueue bounds the effects waiting to be carried out. One that finds no room stays in the State, and the
// tick offers it again.
const dueQueue = 4096

// now is the only clock.
func now() guard.Time { return guard.TimeOf(time.Now()) }

// reads calls what reads the State and keeps nothing of it.
func (d *Daemon) reads(f func(*guard.State)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f(d.state)
}

// record applies an event and appends it to the journal, in one critical section. The ticket is for those who
// must wait until it is on disk.
func (d *Daemon) record(e *guard.Event) (*store.Ticket, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.recordLocked(e)
}

func (d *Daemon) recordLocked(e *guard.Event) (*store.Ticket, error) {
	ticket, err := d.writer.Append(e) // first: what the journal refuses must not be applied
	if err != nil {
		return nil, fmt.Errorf("append %s to the journal: %w", e.Kind, err)
	}
	for _, f := range guard.Apply(d.state, e) {
		d.dirty = d.dirty || f.Act == guard.ActAlert
		d.offer(work{f, ticket})
	}
	switch e.Kind {
	case guard.KindAllowed, guard.KindDenied, guard.KindClassed, guard.KindLearned, guard.KindForgotten, guard.KindPolicy:
		d.dirty = true
	}
	d.since++
	return ticket, nil
}

// offer puts an effect in line, if it is not there yet, or leaves it to the tick. The caller holds the mutex.
func (d *Daemon) offer(w work) {
	if d.inLine[w.effect.ID] {
		return
	}
	line := d.due
	if w.effect.Act == guard.ActAlert {
		line = d.alerts
	}
	select {
	case line <- w:
		d.inLine[w.effect.ID] = true
	default:
	}
}

// written waits until the reason of an effect is on disk.
func (d *Daemon) written(ctx context.Context, w *work) error {
	if w.ticket == nil {
		return d.writer.Flush(ctx)
	}
	return w.ticket.Wait(ctx)
}

// leaveLine lets an effect be offered again, if it is still in the State.
func (d *Daemon) leaveLine(effect string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.inLine, effect)
}

// checkpoint appends the changed rows to the journal's next group.
func (d *Daemon) checkpoint() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.since == 0 {
		return
	}
	d.since = 0
	d.writer.Checkpoint(d.state.TakeChanges())
	d.noteClock()
}

// backUpOften writes what must outlive the store beside it: soon after the list of accounts or an incident changed, and
// once a day, until ctx ends.
func (d *Daemon) backUpOften(ctx context.Context) error {
	var last time.Time
	for wait := backupSoon; ; wait = backupLook {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
		d.mu.Lock()
		dirty := d.dirty
		d.dirty = false
		d.mu.Unlock()
		if !dirty && time.Since(last) < backupEvery {
			continue
		}
		if err := d.backUp(ctx); err != nil && ctx.Err() == nil {
			d.mu.Lock()
			d.dirty = true
			d.mu.Unlock()
			d.log.Error("what must outlive the store is not written beside it", "err", err)
			continue
		}
		last = time.Now()
	}
}

func (d *Daemon) backUp(ctx context.Context) error {
	d.checkpoint()
	if err := d.writer.Flush(ctx); err != nil {
		return err
	}
	return d.store.Backup(ctx)
}

const (
	backupSoon  = 5 * time.Second // after the start
	backupLook  = time.Minute
	backupEvery = 24 * time.Hour
)

// Checkpoints are taken at the latest after so many events or so long a time. What lies between one and the
// next is folded again at the next start.
const (
	checkpointEvents = 2000
	checkpointEvery  = 30 * time.Second
	reconcileEvery   = 10 * time.Minute
)

// every does something at once and then each time a span has gone by, until ctx ends or it fails. What is done often is done at the same
// moments by all: at rest each waking up costs more than what it is for.
func every(ctx context.Context, span time.Duration, do func() error) error {
	next := time.NewTimer(span)
	defer next.Stop()
	for {
		if err := do(); err != nil {
			return err
		}
		wait := span
		if span <= 10*time.Second {
			wait -= time.Duration(time.Now().UnixNano()) % span
		}
		next.Reset(wait)
		select {
		case <-ctx.Done():
			return nil
		case <-next.C:
		}
	}
}

// tick does what the clock makes due until ctx ends. What takes its time is a part of its own: a release that is due waits
// for nothing.
func (d *Daemon) tick(ctx context.Context) error {
	var checked, seen time.Time
	return every(ctx, time.Second, func() error {
		t := time.Now()
		d.doDue()
		d.mu.Lock()
		full := d.since >= checkpointEvents
		d.mu.Unlock()
		if full || t.Sub(checked) >= checkpointEvery {
			d.checkpoint()
			checked = t
		}
		if t.Sub(seen) >= seenEvery {
			d.noteClock()
			seen = t
		}
		return nil
	})
}

// doDue records what the clock decides and offers what is due.
func (d *Daemon) doDue() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.checkClockNow()
	t := now()
	if err := errors.Join(d.giveBack(), d.refusals.flush(t.Add(-refusalsFor), d.recordLocked)); err != nil {
		return // the journal cannot be written; status says so
	}
	if err := d.takeRuledLocked(t); err != nil {
		return
	}
	jobs := guard.Due(d.state, t)
	for _, e := range jobs.Events {
		if _, err := d.recordLocked(&e); err != nil {
			d.log.Error("a cooling time is over, and the journal cannot be written", "err", err)
			return
		}
	}
	for _, f := range jobs.Effects {
		d.offer(work{effect: f})
	}
}
