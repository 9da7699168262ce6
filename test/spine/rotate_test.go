//go:build daemons

package spine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postward/test/rig"
)

// The name servers of example.org: BIND, a primary that postward may write to, and a secondary.
var (
	primary   = netip.MustParseAddr("127.0.0.1") // which is also whom the room asks
	secondary = netip.MustParseAddr(nextDoor)
)

// authority is the zone as its servers have it. Its answers are believed for seconds alone.
const authority = "$TTL 1\n@ MX 10 mail\nmail A 192.0.2.25\n"

// servers are the zone's, and the file of the key that may write into it.
type servers struct {
	second rig.NamedConfig
	key    string
}

// authorities starts the primary.
func authorities(t *testing.T) servers {
	t.Helper()
	if _, err := exec.LookPath("named"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("bind9 is not installed: test/setup.sh test")
		}
		t.Skip("bind9 is not installed: test/setup.sh test")
	}
	statement, err := exec.Command("tsig-keygen", "postward").Output()
	if err != nil {
		t.Fatal(err)
	}
	s := servers{key: filepath.Join(rig.WriteDir(t, map[string]string{"tsig.key": string(statement)}), "tsig.key")}
	zone := rig.NamedZone{Name: "example.org", Text: authority, Updates: rig.NamedGrant, Servers: []netip.Addr{primary, secondary}}
	above := rig.NamedZone{Name: "org", Servers: []netip.Addr{primary}} // for who walks up the tree
	rig.TestNamed(t, rig.NamedConfig{Addr: primary, Keys: string(statement), Zones: []rig.NamedZone{zone, above}})
	zone.Of = primary
	s.second = rig.NamedConfig{Addr: secondary, Zones: []rig.NamedZone{zone}}
	return s
}

// key is what is told of one.
type key struct{ Domain, Selector, Algorithm, State string }

// keys are those of example.org.
func (f *field) keys(t *testing.T) []key {
	t.Helper()
	var list struct{ Keys []key }
	if err := f.Ask(f.ctx, &list, "dkim", "key", "list"); err != nil {
		t.Fatal(err)
	}
	return list.Keys
}

// in are the selectors of the keys in a state, RSA's first.
func (f *field) in(t *testing.T, state string) (selectors []string) {
	t.Helper()
	for _, k := range f.keys(t) {
		if k.State == state {
			selectors = append(selectors, k.Selector)
		}
	}
	slices.SortFunc(selectors, func(a, b string) int { return strings.Compare(b, a) })
	return selectors
}

// look asks the name servers, and says what the keys have to be then.
func (f *field) look(t *testing.T, want string) {
	t.Helper()
	said := f.do(t, "dkim", "key", "look", "example.org")
	states := map[string]int{}
	for _, k := range f.keys(t) {
		states[k.State]++
	}
	text := strings.TrimPrefix(fmt.Sprint(states), "map")
	if text != want {
		t.Fatalf("the keys are %s, not %s:\n%s", text, want, said)
	}
}

// pass lets a time pass for the keys. Nobody can turn the clock of this machine; but what keys do depends on how long ago something
// was, and nothing else. So everything that was is so much longer ago: each time of their state, under their lock. Between two looks no
// more passes than between two looks of a daemon, as they take a longer time for a clock that leaps.
func (f *field) pass(t *testing.T, d time.Duration) {
	t.Helper()
	dir := filepath.Join(f.StateDir, "keys")
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if err := rewritten(filepath.Join(dir, "state.json"), d); err != nil {
		t.Fatal(err)
	}
}

// rewritten puts a state in the place of another, in which all was so much longer ago. It stays its owner's.
func rewritten(path string, d time.Duration) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var state struct {
		Version int              `json:"version"`
		Keys    []map[string]any `json:"keys"`
	}
	if err := json.Unmarshal(text, &state); err != nil {
		return err
	}
	for _, k := range state.Keys {
		for _, name := range []string{"since", "made", "until", "looked", "steady"} {
			if at, err := time.Parse(time.RFC3339, fmt.Sprint(k[name])); err == nil {
				k[name] = at.Add(-d).Format(time.RFC3339Nano)
			}
		}
	}
	if text, err = json.Marshal(state); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	owner := info.Sys().(*syscall.Stat_t)
	return errors.Join(os.WriteFile(path+".aged", text, 0o600), os.Chown(path+".aged", int(owner.Uid), int(owner.Gid)), os.Rename(path+".aged", path))
}

