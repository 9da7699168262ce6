package daemon

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"sync"
	"time"

	"postward/internal/guard"
	"postward/internal/host/learn"
	"postward/internal/host/warden"
	"postward/internal/mail/milter"
	"postward/internal/run/config"
	"postward/internal/run/ctl"
	"postward/internal/run/gate"
	"postward/internal/run/notify"
	"postward/internal/run/proof"
	"postward/internal/run/store"
	"postward/internal/wire/netinfo"
	"postward/internal/wire/sock"
)

// storeFile lies in the state directory.
const storeFile = "postward.db"

// Parts is what a daemon is made of besides its store.
type Parts struct {
	Config  *config.Config
	Warden  *warden.Client
	Notify  *notify.Notifier
	Where   netinfo.DB // may be nil: then no network and no country is known
	Log     *slog.Logger
	Version string
	// Delimiter asks Postfix for its recipient_delimiter; nil: there is none. When it cannot say, the last one holds.
	Delimiter func(context.Context) (string, error)
	// Mailer asks Postfix what of it a signature and an Authentication-Results hang on; nil: it is as Debian has it, and called
	// Config.Node.
	Mailer func(context.Context) (Mailer, error)
	// Trusted asks Postfix for its mynetworks, and Dovecot for the proxies that it trusts: nobody there is ever banned; nil: there are none.
	Trusted func(context.Context) []netip.Prefix
	// Peers are the users, besides root and postward's own, whose processes may use the milter sockets.
	Peers []uint32
	// Operators says whether a user may use the operator's socket; nil: root and postward's own.
	Operators func(uid uint32) bool
	// Ready is called when every socket listens. May be nil.
	Ready func()
}

// Mailer is what Postfix is.
type Mailer struct {
	Hostname  string // myhostname, by which others know this server
	LineLimit int    // smtp_line_length_limit, in octets
}

// Run is a postward from its start to the end of ctx. It returns when everything it started has ended, with what
// it had in hand written down.
func Run(ctx context.Context, p Parts) error {
	d, err := start(ctx, p)
	if err != nil {
		return err
	}
	debug.FreeOSMemory() // what reading the store took
	err = d.serve(ctx, p)
	d.flushRefusals()
	d.checkpoint()
	d.gate.Save(time.Now())
	d.noteClock()
	d.ledger.Close()
	err = errors.Join(err, d.store.Close())
	if errors.Is(err, store.ErrCorrupt) { // and what it held is saved
		err = errors.Join(err, store.SetAside(filepath.Join(p.Config.StateDir, storeFile)))
	}
	return err
}

// start opens the store and folds what it has. A store that is lost begins anew with its backup.
func start(ctx context.Context, p Parts) (*Daemon, error) {
	path := filepath.Join(p.Config.StateDir, storeFile)
	lost := "was gone"
	var d *Daemon
	var err error
	if !store.Gone(path) {
		d, err = load(ctx, p, path, time.Time{})
		switch {
		case errors.Is(err, store.ErrOld):
			lost = "is older than its backup (an old one was put back? It is kept beside it; to go on with it, stop postward, remove the backup and put it back)"
			if failed := store.SetOldAside(path); failed != nil {
				return nil, errors.Join(err, failed)
			}
		case errors.Is(err, store.ErrCorrupt):
			lost = "was damaged, a copy of it is kept beside it,"
		default:
			return d, err
		}
	}
	at, failed := store.Restore(ctx, path)
	if failed != nil {
		return nil, errors.Join(err, failed)
	}
	if d, err = load(ctx, p, path, at); err != nil {
		return nil, err
	}
	text := fmt.Sprintf("%s %s and begins anew with what it held at %s: look through postward account list and postward held list", path, lost, at.Format(time.RFC3339))
	d.log.Error(text)
	d.troubles.SetAfter("store", text, 0, time.Now())
	return d, nil
}

