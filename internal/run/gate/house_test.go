package gate

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"postward/internal/guard"
	"postward/internal/host/postfix"
	"postward/internal/host/warden"
	"postward/internal/log/maillog"
	"postward/internal/run/config"
	"postward/internal/run/ctl"
	"postward/internal/run/health"
	"postward/internal/run/store"
)

// house is a gate with what the daemon has for it: a State, a store, and a clock that is set by hand.
type house struct {
	*Gate
	mu      sync.Mutex
	state   *guard.State
	stepped time.Duration // of the clock, since the gate last looked
}

// begin starts a gate on a state directory, without its goroutines. Its Postfix does not exist, and its kernel bans nobody.
func begin(t testing.TB, dir string) *house {
	t.Helper()
	return beginIn(t, dir, guard.Enforce)
}

func beginIn(t testing.TB, dir string, mode guard.Mode) *house {
	t.Helper()
	c, err := config.Parse("test", fmt.Sprintf("mode = %q\nstate_dir = %q\n[domains]\nlocal = [\"example.org\"]\n", mode, dir))
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), filepath.Join(dir, "postward.db"))
	if err != nil {
		t.Fatal(err)
	}
	d := &house{state: folded(t, s)}
	acts := &warden.Acts{Postfix: postfix.Instance{ConfigDir: filepath.Join(dir, "nothing")}, Trash: warden.Trash{Dir: filepath.Join(dir, "trash")}}
	d.Gate = New(Parts{
		Config: c, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Store: s, Warden: warden.Direct(acts), Troubles: new(health.Troubles),
		State: d.reads, Stepped: d.takeStep, Record: d.happens, Reading: func(string, netip.Addr) {},
	})
	d.says(t, &guard.Event{Kind: guard.KindPolicy, Policy: c.Policy()})
	if err := d.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d
}

// folded is the State of a store's journal.
func folded(t testing.TB, s *store.Store) *guard.State {
	t.Helper()
	rows, upTo, err := s.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rows.Key(guard.Secret{1})
	state := guard.Restore(rows)
	for r, err := range s.Tail(t.Context(), upTo) {
		if err != nil {
			t.Fatal(err)
		}
		guard.Apply(state, r.Event)
	}
	return state
}

func end(t testing.TB, d *house) {
	t.Helper()
	if err := d.store.Close(); err != nil {
		t.Fatal(err)
	}
}

func (d *house) reads(f func(*guard.State)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f(d.state)
}

func (d *house) takeStep() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	step := d.stepped
	d.stepped = 0
	return step
}

func (d *house) happens(e *guard.Event) (*store.Ticket, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	ticket, err := d.writer.Append(e)
	if err == nil {
		guard.Apply(d.state, e)
	}
	return ticket, err
}

// says has an event happen now.
func (d *house) says(t testing.TB, e *guard.Event) {
	t.Helper()
	e.At, e.Actor = guard.TimeOf(time.Now()), "root"
	e.Key = fmt.Sprintf("%s:%s:%d", e.Kind, e.Account, time.Now().UnixNano())
	if _, err := d.happens(e); err != nil {
		t.Fatal(err)
	}
}

// runs runs a part of the gate until the test ends.
func runs(t *testing.T, part func(context.Context) error) {
	ctx, cancel := context.WithCancel(t.Context())
	var joined sync.WaitGroup
	joined.Go(func() {
		if err := part(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); joined.Wait() })
}

// hear takes a line of the log.
func (d *house) hear(text []byte) {
	var line maillog.Line
	maillog.Parse(text, &line)
	d.Hear(text, &line)
}

// must says a verb as an operator.
func must(t testing.TB, d *house, verb string, request any) any {
	t.Helper()
	if x, is := request.(ctl.AccountChange); is && verb == "account/allow" {
		d.says(t, &guard.Event{Kind: guard.KindAllowed, Account: x.Account, Listing: &guard.Listing{Since: guard.TimeOf(time.Now())}})
		return nil
	}
	if x, is := request.(ctl.Name); is && verb == "account/lock" {
		d.says(t, &guard.Event{Kind: guard.KindLocked, Account: x.Account})
		return nil
	}
	body, err := json.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := d.answer(t.Context(), "root", verb, body)
	if err != nil {
		t.Fatalf("%s: %v", verb, err)
	}
	return reply
}

// answer is what the daemon's desk does with the verbs that are the gate's.
func (d *house) answer(ctx context.Context, actor, verb string, body []byte) (any, error) {
	var ban ctl.BanRequest
	var source ctl.SourceRequest
	var protect ctl.ProtectRequest
	for of, r := range map[string]any{"ban/add": &ban, "ban/remove": &ban, "allow/add": &ban, "allow/remove": &ban, "source/show": &source, "account/protect": &protect} {
		if of == verb {
			if err := json.Unmarshal(body, r); err != nil {
				return nil, err
			}
		}
	}
	switch verb {
	case "ban/add":
		return d.AddBan(ctx, actor, ban)
	case "ban/remove":
		return d.RemoveBan(ctx, actor, ban)
	case "allow/add", "allow/remove":
		return d.ChangeAllowed(ctx, actor, verb, ban)
	case "allow/list":
		return d.Allowed(), nil
	case "source/show":
		return d.Source(source)
	case "account/protect":
		return d.Protect(ctx, actor, protect)
	}
	return nil, fmt.Errorf("no verb %q", verb)
}
