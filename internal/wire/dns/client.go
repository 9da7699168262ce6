package dns

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// maxAtOnce is how many questions are on their way at a time; the others wait for a place, or for their context.
// More than some 250 small datagrams at once do not fit into the buffer of a server's socket as Linux makes it
// (net.core.rmem_default), and what is lost there costs a whole try.
const maxAtOnce = 128

// Client asks the servers of a Config. The mutex owns the cache and the flights.
type Client struct {
	config  Config
	trusted bool
	first   atomic.Int32 // the server that answered last
	places  chan struct{}

	mu      sync.Mutex
	cache   *cache
	flights map[question]*flight
}

// flight is a question on its way that others with the same question wait for.
type flight struct {
	done   chan struct{}
	answer Answer // valid when done
	cut    bool   // whoever asked had less patience than the servers were given
}

// New returns a client. A config without servers, attempts or a timeout is an error of the caller.
func New(c Config) (*Client, error) {
	if len(c.Servers) == 0 || c.Attempts < 1 || c.Timeout <= 0 {
		return nil, errors.New("make a DNS client: the configuration has no server, no attempts or no timeout")
	}
	return &Client{config: c, trusted: c.trusted(), places: make(chan struct{}, maxAtOnce),
		cache: newCache(), flights: make(map[question]*flight)}, nil
}

// String names no more than what the client is: what it was asked is not for logs.
func (c *Client) String() string { return "DNS client" }

// GoString is String.
func (c *Client) GoString() string { return c.String() }

// Servers returns whom the client asks.
func (c *Client) Servers() []netip.AddrPort {
	return append([]netip.AddrPort(nil), c.config.Servers...)
}

// Trusted reports whether the servers' word counts that an answer is validated.
func (c *Client) Trusted() bool { return c.trusted }

// Addresses is Resolver's.
func (c *Client) Addresses(ctx context.Context, name string) Answer {
	six := make(chan Answer, 1)
	go func() { six <- c.Lookup(ctx, name, AAAA) }()
	four := c.Lookup(ctx, name, A)
	return both(four, <-six)
}

// TXT is Resolver's.
func (c *Client) TXT(ctx context.Context, name string) Answer { return c.Lookup(ctx, name, TXT) }

// MX is Resolver's.
func (c *Client) MX(ctx context.Context, name string) Answer { return c.Lookup(ctx, name, MX) }

// PTR is Resolver's.
func (c *Client) PTR(ctx context.Context, addr netip.Addr) Answer {
	return c.Lookup(ctx, ReverseName(addr), PTR)
}

// Lookup is Resolver's. A name that DNS cannot carry does not exist: nobody is asked.
func (c *Client) Lookup(ctx context.Context, name string, t Type) Answer {
	name, ok := Canonical(name)
	if !ok {
		return Answer{Outcome: NoName}
	}
	q := question{name, t}
	for {
		if ctx.Err() != nil {
			return Answer{Outcome: Timeout}
		}
		f, a, mine := c.board(q)
		if f == nil {
			return a
		}
		if mine {
			return c.fly(ctx, q, f)
		}
		select {
		case <-ctx.Done():
			return Answer{Outcome: Timeout}
		case <-f.done:
		}
		if !f.cut { // else it is our turn
			return f.answer
		}
	}
}

// board returns what the cache knows (and no flight), or the flight of q; mine when it is the caller's to fly.
func (c *Client) board(q question) (f *flight, a Answer, mine bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a, ok := c.cache.get(q, time.Now()); ok {
		return nil, a, false
	}
	if f = c.flights[q]; f != nil {
		return f, Answer{}, false
	}
	f = &flight{done: make(chan struct{})}
	c.flights[q] = f
	return f, Answer{}, true
}

// fly asks, and tells everybody who waits.
func (c *Client) fly(ctx context.Context, q question, f *flight) Answer {
	f.answer, f.cut = Answer{Outcome: Timeout}, true // until ask says otherwise
	defer func() {
		c.mu.Lock()
		delete(c.flights, q)
		c.cache.put(q, f.answer, time.Now())
		c.mu.Unlock()
		close(f.done)
	}()
	select {
	case c.places <- struct{}{}:
		defer func() { <-c.places }()
	case <-ctx.Done():
		return f.answer
	}
	f.answer, f.cut = c.ask(ctx, q)
	return f.answer
}

// ask tries one server after the other, beginning with the one that answered last, until one knows. The time that
// is left is shared among the tries that are left, so a dead server does not eat the others' part. A server that
// refused or failed is not asked again, one that was silent is. cut says that a timeout is the context's, which left
// less than the configuration gives.
func (c *Client) ask(ctx context.Context, q question) (a Answer, cut bool) {
	servers := c.config.Servers
	worst, answered := Answer{Outcome: Timeout}, make([]bool, len(servers))
	first := int(c.first.Load())
	if c.config.Rotate {
		first = int(c.first.Add(1)&0xffff) % len(servers)
	}
	for try, tries := 0, c.config.Attempts*len(servers); try < tries && ctx.Err() == nil; try++ {
		n := (first + try) % len(servers)
		if answered[n] {
			continue
		}
		patience := c.patience(ctx, tries-try)
		cut = cut || patience < c.config.Timeout
		if a = c.try(ctx, servers[n], q, patience); a.Outcome.Known() {
			if !c.config.Rotate {
				c.first.Store(int32(n))
			}
			a.Authentic = a.Authentic && c.trusted
			return a, false
		}
		answered[n] = a.Outcome != Timeout
		if a.rank() > worst.rank() {
			worst = a
		}
	}
	return worst, worst.Outcome == Timeout && (cut || ctx.Err() != nil)
}

// patience is how long the next of so many tries may take.
func (c *Client) patience(ctx context.Context, tries int) time.Duration {
	if deadline, ok := ctx.Deadline(); ok {
		return min(c.config.Timeout, time.Until(deadline)/time.Duration(tries))
	}
	return c.config.Timeout
}

func (c *Client) try(ctx context.Context, server netip.AddrPort, q question, patience time.Duration) Answer {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return exchange(ctx, server, q, &c.config)
}
