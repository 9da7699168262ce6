package check

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"postward/internal/lists/dnsbl"
	"postward/internal/wire/dns"
	"postward/test/world"
)

// slackTime is what a check may take longer than its time: a busy machine.
const slackTime = 3 * time.Second

// harmless looks whether a report can be shown anywhere.
func harmless(t *testing.T, r *Report) {
	t.Helper()
	for _, f := range r.Findings {
		texts := []string{f.Subject, f.Seen}
		if f.Mend != nil {
			texts = append(texts, f.Mend.Do)
			for _, record := range append(f.Mend.Add, f.Mend.Remove...) {
				texts = append(texts, record.String())
			}
			for _, command := range f.Mend.Set {
				texts = append(texts, command)
				if !plain(command) {
					t.Errorf("%s: a command that does something else: %.300q", f.ID, command)
				}
			}
		}
		for _, text := range texts {
			if strings.ContainsFunc(text, func(c rune) bool { return !unicode.IsPrint(c) }) || len(text) > 4096 {
				t.Errorf("%s: %d octets: %.300q", f.ID, len(text), text)
			}
		}
	}
	var page bytes.Buffer
	if err := r.HTML(&page); err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"<script>alert", "\x1b"} {
		if i := strings.Index(page.String(), bad); i >= 0 {
			t.Errorf("the page has %q: %.300q", bad, page.String()[max(0, i-100):])
		}
	}
	if _, err := json.Marshal(r); err != nil {
		t.Error(err)
	}
}

// command is what a shell takes word by word: bare words, and quoted ones in which nothing ends the quotes.
var command = regexp.MustCompile(`^([A-Za-z0-9_./:=+ -]|'[A-Za-z0-9_./:=+$>,!@ -]*')+$`)

// plain reports whether a command does nothing but what it says.
func plain(c string) bool { return command.MatchString(c) }

// crafted is a name that DNS carries and a shell would take for two commands.
const crafted = `x\'|{touch,/tmp/pwned}&#.example.org.`

