package dns

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	mdns "github.com/miekg/dns"
)

func TestEveryOutcomeIsTold(t *testing.T) {
	soa := rr(t, "example. 300 IN SOA ns. host. 1 2 3 4 60")
	cases := []struct {
		name   string
		change func(m *mdns.Msg, udp bool) *mdns.Msg
		want   Outcome
	}{
		{"answered", func(m *mdns.Msg, _ bool) *mdns.Msg { m.Answer = rr(t, "a.example. 60 A 192.0.2.1"); return m }, Answered},
		{"an A of another name", func(m *mdns.Msg, _ bool) *mdns.Msg {
			m.Answer, m.Ns = rr(t, "b.example. 60 A 192.0.2.1"), soa
			return m
		}, NoData},
		{"no data", func(m *mdns.Msg, _ bool) *mdns.Msg { m.Ns = soa; return m }, NoData},
		{"no such name", func(m *mdns.Msg, _ bool) *mdns.Msg { m.Rcode, m.Ns = mdns.RcodeNameError, soa; return m }, NoName},
		{"refused", func(m *mdns.Msg, _ bool) *mdns.Msg { m.Rcode = mdns.RcodeRefused; return m }, Refused},
		{"server failure", func(m *mdns.Msg, _ bool) *mdns.Msg { m.Rcode = mdns.RcodeServerFailure; return m }, Failure},
		{"a referral", func(m *mdns.Msg, _ bool) *mdns.Msg { m.Ns = rr(t, "example. NS ns.example."); return m }, Failure},
		{"silence", func(*mdns.Msg, bool) *mdns.Msg { return nil }, Timeout},
		{"another ID", func(m *mdns.Msg, _ bool) *mdns.Msg { m.Id++; return m }, Lying},
		{"another question", func(m *mdns.Msg, _ bool) *mdns.Msg { m.Question[0].Name = "b.example."; return m }, Lying},
		{"another type", func(m *mdns.Msg, _ bool) *mdns.Msg { m.Question[0].Qtype = mdns.TypeTXT; return m }, Lying},
		{"no question", func(m *mdns.Msg, _ bool) *mdns.Msg { m.Question = nil; return m }, Lying},
		{"a question back", func(m *mdns.Msg, _ bool) *mdns.Msg { m.Response = false; return m }, Lying},
		{"a loop", func(m *mdns.Msg, _ bool) *mdns.Msg {
			m.Answer = rr(t, "a.example. CNAME b.example.", "b.example. CNAME A.example.")
			return m
		}, Lying},
		{"another ID over TCP", func(m *mdns.Msg, udp bool) *mdns.Msg {
			if m.Truncated = udp; !udp {
				m.Id++
			}
			return m
		}, Lying},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := client(t, served(t, says(nil, c.change))).Lookup(within(t, time.Minute), "A.example", A)
			if a.Outcome != c.want {
				t.Errorf("%s, want %s", a.Outcome, c.want)
			}
			if (a.Outcome == Answered) != (len(a.Addrs) == 1) {
				t.Errorf("addresses %v", a.Addrs)
			}
		})
	}
}

func TestOctetsThatAreNoMessageAreALie(t *testing.T) {
	config := served(t, func(w mdns.ResponseWriter, r *mdns.Msg) {
		_, _ = w.Write([]byte{byte(r.Id >> 8), byte(r.Id), 0x81, 0x80, 0, 1, 0xff, 0xff, 0, 0, 0, 0, 0xc0, 0x0c})
	})
	if a := client(t, config).TXT(within(t, time.Minute), "a.example"); a.Outcome != Lying {
		t.Errorf("%s", a.Outcome)
	}
}

func TestAForgeryBeforeTheReplyIsPassedOver(t *testing.T) {
	config := served(t, func(w mdns.ResponseWriter, r *mdns.Msg) {
		m := new(mdns.Msg)
		m.SetReply(r)
		m.Id++
		m.Answer = rr(t, "a.example. 60 A 203.0.113.66")
		_ = w.WriteMsg(m)
		m.Id--
		m.Answer = rr(t, "a.example. 60 A 192.0.2.1")
		_ = w.WriteMsg(m)
	})
	a := client(t, config).Lookup(within(t, time.Minute), "a.example", A)
	if a.Outcome != Answered || a.Addrs[0] != netip.MustParseAddr("192.0.2.1") {
		t.Errorf("%s %v", a.Outcome, a.Addrs)
	}
}

func TestACutReplyIsAskedForOverTCP(t *testing.T) {
	long := strings.Repeat("x", 250)
	answer := slices.Repeat(rr(t, "a.example. 60 TXT "+long), 240)
	config := served(t, says(nil, func(m *mdns.Msg, udp bool) *mdns.Msg {
		if m.Truncated = udp; !udp {
			m.Answer = answer
		}
		return m
	}))
	a := client(t, config).TXT(within(t, time.Minute), "a.example")
	if a.Outcome != Answered || len(a.Texts) != 240 || a.Texts[0] != long || a.Incomplete {
		t.Errorf("%s, %d texts", a.Outcome, len(a.Texts))
	}
}

