package gate

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"postward/internal/lists/dnsbl"
)

// loginLists are the blocklists that are asked about a stranger who wants to log in: those whose listings say that an address
// guesses passwords, or uses stolen ones.
type loginLists struct {
	mu      sync.Mutex
	lists   []*dnsbl.List
	checker *dnsbl.Checker
	asking  chan struct{} // one for each question that is on its way
}

// A login waits so long for the lists, and goes on without them; the question itself may take longer, for the next time.
const (
	loginListsWait = 200 * time.Millisecond
	loginListsTime = 5 * time.Second
	maxAskingLists = 64
)

// set is who is asked from here on.
func (l *loginLists) set(lists []*dnsbl.List, checker *dnsbl.Checker) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lists, l.checker = lists, checker
	if l.asking == nil {
		l.asking = make(chan struct{}, maxAskingLists)
	}
}

// has returns the title of a list that has the client; empty: none has it, or none says so in time.
func (l *loginLists) has(ctx context.Context, client netip.Addr, t time.Time) string {
	l.mu.Lock()
	lists, checker, asking := l.lists, l.checker, l.asking
	l.mu.Unlock()
	if len(lists) == 0 {
		return ""
	}
	select {
	case asking <- struct{}{}:
	default:
		return "" // too many wait for an answer: a resolver that is away must not pile them up
	}
	found := make(chan string, 1)
	go func() {
		defer func() { <-asking }()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loginListsTime)
		defer cancel()
		found <- listedBy(checker.AskAll(ctx, t, lists, dnsbl.Address(client)), lists)
	}()
	wait := time.NewTimer(loginListsWait)
	defer wait.Stop()
	select {
	case title := <-found:
		return title
	case <-wait.C:
	case <-ctx.Done():
	}
	return ""
}

func listedBy(results []dnsbl.Result, lists []*dnsbl.List) string {
	for i := range results {
		if results[i].Outcome == dnsbl.Listed {
			return lists[i].Title
		}
	}
	return ""
}

// AskLists says which lists are asked about strangers from here on, and who asks them.
func (g *Gate) AskLists(lists []*dnsbl.List, checker *dnsbl.Checker) { g.lists.set(lists, checker) }
