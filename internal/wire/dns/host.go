package dns

import (
	"context"
	"net/netip"
	"os"
	"sync"
	"time"
)

// Host is a Resolver that asks as this host does, also after resolv.conf has changed. While that cannot be read, or names
// nobody, every question ends with Failure. It may be used by many goroutines.
type Host struct {
	mu     sync.Mutex
	client *Client
	err    error
	looked time.Time // at the file
	is     time.Time // when that was changed last
}

// lookAgain is how old what is known of resolv.conf may be.
const lookAgain = 10 * time.Second

// Err is why nobody can be asked, or nil.
func (h *Host) Err() error {
	_, err := h.now()
	return err
}

// now returns the client for resolv.conf as it is, or was a moment ago.
func (h *Host) now() (*Client, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.looked).Abs() < lookAgain {
		return h.client, h.err
	}
	h.looked = time.Now()
	info, err := os.Stat(ResolvConf)
	if err == nil && h.client != nil && info.ModTime().Equal(h.is) {
		return h.client, nil
	}
	if err == nil {
		h.is = info.ModTime()
	}
	client, err := HostClient()
	if h.err = err; err == nil || h.client == nil {
		h.client = client
	}
	return h.client, h.err
}

// ask has the client answer, if there is one.
func (h *Host) ask(question func(*Client) Answer) Answer {
	c, _ := h.now()
	if c == nil {
		return Answer{Outcome: Failure}
	}
	return question(c)
}

// Addresses is Client's.
func (h *Host) Addresses(ctx context.Context, name string) Answer {
	return h.ask(func(c *Client) Answer { return c.Addresses(ctx, name) })
}

// TXT is Client's.
func (h *Host) TXT(ctx context.Context, name string) Answer {
	return h.ask(func(c *Client) Answer { return c.TXT(ctx, name) })
}

// MX is Client's.
func (h *Host) MX(ctx context.Context, name string) Answer {
	return h.ask(func(c *Client) Answer { return c.MX(ctx, name) })
}

// PTR is Client's.
func (h *Host) PTR(ctx context.Context, addr netip.Addr) Answer {
	return h.ask(func(c *Client) Answer { return c.PTR(ctx, addr) })
}

// Lookup is Client's.
func (h *Host) Lookup(ctx context.Context, name string, t Type) Answer {
	return h.ask(func(c *Client) Answer { return c.Lookup(ctx, name, t) })
}
