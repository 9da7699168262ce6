package mailauth

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"testing"

	"postward/internal/wire/dns"
)

// counting notes what is asked.
type counting struct {
	dns.Resolver
	mu    sync.Mutex
	asked map[string]int
}

func (c *counting) Lookup(ctx context.Context, name string, kind dns.Type) dns.Answer {
	c.mu.Lock()
	if c.asked == nil {
		c.asked = map[string]int{}
	}
	c.asked[fmt.Sprintf("%s %s", name, kind)]++
	c.mu.Unlock()
	return c.Resolver.Lookup(ctx, name, kind)
}

// questions is how many were asked, like ones too.
func (c *counting) questions() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, times := range c.asked {
		n += times
	}
	return n
}

// spfOf is an SPF check by itself.
func spfOf(t *testing.T, r dns.Resolver, client netip.Addr, helo, mailbox string) SPF {
	m := &Mail{asks: remember(r)}
	defer m.ahead.Wait()
	return checkSPF(t.Context(), m.asks, m.askAhead(t.Context(), m.asks), client, helo, mailbox)
}
