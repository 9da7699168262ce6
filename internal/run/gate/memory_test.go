package gate

import (
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"postward/internal/guard/guess"
	"postward/internal/host/authpolicy"
	"postward/internal/run/ctl"
)

// clockSet is as if the clock had just been set by a step: what is remembered, and written, was reckoned before it.
func clockSet(d *house, step time.Duration) {
	d.Gate.mu.Lock()
	defer d.Gate.mu.Unlock()
	d.watch.Shift(-step)
	for b := range d.everyBan() { // also those whose rows were written before they were allowed
		d.keepBan(&b)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stepped += step
}

// left is for how long networks are banned still, in minutes.
func left(d *house) string {
	var all []string
	for _, b := range d.Bans().Bans {
		all = append(all, fmt.Sprintf("%s %.0f", b.Prefix, time.Until(b.Until).Minutes()))
	}
	return strings.Join(all, ", ")
}

// TestAStepOfTheClockLeavesABanItsTime: it neither ends at once nor lasts a day longer, also when postward is started again.
func TestAStepOfTheClockLeavesABanItsTime(t *testing.T) {
	for _, step := range []time.Duration{day, -day, 400 * day, -400 * day} {
		dir := t.TempDir()
		d := begin(t, dir)
		must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
		must(t, d, "ban/add", ctl.BanRequest{Network: netip.MustParsePrefix("203.0.113.77/32"), For: time.Hour})
		hears(t, d, guesses("203.0.113.10", "alarm")...)
		for range 7 {
			hears(t, d, guesses("203.0.113.9", "anna")...)
		}
		want := left(d)
		if want != "203.0.113.10/32 30, 203.0.113.77/32 60" && want != "203.0.113.77/32 60, 203.0.113.10/32 30" {
			t.Fatalf("banned: %s", want)
		}
		clockSet(d, step)
		if got := left(d); got != want {
			t.Errorf("a step of %s: %s", step, got)
		}
		<-d.Gate.moved // as the tending goroutine does
		d.Save(time.Now())
		end(t, d)
		d = begin(t, dir)
		if got := left(d); got != want {
			t.Errorf("a step of %s, and a start: %s", step, got)
		}
		hears(t, d, guesses("203.0.113.9", "anna")...)
		if got := listed(d); !strings.Contains(got, "203.0.113.9/32 passwords") {
			t.Errorf("a step of %s: what was tried before is forgotten: %s", step, got)
		}
		end(t, d)
	}
}

// TestAStepOfTheClockLeavesTheBanOfAnAllowedNetworkItsTime: it stands again, also after a start, when the network is not allowed any more.
func TestAStepOfTheClockLeavesTheBanOfAnAllowedNetworkItsTime(t *testing.T) {
	dir, network := t.TempDir(), ctl.BanRequest{Network: netip.MustParsePrefix("203.0.113.77/32"), For: time.Hour}
	d := begin(t, dir)
	must(t, d, "ban/add", network)
	must(t, d, "allow/add", network)
	clockSet(d, -day)
	if got := left(d); got != "" {
		t.Errorf("allowed, and banned: %s", got)
	}
	end(t, d)
	d = begin(t, dir)
	defer end(t, d)
	must(t, d, "allow/remove", network)
	if got := left(d); got != "203.0.113.77/32 60" {
		t.Errorf("banned, for so many minutes: %s", got)
	}
}

const day = 24 * time.Hour

// TestTheTimesOfBansAreTheClocksAlone: with the monotonic clock in them too, a step would count twice.
func TestTheTimesOfBansAreTheClocksAlone(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	must(t, d, "ban/add", ctl.BanRequest{Network: netip.MustParsePrefix("203.0.113.77/32"), For: time.Hour})
	d.report(&authpolicy.Attempt{Client: netip.MustParseAddr("203.0.113.10"), Account: "alarm", Protocol: "imap", Failure: "credentials"})
	bans := d.Gate.watch.Bans(time.Now())
	if len(bans) != 2 {
		t.Errorf("banned: %s", listed(d))
	}
	for _, b := range bans {
		if text := b.Until.String(); strings.Contains(text, "m=") {
			t.Errorf("%s until %s", b.Prefix, text)
		}
	}
}

// TestACrashForgetsAMinuteOfGuesses: what good logins and servers show waits for ten, and so does a large memory.
func TestACrashForgetsAMinuteOfGuesses(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	at := time.Now()
	saved := func(after time.Duration) bool {
		d.saveWhenDue(at.Add(after))
		return !d.Gate.changed
	}
	hears(t, d, guesses("203.0.113.9", "anna")...)
	if !saved(0) {
		t.Error("the first is not written")
	}
	hears(t, d, guesses("203.0.113.9", "anna")...)
	if saved(10*time.Second) || !saved(time.Minute) {
		t.Error("a guess is written at once, or not after a minute")
	}
	hears(t, d, reads("198.51.100.7", "anna"))
	if saved(3*time.Minute) || !saved(12*time.Minute) {
		t.Error("a good login is written at once, or not after ten minutes")
	}
}

func TestALargeMemoryIsWrittenLessOften(t *testing.T) {
	for octets, want := range map[int]time.Duration{0: time.Minute, 20 << 10: time.Minute, 100 << 10: 4*time.Minute + 23*time.Second, 1 << 20: 10 * time.Minute, 1 << 30: 10 * time.Minute} {
		if got := pauseAfter(octets).Truncate(time.Second); got != want {
			t.Errorf("%d octets: %s", octets, got)
		}
	}
}

// attacker is the so-manieth of a flood, each in a network of his own.
func attacker(n int) netip.Addr {
	return netip.AddrFrom4([4]byte{byte(20 + n>>16), byte(n >> 8), byte(n), 7})
}

// TestAFloodOfGuessersFillsNoMemoryAndTheNewestAreBanned: three lines each, as fast as they are read, and each tenth tries what nobody
// has; nobody tells the kernel meanwhile.
func TestAFloodOfGuessersFillsNoMemoryAndTheNewestAreBanned(t *testing.T) {
	lines := 1_000_000
	if os.Getenv("PROVE") != "" {
		lines = 10_000_000
	}
	if testing.Short() {
		lines = 60_000
	}
	d := begin(t, t.TempDir())
	defer end(t, d)
	peak, begun, n := uint64(0), heap(), 0
	for ; n < lines/3; n += floodBatch {
		flood(t, d, n)
		if n/floodBatch%50 == 0 {
			peak = max(peak, heap())
		}
	}
	peak = max(peak, heap())
	const bound = 96 << 20
	if peak-begun > bound {
		t.Errorf("%d lines take %d MiB", lines, (peak-begun)>>20)
	}
	t.Logf("%d lines of %d attackers: %d MiB at most, %d bans", lines, n, (peak-begun)>>20, len(d.Bans().Bans))
	if len(d.Gate.tell) > maxTell {
		t.Errorf("%d bans wait to be told", len(d.Gate.tell))
	}
	bans, _, all := d.takeNews()
	if all {
		want := d.standing()
		c := comparison{want: want, had: make([]bool, len(want))}
		bans = c.missing()
	}
	if len(bans) > guess.MaxBans {
		t.Errorf("%d bans", len(bans))
	}
	newest := netip.PrefixFrom(attacker((n-1)/10*10), 32)
	if all && d.Gate.watch.Ban(bans[0].Prefix).Since.Before(d.Gate.watch.Ban(newest).Since) { // lines are stamped by the second
		t.Errorf("of %d attackers the first that the kernel is told of is %s, and %s is newer", n, bans[0].Prefix, newest)
	}
	for i := n - min(n, 3000); i < n; i++ {
		if banned := d.Gate.watch.Banned(attacker(i), time.Now()) != nil; banned != (i%10 == 0) {
			t.Fatalf("of %d attackers number %d is banned: %t", n, i, banned)
		}
	}
	d.Gate.mu.Lock()
	d.forgetBans(time.Now())
	d.Gate.mu.Unlock()
	if err := d.writer.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	rows := 0
	for _, err := range d.store.Bans(t.Context()) {
		if rows++; err != nil {
			t.Fatal(err)
		}
	}
	if stand := d.Gate.watch.CountBans(time.Time{}); rows != stand {
		t.Errorf("%d rows of %d bans", rows, stand)
	}
}

// floodBatch is how many attackers a batch is of.
const floodBatch = 1300

// flood has the gate hear a batch, and wait for the disk, as the daemon does.
func flood(t *testing.T, d *house, from int) {
	t.Helper()
	stamp := time.Now().UTC().Format(time.RFC3339)
	for n := range floodBatch {
		name := "alarm"
		if (from+n)%10 > 0 {
			name = fmt.Sprintf("user%d", from+n)
		}
		for _, text := range guesses(attacker(from+n).String(), name) {
			d.hear([]byte(stamp + " mx " + text))
		}
	}
	if ticket := d.TakeNoted(); ticket != nil {
		if err := ticket.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// heap is what is in use, without what can be collected.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestAClockThatIsSetWhileTheMemoryIsCopied: who asks has the gate meanwhile, and all of what is written is in the new time.
func TestAClockThatIsSetWhileTheMemoryIsCopied(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	const sources = 20_000
	begun := time.Now()
	for n := range sources {
		for _, kind := range []guess.Kind{guess.Failed, guess.Taken} {
			d.Gate.watch.Take(guess.Attempt{Kind: kind, At: begun, Client: attacker(n), Account: "anna"})
		}
	}
	d.Gate.changed = true
	done := make(chan *guess.Memory, 1)
	go func() { done <- d.remembered(begun) }()
	for set := false; !set; {
		d.Gate.mu.Lock()
		if set = !d.Gate.changed; set { // it has begun
			d.mu.Lock()
			d.stepped = day
			d.mu.Unlock()
		}
		d.Gate.mu.Unlock()
	}
	saved, err := (<-done).Encode()
	if err != nil {
		t.Fatal(err)
	}
	w, err := guess.Restore(saved)
	if err != nil {
		t.Fatal(err)
	}
	for n := range sources {
		about := w.About(attacker(n), begun)
		if about.Last.Before(begun.Add(day-time.Minute)) || about.Sent.Before(begun.Add(day-time.Minute)) {
			t.Fatalf("number %d tried at %s, its mail was taken at %s", n, about.Last, about.Sent)
		}
	}
}