// flow is mail that flows all the while, and what two verifiers say of each when it arrives.
type flow struct {
	f *field
	o *opinions

	mu     sync.Mutex
	sent   []rig.Mail
	by     map[string]string // token to the selectors that signed it
	mails  map[string][]byte // by token, as they arrived
	failed []string
	seen   int // of the sink's deliveries
}

// write sends a mail of a person to a friend, until ctx ends.
func (w *flow) write(ctx context.Context, user string) {
	for n := 0; ctx.Err() == nil; n++ {
		w.one(w.f.client(user, office), user, bob, fmt.Sprintf("Letter %d of %s.\r\n", n, user))
		select {
		case <-ctx.Done():
		case <-time.After(250 * time.Millisecond): // as fast as he writes
		}
	}
}

// one sends one mail.
func (w *flow) one(c rig.Client, user, to, body string) rig.Mail {
	m := c.SendOne(context.WithoutCancel(w.f.ctx), rig.Mail{From: user + "@example.org", To: []string{to}, Body: body})
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, m)
	return m
}

// verify looks at each mail as soon as it arrives, until ctx ends.
func (w *flow) verify(ctx context.Context) {
	for ctx.Err() == nil {
		w.arrivals()
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// arrivals looks at what has arrived since.
func (w *flow) arrivals() {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.f.Sink.Deliveries()
	for _, d := range all[w.seen:] {
		w.mails[d.Token] = d.Head
		w.by[d.Token] = selectorsOf(d.Head)
		w.judge("as it arrived", d.Token)
	}
	w.seen = len(all)
}

// judge has both verifiers look at a mail: every signature holds, and there are two.
func (w *flow) judge(when, token string) {
	mail := w.mails[token]
	theirs, ours := w.o.dkimpy(mail), w.o.ours(mail)
	if theirs != ours || strings.Count(theirs, "=True") != 2 || strings.Count(theirs, "=") != 2 {
		w.failed = append(w.failed, fmt.Sprintf("%s: %s: dkimpy %q, postward %q", when, token, theirs, ours))
	}
}

// again looks at all mail that some selectors signed, and says how many they are.
func (w *flow) again(when, selectors string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for token, by := range w.by {
		if by == selectors {
			n++
			w.judge(when, token)
		}
	}
	return n
}

// count is how many mails some selectors signed.
func (w *flow) count(selectors string) (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, by := range w.by {
		if by == selectors {
			n++
		}
	}
	return n
}

// more waits until so many more mails that some selectors signed have arrived.
func (w *flow) more(t *testing.T, n int, selectors string) {
	t.Helper()
	n += w.count(selectors)
	w.f.wait(t, "mail signed by "+selectors, func() error {
		if got := w.count(selectors); got < n {
			return fmt.Errorf("%d of %d are there", got, n)
		}
		return nil
	})
}

// selectorsOf are those of a mail's signatures, as words.
func selectorsOf(mail []byte) string {
	var all []string
	header, _ := parted(mail)
	for _, h := range header {
		if h.Is("DKIM-Signature") {
			_, rest, _ := strings.Cut(h.Value, "s=")
			selector, _, _ := strings.Cut(rest, ";")
			all = append(all, strings.TrimSpace(selector))
		}
	}
	slices.SortFunc(all, func(a, b string) int { return strings.Compare(b, a) })
	return strings.Join(all, " ")
}

// TestARotationBreaksNoMail: keys are made, published, signed with, and followed by others, with the commands that a person has, at a
// zone that BIND serves, while people write. Each mail is verified when it arrives, and again in the last hour of its key: by dkimpy and
// by us. One was held since the days of the old key, and one was deferred then.
func TestARotationBreaksNoMail(t *testing.T) {
	o := opinionsOf(t)
	zone := authorities(t)
	second := rig.TestNamed(t, zone.second)
	f := attached(t, rig.PostwardConfig{Mode: "enforce", Settings: settings + "[dns]\nsenders = [\"192.0.2.25\"]\nkey_file = \"" + zone.key + "\"\n"})
	f.patiently(t)
	people := []string{"anna0", "anna1", "anna2", "anna3"}
	for _, user := range append(people, "anna", "bob") {
		f.do(t, "account", "allow", user)
	}
	f.do(t, "dkim", "key", "create", "example.org")
	f.look(t, "[made:2]") // nobody shows them
	f.do(t, "dns", "publish", "example.org", "--apply")
	f.look(t, "[published:2]")
	f.look(t, "[published:2]") // it may still be believed that they are not there
	f.pass(t, 5*time.Minute)
	f.look(t, "[active:2]")
	f.signs(t, "example.org")
	old := strings.Join(f.in(t, "active"), " ")

	w := &flow{f: f, o: o, by: map[string]string{}, mails: map[string][]byte{}}
	ctx, cancel := context.WithCancel(f.ctx)
	var writers, verifier sync.WaitGroup
	for _, user := range people {
		writers.Go(func() { w.write(ctx, user) })
	}
	looking, stop := context.WithCancel(f.ctx)
	verifier.Go(func() { w.verify(looking) })
	defer verifier.Wait()
	defer stop()
	defer writers.Wait()
	defer cancel()
	w.more(t, 4, old)
	held := w.one(f.client("anna", hotel), "anna", "x@strangers.example", "To a stranger, from a hotel.\r\n")
	if !f.isHeld(t, held.QueueID) {
		t.Fatalf("%d %s", held.Code, held.Reply)
	}
	f.Sink.Answer("late@example.net", rig.Answer{Code: 451, Text: "4.3.0 not now"})
	late := w.one(f.client("bob", office), "bob", "late@example.net", "He does not answer yet.\r\n")

	f.do(t, "dkim", "key", "rotate", "example.org")
	f.look(t, "[active:2 made:2]")
	if err := second.Stop(); err != nil {
		t.Error(err)
	}
	f.do(t, "dns", "publish", "example.org", "--apply", "--wait", "1s")
	f.look(t, "[active:2 made:2]") // one server is silent
	rig.TestNamed(t, zone.second)
	f.look(t, "[active:2 published:2]")
	w.more(t, 4, old)
	f.pass(t, 5*time.Minute)
	f.look(t, "[active:2 retiring:2]")
	next := strings.Join(f.in(t, "active"), " ")
	w.more(t, 4, next) // the daemon has seen it, and what it signed before has arrived
	f.Sink.Answer("late@example.net", rig.Answer{})
	f.wait(t, "the deferred mail to arrive", f.flushing(func() error {
		if f.Sink.Copies()[rig.Copy{Token: late.Token, To: "late@example.net"}] == 0 {
			return errors.New("it is not there")
		}
		return nil
	}))
	for range 29 {
		f.pass(t, 24*time.Hour)
		f.look(t, "[active:2 retiring:2]")
	}
	f.pass(t, 23*time.Hour)
	f.look(t, "[active:2 retiring:2]")
	f.do(t, "dns", "publish", "example.org", "--apply") // and takes nothing out
	f.do(t, "held", "release", held.QueueID, "--yes")
	f.arrived(t, held.Token)
	w.arrivals()
	before := w.again("in its last hour", old)
	if by := w.by[held.Token] + ", " + w.by[late.Token]; by != old+", "+old {
		t.Errorf("what waited is signed by %s, not %s", by, old)
	}
	f.pass(t, 2*time.Hour)
	f.look(t, "[active:2 removed:2]")
	f.do(t, "dns", "publish", "example.org", "--apply")
	f.look(t, "[active:2]") // the others are forgotten
	w.more(t, 4, next)
	cancel()
	writers.Wait()
	if err := f.Site.Postfix.WaitDelivered(f.ctx); err != nil {
		t.Error(err)
	}
	stop()
	verifier.Wait()
	w.arrivals()
	after := w.again("at the end", next)
	if before+after != len(w.mails) {
		t.Errorf("of %d mails %d are of the old keys and %d of the new", len(w.mails), before, after)
	}
	for _, why := range w.failed[:min(len(w.failed), 10)] {
		t.Error(why)
	}
	if len(w.failed) > 0 {
		t.Errorf("%d verifications failed", len(w.failed))
	}
	// The witnesses do look into the zone: without its record nothing holds.
	for _, said := range []string{o.dkimpy(w.mails[held.Token]), o.ours(w.mails[held.Token])} {
		if said == "" || strings.Contains(said, "=True") {
			t.Errorf("the old record is gone, and a verifier says %q", said)
		}
	}
	if ledger := f.account(t, w.sent); len(ledger.AtSink) != len(w.sent) {
		t.Error(ledger)
	}
	t.Logf("%d mails by the old keys, %d by the new", before, after)
	fmt.Printf("rotate: mails=%d failed=%d\n", len(w.mails), len(w.failed))
}