func TestADatagramLongerThanTheBufferIsCut(t *testing.T) {
	answer := slices.Repeat(rr(t, "a.example. 60 TXT "+strings.Repeat("x", 250)), 60)
	config := served(t, says(nil, func(m *mdns.Msg, _ bool) *mdns.Msg {
		m.Answer = answer
		return m
	}))
	if a := client(t, config).TXT(within(t, time.Minute), "a.example"); a.Outcome != Answered || len(a.Texts) != 60 {
		t.Errorf("%s, %d texts", a.Outcome, len(a.Texts))
	}
}

func TestAReplyOf64KiBIsBounded(t *testing.T) {
	config := served(t, says(nil, func(m *mdns.Msg, udp bool) *mdns.Msg {
		if m.Truncated = udp; udp {
			return m
		}
		m.Compress = true
		for i := range 3900 {
			m.Answer = append(m.Answer, &mdns.A{Hdr: mdns.RR_Header{Name: "a.example.", Rrtype: mdns.TypeA, Class: 1, Ttl: 60},
				A: net.IPv4(127, 0, byte(i>>8), byte(i))})
		}
		return m
	}))
	a := client(t, config).Lookup(within(t, time.Minute), "a.example", A)
	if a.Outcome != Answered || len(a.Addrs) != MaxRecords || !a.Incomplete {
		t.Errorf("%s, %d addresses, incomplete %v", a.Outcome, len(a.Addrs), a.Incomplete)
	}
}

func TestADeadServerDoesNotEatTheOthersTime(t *testing.T) {
	dead := served(t, says(nil, func(*mdns.Msg, bool) *mdns.Msg { return nil }))
	alive := served(t, says(nil, func(m *mdns.Msg, _ bool) *mdns.Msg { m.Answer = rr(t, m.Question[0].Name+" 60 A 192.0.2.1"); return m }))
	dead.Servers, dead.Timeout = append(dead.Servers, alive.Servers...), 30*time.Second
	c := client(t, dead)
	begin := time.Now()
	if a := c.Lookup(within(t, 2*time.Second), "a.example", A); a.Outcome != Answered {
		t.Fatalf("%s after %s", a.Outcome, time.Since(begin))
	}
	if c.first.Load() != 1 {
		t.Error("the dead server is asked first again")
	}
}

func TestAServerThatDoesNotKnowEDNSIsAskedWithout(t *testing.T) {
	config := served(t, func(w mdns.ResponseWriter, r *mdns.Msg) {
		m := new(mdns.Msg)
		if r.IsEdns0() != nil {
			m.SetRcode(r, mdns.RcodeFormatError)
			m.Question = nil
		} else {
			m.SetReply(r)
			m.Answer = rr(t, "a.example. 60 A 192.0.2.1")
		}
		_ = w.WriteMsg(m)
	})
	if a := client(t, config).Lookup(within(t, time.Minute), "a.example", A); a.Outcome != Answered {
		t.Errorf("%s", a.Outcome)
	}
}

func TestLikeQuestionsAreAskedOnceAndRemembered(t *testing.T) {
	var asked atomic.Int32
	open := make(chan struct{})
	config := served(t, says(&asked, func(m *mdns.Msg, _ bool) *mdns.Msg {
		<-open
		m.Rcode, m.Ns = mdns.RcodeNameError, rr(t, "example. 300 IN SOA ns. host. 1 2 3 4 60")
		return m
	}))
	config.Timeout = 5 * time.Second
	c := client(t, config)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if a := c.Lookup(within(t, time.Minute), "none.example", A); a.Outcome != NoName {
				t.Errorf("%s", a.Outcome)
			}
		})
	}
	close(open)
	all.Wait()
	if a := c.Lookup(within(t, time.Minute), "none.example.", A); a.Outcome != NoName || a.TTL <= 0 || a.TTL > time.Minute {
		t.Errorf("%s for %s", a.Outcome, a.TTL)
	}
	if asked.Load() != 1 {
		t.Errorf("asked %d times", asked.Load())
	}
}

func TestWhoHasMorePatienceAsksAgain(t *testing.T) {
	var asked atomic.Int32
	config := served(t, says(&asked, func(m *mdns.Msg, _ bool) *mdns.Msg {
		if asked.Load() == 1 {
			return nil
		}
		m.Answer = rr(t, "a.example. 60 A 192.0.2.1")
		return m
	}))
	config.Timeout = 5 * time.Second
	c := client(t, config)
	short := make(chan Answer)
	go func() { short <- c.Lookup(within(t, 100*time.Millisecond), "a.example", A) }()
	for c.flying() == 0 {
		time.Sleep(time.Millisecond)
	}
	if a := c.Lookup(within(t, time.Minute), "a.example", A); a.Outcome != Answered {
		t.Errorf("the patient one: %s", a.Outcome)
	}
	if a := <-short; a.Outcome != Timeout {
		t.Errorf("the hasty one: %s", a.Outcome)
	}
}

