package spf

import (
	"context"
	"strings"
	"sync"

	"postward/internal/wire/dns"
)

// Bounds of a walk. Beyond freeQuestions only that is asked which the first MaxLookups lookups of evaluation need, and
// that is at most 55 records (ten in the first round, nine in the second) and ten times 22 others.
const (
	MaxQuestions  = freeQuestions + 55 + 10*22
	freeQuestions = 60
	maxLookups    = 60 // lookups whose answer is followed
	maxDepth      = 12 // records on top of each other; evaluation reaches 11
	maxAtOnce     = 16
	maxRounds     = maxDepth + 8 // a record a round; then hosts and their addresses
)

// question is what is asked; name is in canonical form.
type question struct {
	name string
	t    dns.Type
}

// known is what was asked and came back. A record is read once.
type known struct {
	answers map[question]dns.Answer
	records map[string]Record // by text
}

// Walk asks for the policy of a domain and for all that it leads to. It returns when the context ends at the latest;
// what was not answered then is TempError.
func Walk(ctx context.Context, r dns.Resolver, domain string) *Tree {
	k := known{answers: make(map[question]dns.Answer), records: make(map[string]Record)}
	var b *builder
	for range maxRounds {
		b = build(&k, domain)
		if wanted := b.affordable(len(k.answers)); len(wanted) > 0 {
			k.ask(ctx, r, wanted)
			continue
		}
		break
	}
	b.root.Questions = len(k.answers)
	b.root.remark()
	return b.root
}

// ask asks every question at once, maxAtOnce at a time, and waits.
func (k *known) ask(ctx context.Context, r dns.Resolver, wanted []question) {
	answers := make([]dns.Answer, len(wanted))
	places := make(chan struct{}, maxAtOnce)
	var all sync.WaitGroup
	for i, q := range wanted {
		places <- struct{}{}
		all.Go(func() {
			defer func() { <-places }()
			answers[i] = one(ctx, r, q)
		})
	}
	all.Wait()
	for i, q := range wanted {
		k.answers[q] = answers[i]
	}
}

// one asks one question. A context that is over is a timeout, whatever the resolver makes of it.
func one(ctx context.Context, r dns.Resolver, q question) (a dns.Answer) {
	if ctx.Err() != nil {
		return dns.Answer{Outcome: dns.Timeout}
	}
	switch q.t {
	case dns.TXT:
		a = r.TXT(ctx, q.name)
	case dns.MX:
		a = r.MX(ctx, q.name)
	default:
		a = r.Lookup(ctx, q.name, q.t)
	}
	return a
}

// want is a question that a build missed.
type want struct {
	question
	record bool // it may lead to more records
	index  int  // how many lookups come before it in evaluation, with its own
}

// affordable is which of the missed questions are asked now, in the order of evaluation. What the first MaxLookups
// lookups need is always asked, but hosts only when no record before them can move them back any more.
func (b *builder) affordable(asked int) (now []question) {
	settled := true
	for _, w := range b.wants {
		settled = settled && !(w.record && w.index <= MaxLookups)
	}
	chosen := make(map[question]bool)
	for _, w := range b.wants {
		if chosen[w.question] {
			continue
		}
		free := asked+len(now) < freeQuestions
		forced := w.index <= MaxLookups && (w.record || settled)
		if free || forced {
			chosen[w.question] = true
			now = append(now, w.question)
		}
	}
	return now
}

// shown is a canonical name as it is shown: without the final dot.
func shown(canonical string) string {
	if canonical == "." {
		return canonical
	}
	return strings.TrimSuffix(canonical, ".")
}
