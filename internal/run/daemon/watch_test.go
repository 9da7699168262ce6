package daemon

import (
	"strings"
	"testing"
	"time"

	"postward/internal/guard"
	"postward/internal/lists/dnsbl"
	"postward/internal/run/notify"
	"postward/internal/wire/dns"
	"postward/test/rig"
)

// A listing is told once, over a restart too, and so is its end; both stand in the journal.
func TestAListingIsToldWhenItBeginsAndWhenItEnds(t *testing.T) {
	dir := t.TempDir()
	const sound = "2.0.0.127.bl.spamcop.net. A 127.0.0.2\n"
	zone := func(text string) dns.Resolver {
		z, err := dns.ParseZone(strings.NewReader(text), ".", "lists")
		if err != nil {
			t.Fatal(err)
		}
		return z
	}
	clear, listed := zone(sound), zone(sound+"25.2.0.192.bl.spamcop.net. A 127.0.0.2\n")
	set := spamcopAlone(t)
	at := time.Now()
	round := func(r dns.Resolver) (troubles []string, due int) {
		t.Helper()
		d := begin(t, dir)
		defer end(t, d)
		d.config.Watch.Names = []string{"192.0.2.25", "example.org"}
		l, err := d.newLists(t.Context(), set, dnsbl.New(r, dnsbl.Options{}))
		if err != nil {
			t.Fatal(err)
		}
		at = at.Add(4 * time.Hour)
		l.begun = at.Add(-time.Hour)
		d.askLists(t.Context(), l, at)
		return d.troubles.List(), len(d.troubles.Due(1, time.Now()))
	}
	if troubles, _ := round(clear); len(troubles) != 0 {
		t.Fatalf("%q", troubles)
	}
	troubles, due := round(listed)
	if len(troubles) != 1 || due != 1 || !strings.Contains(troubles[0], "192.0.2.25 is listed by SpamCop") || !strings.Contains(troubles[0], "postward lists show spamcop") {
		t.Fatalf("%q, %d to tell", troubles, due)
	}
	if troubles, _ := round(listed); len(troubles) != 1 {
		t.Fatalf("after a restart: %q", troubles)
	}
	if troubles, _ := round(zone("")); len(troubles) != 1 {
		t.Fatalf("a list that is dead cleared it: %q", troubles)
	}
	if troubles, _ := round(clear); len(troubles) != 1 {
		t.Fatalf("believed at once: %q", troubles)
	}
	if troubles, _ := round(clear); len(troubles) != 0 {
		t.Fatalf("%q", troubles)
	}
	d := begin(t, dir)
	defer end(t, d)
	var recorded []string
	for r, err := range d.store.Tail(t.Context(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		if k := r.Event.Kind; k == guard.KindListed || k == guard.KindCleared {
			recorded = append(recorded, string(k)+" "+r.Event.Text)
		}
	}
	if len(recorded) != 2 || !strings.HasPrefix(recorded[0], "listed 192.0.2.25 on spamcop: 127.0.0.2") || recorded[1] != "cleared 192.0.2.25 on spamcop" {
		t.Errorf("the journal has %q", recorded)
	}
}

// A listing that nobody could be told of is told later, over a restart and another resolver; one that was told is not.
func TestAListingIsToldUntilSomebodyIsReached(t *testing.T) {
	dir, set, at := t.TempDir(), spamcopAlone(t), time.Now()
	z, err := dns.ParseZone(strings.NewReader("2.0.0.127.bl.spamcop.net. A 127.0.0.2\n25.2.0.192.bl.spamcop.net. A 127.0.0.2\n"), ".", "lists")
	if err != nil {
		t.Fatal(err)
	}
	start := func() (*Daemon, *lists) {
		d := begin(t, dir)
		d.config.Watch.Names = []string{"192.0.2.25"}
		if d.notify, err = notify.New(notify.Channels{Command: []string{"/bin/false"}}); err != nil {
			t.Fatal(err)
		}
		l, err := d.newLists(t.Context(), set, dnsbl.New(z, dnsbl.Options{}))
		if err != nil {
			t.Fatal(err)
		}
		return d, l
	}
	d, l := start()
	l.begun = at.Add(-time.Hour)
	d.askLists(t.Context(), l, at)
	end(t, d)
	d, _ = start() // nobody was reached before
	if due := d.troubles.Due(1, time.Now()); len(due) != 1 {
		t.Fatalf("after a restart nobody is told: %v", due)
	}
	if l, err = d.newLists(t.Context(), set, dnsbl.New(z, dnsbl.Options{})); err != nil || len(d.troubles.Due(1, time.Now())) != 1 {
		t.Fatalf("with another resolver nobody is told: %v", err)
	}
	for key, x := range d.troubles.Due(1, time.Now()) {
		d.troubles.Took(key, x, []int{0})
	}
	d.askLists(t.Context(), l, at.Add(time.Second))
	if _, err = d.newLists(t.Context(), set, dnsbl.New(z, dnsbl.Options{})); err != nil || len(d.troubles.Due(1, time.Now())) != 0 {
		t.Errorf("told twice with another resolver: %v", err)
	}
	end(t, d)
	d, _ = start()
	if due := d.troubles.Due(1, time.Now()); len(due) != 0 || len(d.troubles.List()) != 1 {
		t.Errorf("told twice after a restart: %v", due)
	}
	end(t, d)
}

// spamcopAlone is the set with one list that is asked.
func spamcopAlone(t *testing.T) *dnsbl.Set { return alone(t, "spamcop") }

// alone are the lists of which one alone is asked.
func alone(t *testing.T, name string) *dnsbl.Set {
	t.Helper()
	known, err := dnsbl.Load("")
	if err != nil {
		t.Fatal(err)
	}
	text := "lists:\n"
	for _, l := range known.All() {
		if l.Name != name {
			text += "  - {name: " + l.Name + ", status: {state: dead, note: not in this test}}\n"
		}
	}
	set, err := dnsbl.Load(rig.WriteDir(t, map[string]string{"lists.yaml": text}))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestListsThatCannotBeAskedAreATrouble(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	d.config.Watch.Names = []string{"no domain"}
	if l := d.beginLists(t.Context(), time.Time{}); l != nil {
		t.Fatal("there is a watch")
	}
	if all := d.troubles.List(); len(all) != 1 || !strings.Contains(all[0], "blocklists are not asked") || !strings.Contains(all[0], "systemctl reload postward") {
		t.Errorf("%q", all)
	}
	d.config.Watch.Names = []string{"example.org"}
	if l := d.beginLists(t.Context(), time.Time{}); l == nil || len(d.troubles.List()) != 0 {
		t.Errorf("%+v, %q", l, d.troubles.List())
	}
}
