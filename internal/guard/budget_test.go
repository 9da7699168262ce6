package guard

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// attack is a random way to send through one account, and the ledger of what was let through, kept by the test
// itself: what counts as never seen is decided here, not by the State.
type attack struct {
	world
	mu      sync.Mutex
	rng     *rand.Rand
	account string
	sent    map[string][]string // recipients by Transaction.ID
	seen    map[string]bool     // recipients of mail that passed or was released
	let     []entry
}

type entry struct {
	at         Time
	tier       Tier
	unfamiliar bool
	new        int
	known      []string
}

var attackSources = []struct {
	addr, country string
	asn           uint32
}{
	{"198.51.100.7", "CH", 64500}, // the owner's own
	{"198.51.100.99", "CH", 64500},
	{"203.0.113.80", "VN", 64501},
	{"203.0.113.81", "VN", 64501},
	{"203.0.113.200", "BR", 64502},
	{"192.0.2.77", "CH", 64503}, // in the operator's networks
	{"2001:db8:1::1", "CH", 64504},
}

func newAttack(t *testing.T, seed uint64) *attack {
	a := &attack{world: *newWorld(t), rng: rand.New(rand.NewPCG(seed, 1)), account: "anna", sent: map[string][]string{}, seen: map[string]bool{}}
	if seed%4 != 0 { // the budgets must hold without the score; with it, too
		p := *a.state.policy
		p.Modes = maps.Clone(p.Modes)
		p.Modes[Score] = Shadow
		a.apply(Event{Key: "no score", Kind: KindPolicy, Policy: &p})
	}
	a.allow("anna")
	if a.rng.IntN(2) == 0 {
		a.owner()
	}
	return a
}

// owner gives the account a history from its own address.
func (a *attack) owner() {
	for range 5 {
		for i := range 3 {
			m := a.mail(a.account, attackSources[0].addr, fmt.Sprintf("friend%d@far.example", i))
			m.ASN, m.Country = attackSources[0].asn, attackSources[0].country
			a.sent[m.ID] = m.Recipients
			a.submit(m)
		}
		a.pass(3 * time.Minute)
		a.learnReleased()
		a.now = a.now.Add(21 * time.Hour)
	}
}

// submit judges and applies under one mutex, and writes the ledger from the verdict's action alone.
func (a *attack) submit(m *Transaction) {
	a.mu.Lock()
	defer a.mu.Unlock()
	m.At = a.now
	j := newJudgement(a.state, m, a.account)
	e := entry{at: a.now, tier: j.tier, unfamiliar: j.unfamiliar()}
	for _, r := range m.Recipients {
		if a.seen[r] {
			e.known = append(e.known, r)
		} else {
			e.new++
		}
	}
	v := Judge(a.state, m)
	Apply(a.state, &Event{Key: "judged:" + m.ID, Kind: KindJudged, At: a.now, Transaction: m, Verdict: &v})
	if v.Action == Accept || v.Cool {
		a.let = append(a.let, e)
	}
	if v.Action == Accept && (v.Would != Hold || v.Cool) { // what shadow mode would have held teaches nobody anything
		a.see(m)
	}
}

func (a *attack) see(m *Transaction) {
	for _, r := range m.Recipients {
		a.seen[r] = true
	}
}

// learnReleased is the ledger's view of mail that cooled and went: its recipients are no strangers any more.
func (a *attack) learnReleased() {
	for _, m := range a.state.mails {
		if m.Status == MailReleased || m.Status == MailRemoved {
			for _, r := range a.sent[m.ID] {
				a.seen[r] = true
			}
		}
	}
}