// TestANameFromTheDNSRunsNothing: an exchanger's name is a stranger's text, and a mend is copied into a root shell.
func TestANameFromTheDNSRunsNothing(t *testing.T) {
	for _, kind := range []world.Fault{world.BannerLocalhost, world.BannerMismatch} {
		s, err := world.StartSMTP(world.SMTPConfig{Addr: "127.0.0.1:0", Name: "x", Fault: kind, Domains: []string{"example.org"}, CA: authority(t)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		m := &world.Map{}
		if err := s.Place(m, mx2); err != nil {
			t.Fatal(err)
		}
		w := newWorld()
		w.hosts, w.stand, w.target.HELO = map[string]broken{}, m, "localhost"
		f := fault{take: []string{"example.org. MX"}, put: []string{"example.org. MX 10 " + crafted, crafted + " A 192.0.2.26"}}
		f.plant(t, w)
		r := Report{Findings: w.check(t)}
		if got := ids(r.Findings); !slices.Contains(got, "smtp.banner") && !slices.Contains(got, "smtp.name") || !slices.Contains(got, "address.helo-syntax") {
			t.Errorf("found %v", got)
		}
		harmless(t, &r)
	}
}

// hostileZone says things at every name that a check asks for.
func hostileZone() string {
	evil := `\027[2J\027]0;owned\007<script>alert(1)</script>"; ` + strings.Repeat("A", 120)
	long := strings.Repeat(strings.Repeat("x", 63)+".", 3)
	var b strings.Builder
	for _, name := range []string{"@", "mail._domainkey", "_dmarc", "_mta-sts", "_smtp._tls", "default._bimi", "*"} {
		for _, begin := range []string{"v=spf1 ", "v=DKIM1; p=", "v=DMARC1; p=", "v=STSv1; id=", "v=TLSRPTv1; rua=", "v=BIMI1; l="} {
			b.WriteString(name + " TXT \"" + begin + strings.ReplaceAll(evil, `"`, `\"`) + "\"\n")
		}
	}
	b.WriteString("@ SOA ns h 1 1 1 1 1\n@ MX 1 mx1\n@ MX 2 " + long + "example.org.\n@ CAA 128 x \"" + strings.ReplaceAll(evil, `"`, `\"`) + "\"\nmx1 A 192.0.2.25\n_25._tcp.mx1 TLSA 3 1 1 00\nmta-sts A 192.0.2.27\n")
	return b.String()
}

func TestWhatStrangersSayIsHarmlessAndBounded(t *testing.T) {
	t.Parallel() // it waits most of the time
	server, err := world.StartServer("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	long := strings.Repeat(strings.Repeat("y", 63)+".", 3) + strings.Repeat("z", 61) + "."
	for apex, text := range map[string]string{"example.org.": hostileZone(), "2.0.192.in-addr.arpa.": "@ SOA ns h 1 1 1 1 1\n25 PTR " + long + "\n"} {
		if err := server.SetZone(apex, text); err != nil {
			t.Fatal(err)
		}
	}
	config, err := dns.ParseConfig(strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	config.Servers = []netip.AddrPort{server.Addr()}
	for _, kind := range []world.Kind{world.Honest, world.Silent, world.Refuse, world.ServFail, world.NoName, world.WrongQuestion, world.WrongID, world.Garbage,
		world.Rewrite, world.Everything, world.Code, world.Truncate, world.Huge, world.Loop, world.Chain} {
		t.Run(string(kind), func(t *testing.T) {
			server.Behave(".", world.Behaviour{Kind: kind})
			client, err := dns.New(config)
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			c := Config{Resolver: client, Servers: config.Servers, Lists: someLists(t), Checker: dnsbl.New(client, dnsbl.Options{}), Connect: true, Dial: nobody, Now: testNow}
			r := Run(t.Context(), c, Target{Domain: "example.org", Addrs: addrs("192.0.2.25"), Selectors: []string{"mail"}}, nil)
			if took := time.Since(began); took > DefaultTimeout+slackTime {
				t.Errorf("it took %v", took)
			}
			if len(r.Findings) == 0 || len(r.Findings) > 200 {
				t.Errorf("%d findings", len(r.Findings))
			}
			harmless(t, &r)
		})
	}
}

func nobody(_ context.Context, network, _ string) (net.Conn, error) {
	return nil, &net.OpError{Op: "dial", Net: network, Err: net.ErrClosed}
}

// TestServersThatNeverEnd: what connects is held up, drop by drop or with more than anybody reads.
func TestServersThatNeverEnd(t *testing.T) {
	t.Parallel() // it waits most of the time
	for name, talk := range map[string]func(net.Conn) bool{
		"an endless banner": func(c net.Conn) bool {
			_, err := c.Write([]byte("220-\x1b[31m" + strings.Repeat("<b>", 100) + "\r\n"))
			return err == nil
		},
		"an octet a moment": func(c net.Conn) bool {
			_, err := c.Write([]byte("2"))
			time.Sleep(20 * time.Millisecond)
			return err == nil
		},
		"an endless line": func(c net.Conn) bool {
			_, err := c.Write(bytes.Repeat([]byte("x"), 4096))
			return err == nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.hosts = map[string]broken{}
			zone, err := dns.ParseZone(strings.NewReader(strings.Join(w.lines, "\n")+"\n"), ".", "world")
			if err != nil {
				t.Fatal(err)
			}
			dial := func(context.Context, string, string) (net.Conn, error) {
				ours, theirs := net.Pipe()
				go func() {
					for talk(theirs) {
					}
					theirs.Close()
				}()
				return ours, nil
			}
			began := time.Now()
			r := Run(t.Context(), Config{Resolver: zone, Connect: true, Dial: dial, Now: testNow}, w.target, nil)
			if took := time.Since(began); took > DefaultTimeout+slackTime {
				t.Errorf("it took %v", took)
			}
			harmless(t, &r)
		})
	}
}

// TestNothingAtHomeIsConnectedTo: a domain's owner chooses which addresses its names lead to, also some in our own network.
func TestNothingAtHomeIsConnectedTo(t *testing.T) {
	at := map[string]string{"10.0.0.1": "A", "127.0.0.1": "A", "0.0.0.1": "A", "169.254.169.254": "A", "240.0.0.1": "A",
		"::ffff:10.0.0.1": "AAAA", "64:ff9b::a00:1": "AAAA", "2002:a00:1::1": "AAAA", "fd00::1": "AAAA", "fe80::1": "AAAA", "::1": "AAAA"}
	for a, kind := range at {
		w := newWorld()
		f := hosted(fault{take: []string{"mta-sts.", "mx1.example.org. A", "mx2.example.org. A"}, put: []string{"mta-sts.example.org. " + kind + " " + a, "mx1.example.org. " + kind + " " + a}})
		f.plant(t, w)
		zone, err := dns.ParseZone(strings.NewReader(strings.Join(w.lines, "\n")+"\n"), ".", "world")
		if err != nil {
			t.Fatal(err)
		}
		dial := func(_ context.Context, _, address string) (net.Conn, error) {
			t.Errorf("%s was connected to", address)
			return nil, errors.New("not here")
		}
		Run(t.Context(), Config{Resolver: zone, Connect: true, Dial: dial, Now: testNow}, w.target, nil)
	}
}

// TestAKeyIsNowhereShown: the key of a list is part of the names that are asked for, and stands in nothing that is made of
// the answers.
func TestAKeyIsNowhereShown(t *testing.T) {
	t.Parallel() // it waits most of the time
	const secret = "abcdefghijklmnopqrstuvwx26"
	key, err := dnsbl.NewKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	set, err := dnsbl.Load("")
	if err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]dns.Outcome{"listed": dns.Answered, "silent": dns.Timeout, "failing": dns.Failure, "refusing": dns.Refused} {
		w := newWorld()
		for _, list := range []string{"zen", "dbl"} {
			w.lines = append(w.lines, "2.0.0.127."+secret+"."+list+".dq.spamhaus.net. A 127.0.0.2", "25.2.0.192."+secret+"."+list+".dq.spamhaus.net. A 127.0.0.2",
				"25.2.0.192."+secret+"."+list+`.dq.spamhaus.net. TXT "see `+secret+`"`)
			if o != dns.Answered {
				w.fail[secret+"."+list+".dq.spamhaus.net"] = o
			}
		}
		zone, err := dns.ParseZone(strings.NewReader(strings.Join(w.lines, "\n")+"\n"), ".", "world")
		if err != nil {
			t.Fatal(err)
		}
		for at, o := range w.fail {
			zone.Fail(at, o)
		}
		c := Config{Resolver: zone, Lists: set, Checker: dnsbl.New(zone, dnsbl.Options{Keys: map[string]dnsbl.Key{"spamhaus": key}}), Now: testNow}
		r := Run(t.Context(), c, w.target, nil)
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var page bytes.Buffer
		if err := r.HTML(&page); err != nil {
			t.Fatal(err)
		}
		listed := slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.ID == "lists.listed" && strings.Contains(f.Subject, "spamhaus-zen") })
		if listed != (o == dns.Answered) {
			t.Errorf("%s: with the key, listed: %v", name, listed)
		}
		if strings.Contains(string(text)+page.String(), secret) {
			t.Errorf("%s: the key is shown in\n%s", name, text)
		}
	}
}

// TestAPolicyThatIsTooLargeIsShownInPart: a stranger's record may have a thousand terms, and each a fault.
func TestAPolicyThatIsTooLargeIsShownInPart(t *testing.T) {
	w := newWorld()
	var words []string
	for i := range 500 {
		words = append(words, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i / 250), byte(i % 250), 0}), 24).String())
	}
	f := spfRecord("", own+" ip4:"+strings.Join(words, " ip4:")+" -all")
	f.plant(t, w)
	var private []Finding
	for _, f := range w.check(t) {
		if f.ID == "spf.private" {
			private = append(private, f)
		}
	}
	if len(private) != maxSame || !strings.HasSuffix(private[maxSame-1].Seen, ", and 480 more") {
		t.Errorf("%d findings; the last: %+v", len(private), private[len(private)-1])
	}
}
