package dnsbl

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"postward/internal/wire/dns"
	"postward/test/world"
)

// asks is a client that asks a name server on loopback, which answers so.
func asks(t testing.TB, answer mdns.HandlerFunc) *dns.Client {
	t.Helper()
	c, err := dns.New(dns.Config{Servers: []netip.AddrPort{world.Serve(t, answer)}, Timeout: time.Second, Attempts: 1})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// behaves is a name server on which each zone is as its first label says.
func behaves(w mdns.ResponseWriter, r *mdns.Msg) {
	m := new(mdns.Msg)
	m.SetReply(r)
	name, kind := strings.ToLower(r.Question[0].Name), r.Question[0].Qtype
	_, udp := w.RemoteAddr().(*net.UDPAddr)
	is := func(zone string) bool { return strings.HasSuffix(name, "."+zone+".test.") }
	listed := strings.HasPrefix(name, "2.0.0.127.") || strings.HasPrefix(name, "8.7.6.5.")
	a := func(addr string) {
		m.Answer = append(m.Answer, &mdns.A{Hdr: mdns.RR_Header{Name: name, Rrtype: mdns.TypeA, Class: 1, Ttl: 300}, A: net.ParseIP(addr)})
	}
	switch {
	case is("silent"):
		return
	case is("refuses"):
		m.Rcode = mdns.RcodeRefused
	case is("fails"):
		m.Rcode = mdns.RcodeServerFailure
	case is("rewritten"):
		a("198.51.100.80")
	case is("wrong-id"):
		m.Id++
		a("127.0.0.2")
	case is("wrong-question"):
		m.Question[0].Name = "2.0.0.127.elsewhere.test."
		a("127.0.0.2")
	case is("loop"):
		m.Answer = append(m.Answer, &mdns.CNAME{Hdr: mdns.RR_Header{Name: name, Rrtype: mdns.TypeCNAME, Class: 1, Ttl: 300}, Target: name})
	case is("cut") && udp:
		m.Truncated = true
	case !listed:
		m.Rcode = mdns.RcodeNameError
	case kind == mdns.TypeTXT && is("long") && udp:
		m.Truncated = true
	case kind == mdns.TypeTXT && is("long"):
		for range 220 {
			m.Answer = append(m.Answer, &mdns.TXT{Hdr: mdns.RR_Header{Name: name, Rrtype: kind, Class: 1, Ttl: 300}, Txt: []string{strings.Repeat("x", 255)}})
		}
	case kind == mdns.TypeTXT:
		m.Answer = append(m.Answer, &mdns.TXT{Hdr: mdns.RR_Header{Name: name, Rrtype: kind, Class: 1, Ttl: 300}, Txt: []string{`\027[2J<b>why</b>`}})
	default:
		a("127.0.0.2")
	}
	_ = w.WriteMsg(m) // who asked may be gone
}

// plain is a list as an operator would add it.
func plain(zone string) *List {
	code, _ := parseCode("127.0.0.2")
	code.Means = "listed"
	return &List{Name: zone, Title: zone, Role: Block, Kinds: []Kind{IPv4}, Zones: []string{zone + ".test"}, Codes: []Code{code},
		Status: Status{State: Alive}, Terms: Terms{Access: Free}}
}

func TestOverTheWire(t *testing.T) {
	c := New(asks(t, behaves), Options{})
	cases := []struct {
		zone   string
		want   Outcome
		health Condition
	}{
		{"good", Listed, Sound}, {"long", Listed, Sound}, {"cut", Listed, Sound}, {"silent", Unknown, Silent}, {"fails", Unknown, Silent},
		{"refuses", Refused, Refusing}, {"rewritten", Lies, Lying}, {"wrong-id", Lies, Lying}, {"wrong-question", Lies, Lying}, {"loop", Lies, Lying},
	}
	var lists []*List
	for _, c := range cases {
		lists = append(lists, plain(c.zone))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	begin := time.Now()
	for i, r := range c.AskAll(ctx, now, lists, host) {
		if r.Outcome != cases[i].want || r.Health != cases[i].health || r.List != cases[i].zone {
			t.Errorf("%s: %+v", cases[i].zone, r)
		}
		if strings.ContainsAny(r.Reason+r.Why, "\x1b\x00") || len(r.Reason) > maxReason || (r.Reason == "") == (r.Outcome == Listed) {
			t.Errorf("%s: reason %q", cases[i].zone, r.Reason)
		}
	}
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("took %s: a silent list holds the others up", took)
	}
}

// BenchmarkAHundredLists is a check of an address at a hundred sound lists that nobody asked before.
func BenchmarkAHundredLists(b *testing.B) {
	var lists []*List
	for i := range 100 {
		lists = append(lists, plain("good.l"+string(rune('a'+i/10))+string(rune('a'+i%10))))
	}
	for b.Loop() {
		r := asks(b, func(w mdns.ResponseWriter, r *mdns.Msg) {
			m := new(mdns.Msg)
			m.SetRcode(r, mdns.RcodeNameError)
			if strings.HasPrefix(r.Question[0].Name, "2.0.0.127.") {
				m.Rcode = mdns.RcodeSuccess
				m.Answer = []mdns.RR{&mdns.A{Hdr: mdns.RR_Header{Name: r.Question[0].Name, Rrtype: mdns.TypeA, Class: 1, Ttl: 300}, A: net.IPv4(127, 0, 0, 2)}}
			}
			_ = w.WriteMsg(m)
		})
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		for _, word := range New(r, Options{}).AskAll(ctx, now, lists, host) {
			if word.Outcome != Clear {
				b.Fatalf("%+v", word)
			}
		}
		cancel()
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		if _, err := Load(""); err != nil {
			b.Fatal(err)
		}
	}
}