// violation returns the first rolling day or ten days in which more left than the budgets allow.
func (a *attack) violation() string {
	b := a.state.policy.Budget
	own := max(b.NetworkAndProgram, b.Newcomer, b.FamiliarMax)
	for _, over := range []struct {
		days   int
		limits [3]int // by tier, everything that is worse included
		known  int    // different ones, from unfamiliar sources
	}{
		{1, [3]int{b.Unfamiliar, b.Network, own}, b.KnownFromUnfamiliar},
		{10, [3]int{b.UnfamiliarTen, b.NetworkTen, b.FamiliarTen}, b.KnownTen},
	} {
		for i, first := range a.let {
			var fresh [3]int
			known := map[string]bool{}
			for _, e := range a.let[i:] {
				if e.at.Sub(first.at) >= time.Duration(over.days)*24*time.Hour {
					break
				}
				for t := e.tier; t <= TierOwn; t++ {
					fresh[t.at()] += e.new
				}
				for _, r := range e.known {
					known[r] = known[r] || e.unfamiliar
				}
			}
			for t, n := range fresh {
				if n > over.limits[t] {
					return fmt.Sprintf("from %s, %d days: %d never-seen recipients from tiers up to %d, budget %d", first.at, over.days, n, t, over.limits[t])
				}
			}
			if n := len(slices.DeleteFunc(slices.Collect(maps.Keys(known)), func(r string) bool { return !known[r] })); n > over.known {
				return fmt.Sprintf("from %s, %d days: %d known recipients from unfamiliar sources", first.at, over.days, n)
			}
		}
	}
	return ""
}

// run sends up to 60 mails at a random rate, from one or many sources, to one or many recipients each.
func (a *attack) run() {
	gap := time.Duration(float64(time.Hour) * a.rng.ExpFloat64() / []float64{1, 2, 20, 300, 3000}[a.rng.IntN(5)])
	pool := 1 + a.rng.IntN(200)
	bcc := []int{1, 1, 1, 3, 50}[a.rng.IntN(5)]
	sources := attackSources[a.rng.IntN(len(attackSources)):]
	parallel := 1 + a.rng.IntN(4)
	for range 60 / parallel {
		var batch []*Transaction
		for range parallel {
			src := sources[a.rng.IntN(len(sources))]
			var to []string
			for range 1 + a.rng.IntN(bcc) {
				to = append(to, fmt.Sprintf("v%d@far.example", a.rng.IntN(pool)))
			}
			m := a.mail(a.account, src.addr, to...)
			m.ASN, m.Country, m.Mailer = src.asn, src.country, "mailer"
			m.Fingerprint = uint64(a.rng.IntN(3)) * 0x9e3779b97f4a7c15 // one of two texts, or none
			batch = append(batch, m)
		}
		a.all(batch)
		a.now = a.now.Add(time.Duration(float64(gap) * (0.5 + a.rng.Float64())))
		a.settle()
	}
}

func (a *attack) all(batch []*Transaction) {
	var wg sync.WaitGroup
	for _, m := range batch {
		a.sent[m.ID] = m.Recipients
		wg.Go(func() { a.submit(m) })
	}
	wg.Wait()
}

// settle does what is due now, as the daemon's tick does.
func (a *attack) settle() {
	for _, e := range Due(a.state, a.now).Events {
		Apply(a.state, &e)
	}
	for _, f := range Due(a.state, a.now.Add(effectLease)).Effects {
		Apply(a.state, &Event{Kind: KindOutcome, At: a.now, Effect: f.ID, Outcome: Done})
	}
	a.learnReleased()
}

// TestBudgetsHoldByConstruction is lock 1 as a property: whatever an attacker does, in any rolling day no more
// never-seen recipients than the budget get a mail.
func TestBudgetsHoldByConstruction(t *testing.T) {
	attacks := 10_000
	if testing.Short() {
		attacks = 500
	}
	let := 0
	for seed := range uint64(attacks) {
		a := newAttack(t, seed)
		a.run()
		if broken := a.violation(); broken != "" {
			t.Fatalf("attack %d: %s", seed, broken)
		}
		let += len(a.let)
	}
	if let < attacks {
		t.Errorf("only %d mails of %d attacks passed: the attacks attack nothing", let, attacks)
	}
	t.Logf("%d attacks, %d mails let through within the budgets", attacks, let)
}
