package mailauth

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"postward/internal/wire/dns"
	"postward/test/world"
)

// rrs makes those of zone file lines.
func rrs(t testing.TB, lines ...string) (all []mdns.RR) {
	t.Helper()
	for _, line := range lines {
		rr, err := mdns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rr)
	}
	return all
}

// aliases lead from a name through so many others.
func aliases(t testing.TB, name string, n int) (all []mdns.RR) {
	t.Helper()
	for range n {
		next := "x." + name
		all = append(all, rrs(t, name+" 300 IN CNAME "+next)...)
		name = next
	}
	return all
}

// faults are what a name server does wrong: what it makes of a reply that says nothing yet; nil is silence.
func faults(t testing.TB) map[string]func(m *mdns.Msg, udp bool) *mdns.Msg {
	code := func(rcode int) func(*mdns.Msg, bool) *mdns.Msg {
		return func(m *mdns.Msg, _ bool) *mdns.Msg { m.Rcode = rcode; return m }
	}
	with := func(answer func(name string) []mdns.RR) func(*mdns.Msg, bool) *mdns.Msg {
		return func(m *mdns.Msg, _ bool) *mdns.Msg { m.Answer = answer(m.Question[0].Name); return m }
	}
	refers := func(zone string) func(*mdns.Msg, bool) *mdns.Msg {
		return func(m *mdns.Msg, _ bool) *mdns.Msg {
			m.Ns = rrs(t, zone+" 300 IN NS ns.elsewhere.example.")
			return m
		}
	}
	return map[string]func(m *mdns.Msg, udp bool) *mdns.Msg{
		"SERVFAIL":                       code(mdns.RcodeServerFailure),
		"lame: it refuses":               code(mdns.RcodeRefused),
		"lame: it refers to another":     refers("author.example."),
		"lame: it refers to the root":    refers("."),
		"FORMERR, with and without EDNS": code(mdns.RcodeFormatError),
		"NOTIMP":                         code(mdns.RcodeNotImplemented),
		"a code that nobody knows":       code(13),
		"silence":                        func(*mdns.Msg, bool) *mdns.Msg { return nil },
		"two aliases of each other": with(func(name string) []mdns.RR {
			return rrs(t, name+" 300 IN CNAME y."+name, "y."+name+" 300 IN CNAME "+name)
		}),
		"an alias of itself":    with(func(name string) []mdns.RR { return rrs(t, name+" 300 IN CNAME "+name) }),
		"a chain of 20 aliases": with(func(name string) []mdns.RR { return aliases(t, name, 20) }),
		"another's ID":          func(m *mdns.Msg, _ bool) *mdns.Msg { m.Id++; return m },
		"another question":      func(m *mdns.Msg, _ bool) *mdns.Msg { m.Question[0].Name = "elsewhere.example."; return m },
		"cut, and silent over TCP": func(m *mdns.Msg, udp bool) *mdns.Msg {
			if m.Truncated = udp; !udp {
				return nil
			}
			return m
		},
	}
}

// faulty is a client of a server that does so below author.example, and knows no other name.
func faulty(t testing.TB, fault func(m *mdns.Msg, udp bool) *mdns.Msg) dns.Resolver {
	t.Helper()
	server := world.Serve(t, func(w mdns.ResponseWriter, q *mdns.Msg) {
		m := new(mdns.Msg).SetReply(q)
		_, udp := w.RemoteAddr().(*net.UDPAddr)
		if strings.HasSuffix(strings.ToLower(q.Question[0].Name), "author.example.") {
			m = fault(m, udp)
		} else {
			m.Rcode, m.Ns = mdns.RcodeNameError, rrs(t, ". 300 IN SOA ns. h. 1 3600 600 86400 300")
		}
		if m != nil {
			_ = w.WriteMsg(m) // who asked may be gone
		}
	})
	client, err := dns.New(dns.Config{Servers: []netip.AddrPort{server}, Timeout: time.Second, Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// TestAServersFaultIsATempError: whatever is wrong with the servers of an author's domain, his mail is not one that failed, and neither
// is a forger's; nothing is refused, and nobody waits longer than the deadline.
func TestAServersFaultIsATempError(t *testing.T) {
	const deadline, slack = 4 * time.Second, time.Second // the busy machine's
	for name, fault := range faults(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := house(t)
			c.Resolver, c.Deadline = faulty(t, fault), deadline
			for _, one := range []struct {
				mail *letter
				want string
			}{
				{from(t, "author.example").sign("author.example").by(authors, "mail.author.example", "-"),
					"spf=temperror helo=temperror iprev=permerror dkim=temperror arc=none dmarc=temperror accept [signed]"},
				{from(t, "author.example").by(stranger, "h", "-"), "spf=temperror helo=none iprev=permerror dkim= arc=none dmarc=temperror accept"},
				{from(t, "author.example").seal("author.example").by(stranger, "h", ""), "spf=none helo=none iprev=permerror dkim= arc=temperror dmarc=temperror accept [sealed]"},
			} {
				began := time.Now()
				r := one.mail.arrive(c)
				if got := r.told(); got != one.want {
					t.Errorf("\n     %s\nwant %s", got, one.want)
				}
				if took := time.Since(began); took > deadline+slack {
					t.Errorf("it took %s", took)
				}
			}
		})
	}
}

// TestAReplyAsLongAsCanBe: a domain with as much text as one message carries is judged by the record among it, and a policy as long as
// that is an error of its owner.
func TestAReplyAsLongAsCanBe(t *testing.T) {
	long := func(text string) string { // strings of 250 octets
		var b strings.Builder
		for i := 0; i < len(text); i += 250 {
			b.WriteString(` "` + text[i:min(i+250, len(text))] + `"`)
		}
		return b.String()
	}
	texts := map[string][]mdns.RR{
		"author.example.":        rrs(t, "author.example. 300 IN TXT"+long("v=spf1"+strings.Repeat(" ip4:192.0.2.1", 4300))),
		"_dmarc.author.example.": rrs(t, "_dmarc.author.example. 300 IN TXT"+long(strings.Repeat("x", 60000)), `_dmarc.author.example. 300 IN TXT "v=DMARC1; p=reject"`),
	}
	c := house(t)
	c.Resolver = faulty(t, func(m *mdns.Msg, udp bool) *mdns.Msg {
		if m.Truncated = udp; udp {
			return m
		}
		m.Answer = texts[m.Question[0].Name]
		return m
	})
	r := from(t, "author.example").by(authors, "h", "-").arrive(c)
	if want := "spf=permerror helo=none iprev=permerror dkim= arc=none dmarc=fail reject"; r.told() != want {
		t.Errorf("%s, want %s", r.told(), want)
	}
}