// load opens the store and folds what it has. written is when the backup was that it was made of, or zero.
func load(ctx context.Context, p Parts, path string, written time.Time) (*Daemon, error) {
	s, err := store.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	d := &Daemon{
		config: p.Config, log: p.Log, store: s, writer: s.Writer(), warden: p.Warden, notify: p.Notify, where: p.Where, version: p.Version,
		started: now(), begun: time.Now(), verdicts: map[guard.Reason]uint64{}, origins: origins{}, foreign: map[string]bool{}, injectors: newInjectors(),
		due: make(chan work, dueQueue), alerts: make(chan work, dueQueue), alertedChannels: map[string][]int{},
		refusals: refusals{}, inLine: map[string]bool{}, ledger: proof.NewLedger(p.Config.ProofsDir(), p.Log),
	}
	d.gate = gate.New(gate.Parts{
		Config: p.Config, Log: p.Log, Store: s, Warden: p.Warden, Where: p.Where, Troubles: &d.troubles, Trusted: p.Trusted,
		State: d.reads, Stepped: d.takeStep, Record: d.record, Reading: d.noteReading,
	})
	d.owners = owners{questions: make(chan question), nameless: &d.nameless}
	if err := errors.Join(d.restore(ctx, p.Delimiter, written), d.gate.Restore(ctx)); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return d, nil
}

// restore makes the State of the last checkpoint and the events since.
func (d *Daemon) restore(ctx context.Context, delimiter func(context.Context) (string, error), written time.Time) error {
	rows, upTo, err := d.store.Load(ctx)
	if err != nil {
		return fmt.Errorf("load the state: %w", err)
	}
	unkeyed := rows.Site.Secret == guard.Secret{}
	if unkeyed {
		rows.Key(newSecret())
	}
	d.state = guard.Restore(rows)
	var last guard.Time
	if !written.IsZero() {
		last = guard.TimeOf(written)
	}
	for r, err := range d.store.Tail(ctx, upTo) {
		if err != nil {
			return fmt.Errorf("fold the journal: %w", err)
		}
		guard.Apply(d.state, r.Event)
		last = r.Event.At
		d.since++
	}
	if unkeyed { // nothing that is hashed with it may be on disk without it
		d.writer.Checkpoint(d.state.TakeChanges())
		if err := d.writer.Flush(ctx); err != nil {
			return fmt.Errorf("write the secret of the installation: %w", err)
		}
		d.since = 0
	}
	seen, err := d.lastSeen(ctx, last)
	if err != nil {
		return err
	}
	d.seen = max(seen, d.state.Site().Latest)
	d.clockAtStart(time.Now(), seen)
	d.noteClock()
	if want := d.policy(ctx, delimiter); !reflect.DeepEqual(want, d.state.Policy()) {
		if err := d.recordAndWait(ctx, &guard.Event{Key: fmt.Sprintf("policy:%d", d.started), Kind: guard.KindPolicy, At: d.started, Policy: want}); err != nil {
			return err
		}
	}
	if err := d.rewriteListings(ctx); err != nil {
		return err
	}
	for _, f := range d.state.Effects() { // decided before the crash, perhaps not done
		d.offer(work{effect: *f})
	}
	return d.takeLearned(ctx)
}

// newSecret makes the secret of an installation.
func newSecret() guard.Secret {
	var secret guard.Secret
	rand.Read(secret[:]) // it does not fail: crypto/rand
	return secret
}

// policy is what the configuration and Postfix say to the guard.
func (d *Daemon) policy(ctx context.Context, delimiter func(context.Context) (string, error)) *guard.Policy {
	p := d.config.Policy()
	if delimiter == nil {
		return p
	}
	var err error
	if p.Delimiter, err = delimiter(ctx); err != nil {
		p.Delimiter = d.state.Policy().Delimiter
		d.log.Warn("Postfix does not say its recipient_delimiter, the last one is kept: is postfix.config_dir right?", "kept", p.Delimiter, "err", err)
	}
	return p
}

// takeLearned takes in what attach learned from maps and old logs, once: the file is renamed.
func (d *Daemon) takeLearned(ctx context.Context) error {
	path := filepath.Join(d.config.StateDir, learn.File)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read what was learned: %w", err)
	}
	defer f.Close()
	n, err := d.learn(f)
	if err == nil {
		err = d.writer.Flush(ctx)
	}
	if errors.Is(err, store.ErrUnavailable) || ctx.Err() != nil {
		return fmt.Errorf("take in what was learned: %w", err)
	}
	if err != nil { // no reason not to guard the mail
		d.log.Error("what attach learned is taken in only in part: attach again", "err", err, "kept", path+".bad", "accounts", n)
		return os.Rename(path, path+".bad")
	}
	d.log.Info("learned from maps and old logs", "accounts", n)
	return os.Rename(path, path+".taken")
}