func (c *Client) flying() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.flights)
}

func TestTheBitOfAFarServerCountsOnlyWhenTrusted(t *testing.T) {
	config := served(t, says(nil, func(m *mdns.Msg, _ bool) *mdns.Msg {
		m.AuthenticatedData, m.Answer = true, rr(t, "a.example. 60 A 192.0.2.1")
		return m
	}))
	if a := client(t, config).Lookup(within(t, time.Minute), "a.example", A); !a.Authentic {
		t.Error("this host's server is not trusted")
	}
	far := Config{Servers: append(config.Servers, netip.MustParseAddrPort("192.0.2.53:53")), Attempts: 1, Timeout: time.Second}
	if a := client(t, far).Lookup(within(t, time.Minute), "a.example", A); a.Authentic {
		t.Error("a far server is trusted without trust-ad")
	}
	far.TrustAD = true
	if a := client(t, far).Lookup(within(t, time.Minute), "a.example", A); !a.Authentic {
		t.Error("trust-ad does not count")
	}
}

func TestANameThatDNSCannotCarryIsNotAsked(t *testing.T) {
	var asked atomic.Int32
	c := client(t, served(t, says(&asked, func(m *mdns.Msg, _ bool) *mdns.Msg { return m })))
	for _, name := range []string{"", "a..b", "a b.example", "a\n.example", "bücher.example", strings.Repeat("a", 64) + ".example", strings.Repeat("abcdefg.", 32) + "example"} {
		if a := c.TXT(within(t, time.Second), name); a.Outcome != NoName {
			t.Errorf("%q: %s", name, a.Outcome)
		}
	}
	if asked.Load() != 0 {
		t.Errorf("asked %d times", asked.Load())
	}
}

func TestAnEndedContextIsATimeout(t *testing.T) {
	c := client(t, served(t, says(nil, func(*mdns.Msg, bool) *mdns.Msg { return nil })))
	begin := time.Now()
	if a := c.Addresses(within(t, 50*time.Millisecond), "a.example"); a.Outcome != Timeout {
		t.Errorf("%s", a.Outcome)
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestAnErrorSaysTheOutcomeInPackageNetsWords(t *testing.T) {
	a := Answer{Outcome: NoName}
	var is *net.DNSError
	if err := a.Err("evil\x1b[31m.example", TXT); !errors.As(err, &is) || !is.IsNotFound || is.IsTemporary ||
		err.Error() != `ask for TXT of evil\027\09131m.example: no such name` {
		t.Errorf("%v", err)
	}
	a.Outcome = Timeout
	if err := a.Err("a.example", A); !errors.As(err, &is) || !is.IsTimeout || !is.IsTemporary {
		t.Errorf("%v", err)
	}
}

func TestAClientDoesNotPrintWhatItWasAsked(t *testing.T) {
	c := client(t, served(t, says(nil, func(m *mdns.Msg, _ bool) *mdns.Msg { m.Answer = rr(t, "secret.example. 60 A 192.0.2.1"); return m })))
	c.Lookup(within(t, time.Minute), "secret.example", A)
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, c); strings.Contains(text, "secret") {
			t.Errorf("%s prints %s", format, text)
		}
	}
}

func TestWhoeverHasNoAuthorityIsNotBelievedWhereItIsAskedFor(t *testing.T) {
	soa := rr(t, "example. 300 IN SOA ns. host. 1 2 3 4 60")
	for _, c := range []struct {
		name          string
		authoritative bool
		rcode         int
		answer        []mdns.RR
		want          Outcome
	}{
		{"its own", true, mdns.RcodeSuccess, rr(t, "a.example. 60 A 192.0.2.1"), Answered},
		{"its own nothing", true, mdns.RcodeNameError, nil, NoName},
		{"a cache's", false, mdns.RcodeSuccess, rr(t, "a.example. 60 A 192.0.2.1"), Failure},
		{"a cache's nothing", false, mdns.RcodeNameError, nil, Failure},
		{"refused", false, mdns.RcodeRefused, nil, Refused},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var wanted atomic.Bool
			config := served(t, func(w mdns.ResponseWriter, r *mdns.Msg) {
				wanted.Store(r.RecursionDesired)
				m := new(mdns.Msg).SetRcode(r, c.rcode)
				m.Authoritative, m.RecursionAvailable, m.Answer = c.authoritative, true, c.answer
				if c.answer == nil {
					m.Ns = soa
				}
				_ = w.WriteMsg(m) // who asked may be gone
			})
			config.Authority = true
			if a := client(t, config).Lookup(within(t, time.Minute), "a.example", A); a.Outcome != c.want || wanted.Load() {
				t.Errorf("%s, want %s; recursion is asked for: %v", a.Outcome, c.want, wanted.Load())
			}
			config.Authority = false
			if a := client(t, config).Lookup(within(t, time.Minute), "a.example", A); !wanted.Load() || c.rcode != mdns.RcodeRefused && !a.Outcome.Known() {
				t.Errorf("a resolver is not asked as one: %s", a.Outcome)
			}
		})
	}
}