// learn records the events of a file, one a line, and returns how many there were before the first bad one.
func (d *Daemon) learn(f io.Reader) (n int, err error) {
	for e, err := range learn.Read(f) {
		if err != nil {
			return n, err
		}
		canonical(e)
		if _, err := d.record(e); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// serve opens the sockets and runs everything until ctx ends or a part fails.
func (d *Daemon) serve(ctx context.Context, p Parts) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	part := func(name string, run func(context.Context) error) {
		wg.Go(func() {
			if err := run(ctx); err != nil {
				cancel(fmt.Errorf("%s: %w", name, err))
			}
		})
	}
	d.recallForwarders(ctx)
	d.recallCases(ctx)
	d.recallReceivers(ctx, config.RepliesDir)
	proves := &prover{daemon: d, mailer: p.Mailer}
	proves.prove(ctx)
	door := &doorkeeper{daemon: d, configDir: d.config.Postfix.ConfigDir}
	door.first(ctx)
	if err := d.listen(ctx, p, part); err != nil {
		cancel(err)
	} else {
		part("log", d.readLog)
		part("owners", d.owners.answer)
		part("effects", d.carryOut)
		part("alerts", d.sendAlerts)
		part("tick", d.tick)
		part("prune", d.pruneOften)
		part("gate", d.gate.Tend)
		part("bans", d.gate.KeepOut)
		part("dovecot", d.gate.AnswerDovecot)
		part("login lists", d.tendLoginLists)
		part("keys", d.tendKeys)
		part("hold queue", d.reconcileOften)
		part("health", d.watchHealth)
		part("troubles", (&troubleAlerts{d.config.Node, d.notify, &d.troubles}).send)
		n := d.neighbour()
		part("canary", func(ctx context.Context) error { return n.watch(ctx, d.config.Canary.Every) })
		part("milter order", n.watchOrder)
		part("doors", door.watch)
		part("proof", proves.again)
		part("forwarders", d.keepForwarders)
		part("backup", d.backUpOften)
		part("lists", d.watchLists)
		if p.Ready != nil {
			p.Ready()
		}
	}
	wg.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// listen opens the operator's socket and a milter socket for each direction, and then serves them: who is served sees
// them all.
func (d *Daemon) listen(ctx context.Context, p Parts, part func(string, func(context.Context) error)) error {
	desk, err := sock.Listen(d.config.Socket)
	if err != nil {
		return err
	}
	listeners := []net.Listener{}
	for direction, address := range sockets(d.config) {
		l, err := milter.Listen(address)
		if err != nil {
			for _, l := range append(listeners, desk) {
				l.Close()
			}
			return err
		}
		d.servers, listeners = append(d.servers, d.server(direction, p.Peers)), append(listeners, l)
	}
	d.troubles.OpenSockets(sockets(d.config), time.Now())
	if err := d.warden.Share(ctx); err != nil {
		for _, l := range append(listeners, desk) {
			l.Close()
		}
		return err
	}
	for i, s := range d.servers {
		part("milter "+string(s.Direction), func(ctx context.Context) error { return s.Serve(ctx, listeners[i]) })
	}
	part("operators", func(ctx context.Context) error {
		return (&ctl.Server{Answer: d.answer, Allow: p.Operators}).Serve(ctx, desk)
	})
	return nil
}

// sockets are where the milters listen that are on.
func sockets(c *config.Config) map[guard.Direction]string {
	all := map[guard.Direction]string{
		guard.Inbound: c.Milter.Inbound, guard.Submission: c.Milter.Submission, guard.Local: c.Milter.Local,
	}
	for direction, address := range all {
		if address == "" {
			delete(all, direction)
		}
	}
	return all
}

func (d *Daemon) server(direction guard.Direction, peers []uint32) *milter.Server {
	limits := milter.DefaultLimits()
	limits.Answer = time.Duration(d.config.Milter.AnswerTimeout)
	limits.Sessions = d.config.Milter.MaxSessions
	return &milter.Server{
		Direction: direction, Limits: limits, Log: d.log, Allow: allow(peers),
		Shadow: !d.config.Policy().Enforces(guard.Senders), Mail: d.judgeMail, End: d.judgeEnd, Open: d.open, User: d.owners.userOf, Unanswered: d.unanswered,
	}
}

// allow admits root, postward's own user and the peers.
func allow(peers []uint32) func(uint32) bool {
	return func(uid uint32) bool {
		if uid == 0 || int(uid) == os.Geteuid() {
			return true
		}
		for _, p := range peers {
			if p == uid {
				return true
			}
		}
		return false
	}
}
