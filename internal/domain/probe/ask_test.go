package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience ends the conversations that nothing else ends, and plenty those that something else has to end, however busy the machine is.
const patience, plenty = 700 * time.Millisecond, time.Minute

func TestEveryFaultHasItsName(t *testing.T) {
	a := newAuthority(t)
	good := a.serves(t, newKey(t))
	at := func(step string, act func(*net.TCPConn)) *host {
		return &host{tls: good, instead: map[string]func(*net.TCPConn){step: act}}
	}
	cases := []struct {
		name string
		host *host
		want string // Problem.Step and Fault; empty: none
		tls  string // StartTLS.Step and Fault
	}{
		{"nothing wrong", &host{tls: good}, "", ""},
		{"no STARTTLS", &host{}, "", "STARTTLS: not offered"},
		{"no banner", at("connect", silent), "greeting: timeout", ""},
		{"closed without a banner", at("connect", hangUp), "greeting: closed", ""},
		{"an endless banner", at("connect", forever("220-more\r\n")), "greeting: too much", ""},
		{"an endless banner of long lines", at("connect", forever("220-"+strings.Repeat("x", 2000)+"\r\n")), "greeting: too much", ""},
		{"an endless line", at("connect", forever("220-xxx")), "greeting: too much", ""},
		{"an endless line of nothing", at("connect", forever("\x00\x00")), "greeting: not SMTP", ""},
		{"endless empty lines", at("connect", forever("\r\n")), "greeting: not SMTP", ""},
		{"octet by octet", at("connect", dropwise("220-slow\r\n")), "greeting: timeout", ""},
		{"half a banner", at("connect", says("220 mx.exam")), "greeting: timeout", ""},
		{"half a banner and a hang-up", at("connect", func(c *net.TCPConn) { _, _ = c.Write([]byte("220 mx.exam")) }), "greeting: closed", ""},
		{"554", &host{banner: "554 5.7.1 no service for you\r\n"}, "greeting: rejected", ""},
		{"450", &host{banner: "450 4.3.2 later\r\n"}, "greeting: tempfail", ""},
		{"421", at("connect", says("421 4.3.2 too many connections\r\n")), "greeting: tempfail", ""},
		{"354", &host{banner: "354 go ahead\r\n"}, "greeting: unexpected", ""},
		{"HTTP", at("connect", says("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")), "greeting: not SMTP", ""},
		{"SSH", at("connect", says("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n")), "greeting: not SMTP", ""},
		{"POP3", at("connect", says("+OK ready\r\n")), "greeting: not SMTP", ""},
		{"TLS from the first octet", at("connect", func(c *net.TCPConn) { _, _ = c.Write([]byte("\x15\x03\x01\x00\x02\x02\x46")) }), "greeting: not SMTP", ""},
		{"two codes in a reply", &host{banner: "220-one\r\n250 two\r\n"}, "greeting: not SMTP", ""},
		{"several lines", &host{banner: "220-mx.example.org\r\n220-no spam\r\n220 please\r\n", tls: good}, "", ""},
		{"bare line feeds", &host{banner: "220 mx.example.org\n", tls: good}, "", ""},
		{"EHLO refused", &host{ehlo: "502 5.5.1 what?\r\n"}, "", "STARTTLS: not offered"},
		{"EHLO and HELO refused", &host{ehlo: "550 no\r\n", instead: map[string]func(*net.TCPConn){"HELO": says("550 no\r\n")}}, "EHLO: rejected", ""},
		{"EHLO put off", &host{ehlo: "450 4.7.1 greylisted\r\n"}, "EHLO: tempfail", ""},
		{"reset at EHLO", at("EHLO", reset), "EHLO: reset", ""},
		{"closed at EHLO", at("EHLO", hangUp), "EHLO: closed", ""},
		{"silence at EHLO", at("EHLO", silent), "EHLO: timeout", ""},
		{"endless EHLO", at("EHLO", forever("250-X-MORE\r\n")), "EHLO: too much", ""},
		{"454", &host{tls: good, starttls: "454 4.7.0 TLS not available\r\n"}, "", "STARTTLS: tempfail"},
		{"501", &host{tls: good, starttls: "501 5.5.4 no\r\n"}, "", "STARTTLS: rejected"},
		{"reset at STARTTLS", at("STARTTLS", reset), "", "STARTTLS: reset"},
		{"closed in the handshake", at("STARTTLS", func(c *net.TCPConn) { _, _ = c.Write([]byte("220 go\r\n")); _, _ = c.Read(make([]byte, 4096)) }), "", "TLS handshake: closed"},
		{"reset in the handshake", at("STARTTLS", func(c *net.TCPConn) {
			_, _ = c.Write([]byte("220 go\r\n"))
			_, _ = c.Read(make([]byte, 4096))
			reset(c)
		}), "", "TLS handshake: reset"},
		{"silence in the handshake", at("STARTTLS", says("220 go\r\n")), "", "TLS handshake: timeout"},
		{"no TLS in the handshake", at("STARTTLS", func(c *net.TCPConn) {
			_, _ = c.Write([]byte("220 go\r\n"))
			_, _ = c.Read(make([]byte, 4096))
			_, _ = c.Write([]byte("500 5.5.2 what is this?\r\n"))
			drain(c)
		}), "", "TLS handshake: not TLS"},
		{"more behind the 220", &host{tls: good, starttls: "220 go\r\n250-AUTH PLAIN\r\n250 ok\r\n"}, "", "TLS handshake: not TLS"},
		{"a chain of a megabyte", &host{tls: long(t, a)}, "", "TLS handshake: too much"},
		{"reset inside TLS", at("EHLO inside", reset), "EHLO inside TLS: reset", ""},
		{"silence inside TLS", at("EHLO inside", silent), "EHLO inside TLS: timeout", ""},
		{"reset at QUIT", at("QUIT inside", reset), "QUIT: reset", ""},
		{"silence at QUIT", at("QUIT inside", silent), "QUIT: timeout", ""},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			within := plenty
			if strings.HasSuffix(tc.want+tc.tls, "timeout") {
				within = patience
			}
			start := time.Now()
			r := Ask(t.Context(), Config{HELO: "probe.example.net", Roots: a.pool, Now: now, Timeout: within, Own: true}, tc.host.serve(t))
			if took := time.Since(start); within == patience && took > patience+5*time.Second {
				t.Errorf("it took %s", took)
			}
			if got := short(r.Problem); got != tc.want {
				t.Errorf("ended with %q, want %q: %v", got, tc.want, r.Problem)
			}
			if got := short(r.StartTLS); got != tc.tls {
				t.Errorf("TLS ended with %q, want %q: %v", got, tc.tls, r.StartTLS)
			}
			if conns, _ := tc.host.counts(); conns > 6 || !r.Connected {
				t.Errorf("%d connections, connected %t", conns, r.Connected)
			}
		})
	}
}

func TestAResetWithoutABannerIsSeen(t *testing.T) {
	dialed, once := make(chan struct{}), sync.Once{}
	h := &host{instead: map[string]func(*net.TCPConn){"connect": func(c *net.TCPConn) { <-dialed; reset(c) }}}
	r := Ask(t.Context(), Config{Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, address)
		once.Do(func() { close(dialed) }) // a reset before that would be connect(2)'s
		return conn, err
	}}, h.serve(t))
	if short(r.Problem) != "greeting: reset" {
		t.Error(r.Problem)
	}
}

func short(p *Problem) string {
	if p == nil {
		return ""
	}
	return p.Step.String() + ": " + p.Fault.String()
}

// long is a server whose chain has a megabyte.
func long(t *testing.T, a *authority) *tls.Config {
	c := a.serves(t, newKey(t))
	for size := 0; size < 1<<20; size += len(a.cert.Raw) {
		c.Certificates[0].Certificate = append(c.Certificates[0].Certificate, a.cert.Raw)
	}
	return c
}

func TestWhoDoesNotListenIsRefused(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	target := Target{Addr: listener.Addr().(*net.TCPAddr).AddrPort()}
	listener.Close()
	if r := Ask(t.Context(), Config{Timeout: patience}, target); short(r.Problem) != "connect: refused" || r.Connected {
		t.Errorf("%v", r.Problem)
	}
}

func TestWhatAHostShows(t *testing.T) {
	a := newAuthority(t)
	h := &host{tls: a.serves(t, newKey(t))}
	r := Ask(t.Context(), Config{Roots: a.pool, Now: now, Own: true}, h.serve(t))
	if r.Problem != nil || r.StartTLS != nil || r.Host != "mx.example.org" || r.Banner.String() != "220 mx.example.org ESMTP ready" {
		t.Errorf("%v %v %q %s", r.Problem, r.StartTLS, r.Host, r.Banner)
	}
	for _, name := range []string{"PIPELINING", "8BITMIME", "SMTPUTF8", "CHUNKING", "DSN", "STARTTLS"} {
		if !r.Clear.Has(name) {
			t.Errorf("no %s in %v", name, r.Clear)
		}
	}
	if size, ok := r.Clear.Size(); !ok || size != 10240000 {
		t.Errorf("SIZE %d %t", size, ok)
	}
	if before, after := r.Clear.Mechanisms(), r.Secure.Mechanisms(); len(before) != 0 || !slices.Equal(after, []string{"PLAIN", "LOGIN"}) {
		t.Errorf("AUTH %v, then %v", before, after)
	}
	if r.TLS.Version != "TLS 1.3" || r.TLS.Cipher == "" || r.TLS.Group == "" || len(r.TLS.Flaws) != 0 || len(r.TLS.Chain) != 1 {
		t.Errorf("%+v", r.TLS)
	}
	leaf := r.TLS.Chain[0]
	if leaf.Subject != "CN=mx.example.org" || leaf.Issuer != "CN=test root" || leaf.Key != "ECDSA" || leaf.Bits != 256 || len(leaf.SPKI) == 0 || len(leaf.DER) <= len(leaf.SPKI) {
		t.Errorf("%+v", leaf)
	}
	if r.Injected != No || r.Injector != nil {
		t.Errorf("injected %s %v", r.Injected, r.Injector)
	}
	if conns, quits := h.counts(); conns != 6 || quits != 5 {
		t.Errorf("%d connections ended with %d QUIT", conns, quits) // it has no key of RSA: that handshake fails
	}
	if r.Connect <= 0 || r.Greet <= 0 {
		t.Errorf("times %s %s", r.Connect, r.Greet)
	}
}

func TestAuthInTheClearIsSeen(t *testing.T) {
	r := Ask(t.Context(), Config{}, (&host{ehlo: "250-mx\r\n250-AUTH PLAIN login\r\n250 AUTH=LOGIN CRAM-MD5\r\n"}).serve(t))
	if got := r.Clear.Mechanisms(); !slices.Equal(got, []string{"PLAIN", "LOGIN", "CRAM-MD5"}) {
		t.Error(got)
	}
}

func TestARefusedHostIsLeftWithQuit(t *testing.T) {
	for _, h := range []*host{{banner: "554 no\r\n"}, {ehlo: "450 no\r\n"}, {}} {
		Ask(t.Context(), Config{}, h.serve(t))
		if conns, quits := h.counts(); conns != quits || conns == 0 {
			t.Errorf("%d connections ended with %d QUIT", conns, quits)
		}
	}
}

func TestEachVersionIsTriedByItself(t *testing.T) {
	a := newAuthority(t)
	key := rsaKey(t, 2048) // the suites of TLS 1.0 want RSA
	cases := []struct {
		name        string
		least, most uint16
		want        string
		first       string
	}{
		{"all", tls.VersionTLS10, tls.VersionTLS13, "yes yes yes yes", "TLS 1.3"},
		{"only 1.0", tls.VersionTLS10, tls.VersionTLS10, "yes no no no", "TLS 1.0"},
		{"1.1 and 1.2", tls.VersionTLS11, tls.VersionTLS12, "no yes yes no", "TLS 1.2"},
		{"only 1.3", tls.VersionTLS13, tls.VersionTLS13, "no no no yes", "TLS 1.3"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			h := &host{tls: versions(a.serves(t, key), tc.least, tc.most)}
			r := Ask(t.Context(), Config{Roots: a.pool, Now: now}, h.serve(t))
			var got []string
			for _, v := range r.Versions {
				got = append(got, v.Accepted.String())
			}
			if strings.Join(got, " ") != tc.want || r.TLS == nil || r.TLS.Version != tc.first || len(r.TLS.Flaws) != 0 {
				t.Errorf("%v, want %s; %+v %v", r.Versions, tc.want, r.TLS, r.StartTLS)
			}
		})
	}
}

func TestWhatIsWrongWithACertificateIsSaid(t *testing.T) {
	a := newAuthority(t)
	key, small := newKey(t), rsaKey(t, 1024)
	other := newAuthority(t)
	own := leaf()
	day := func(from, to int) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = now.AddDate(0, 0, from), now.AddDate(0, 0, to) }
	}
	named := func(name string) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.DNSNames = []string{name} }
	}
	sha1 := func(c *x509.Certificate) { c.SignatureAlgorithm = x509.SHA1WithRSA }
	noNames := func(c *x509.Certificate) { c.DNSNames = nil }
	client := func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }
	cases := []struct {
		name string
		tls  *tls.Config
		want []Flaw
	}{
		{"good", a.serves(t, key), nil},
		{"wildcard", a.serves(t, key, named("*.example.org")), nil},
		{"a wildcard of two labels", a.serves(t, key, named("*.org")), []Flaw{WrongName}},
		{"wrong name", a.serves(t, key, named("mx.example.net")), []Flaw{WrongName}},
		{"only a common name", a.serves(t, key, noNames), []Flaw{WrongName}},
		{"expired", a.serves(t, key, day(-9, -1)), []Flaw{Expired}},
		{"not yet valid", a.serves(t, key, day(1, 9)), []Flaw{NotYetValid}},
		{"expired, of an unknown authority", other.serves(t, key, day(-9, -1)), []Flaw{Expired, UnknownAuthority}},
		{"self-signed", shows(key, signed(t, own, own, key.Public(), key)), []Flaw{SelfSigned}},
		{"unknown authority", other.serves(t, key), []Flaw{UnknownAuthority}},
		{"RSA of 1024 bits", a.serves(t, small), []Flaw{WeakKey}},
		{"SHA-1", a.serves(t, key, sha1), []Flaw{WeakSignature}},
		{"for clients", a.serves(t, key, client), []Flaw{NotForServers}},
		{"through an authority between", between(t, a, now.AddDate(1, 0, 0)), nil},
		{"an authority between expired", between(t, a, now.AddDate(0, 0, -1)), []Flaw{Expired}},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			r := Ask(t.Context(), Config{Roots: a.pool, Now: now}, (&host{tls: tc.tls}).serve(t))
			if r.TLS == nil || r.StartTLS != nil {
				t.Fatal(r.StartTLS)
			}
			if !slices.Equal(r.TLS.Flaws, tc.want) {
				t.Errorf("%v, want %v: %+v", r.TLS.Flaws, tc.want, r.TLS.Chain)
			}
		})
	}
}

// between is a server whose certificate was signed by an authority below the root.
func between(t *testing.T, a *authority, until time.Time) *tls.Config {
	middle := rsaKey(t, 2048)
	form := leaf(func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage, c.NotAfter = true, true, x509.KeyUsageCertSign, until
		c.Subject.CommonName, c.SerialNumber, c.DNSNames = "between", big.NewInt(3), nil
	})
	signer := signed(t, form, a.cert, middle.Public(), a.key)
	key := newKey(t)
	return shows(key, signed(t, leaf(), signer, key.Public(), middle), signer)
}

func TestACommandInTheClearBehindSTARTTLSIsNoticed(t *testing.T) {
	a := newAuthority(t)
	good := a.serves(t, newKey(t))
	cases := []struct {
		name string
		host *host
		want Answer
	}{
		{"forgets it", &host{tls: good}, No},
		{"obeys it", &host{tls: good, eager: true}, Yes},
		{"knows no QUIT", &host{tls: good, instead: map[string]func(*net.TCPConn){"QUIT inside": reset}}, Unknown},
		{"no TLS", &host{starttls: "454 no\r\n", tls: good}, Unknown},
		{"no STARTTLS", &host{}, Unknown},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			r := Ask(t.Context(), Config{Roots: a.pool, Now: now, Timeout: plenty, Own: true}, tc.host.serve(t))
			if r.Injected != tc.want {
				t.Errorf("%s, want %s: %v", r.Injected, tc.want, r.Injector)
			}
		})
	}
}

func TestAStrangerIsSaidNothingBehindSTARTTLS(t *testing.T) {
	a := newAuthority(t)
	h := &host{tls: a.serves(t, newKey(t)), eager: true}
	r := Ask(t.Context(), Config{Roots: a.pool, Now: now, Timeout: plenty}, h.serve(t))
	if conns, _ := h.counts(); conns != 5 || r.TLS == nil || r.Injected != Unknown || r.Injector != nil {
		t.Errorf("%d connections, %s, %v", conns, r.Injected, r.Injector)
	}
}

func TestAStrangersTextIsHarmless(t *testing.T) {
	for name, banner := range map[string]string{
		"escapes":   "220 \x1b]0;owned\x07\x1b[2Jmx.example.org\r\n",
		"NUL":       "220 mx\x00.example.org\r\n",
		"8-bit":     "220 mx \xff\xfe\x9b2J\r\n",
		"bidi":      "220 mx \u202egro.elpmaxe\r\n",
		"returns":   "220 mx\roverwritten\r\n",
		"very long": "220 mx " + strings.Repeat("\x01", 2000) + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := Ask(t.Context(), Config{}, (&host{banner: banner}).serve(t))
			if r.Problem != nil {
				t.Fatal(r.Problem)
			}
			harmless(t, r.Banner)
			if strings.ContainsAny(r.Host, "\x1b\x00\\") {
				t.Errorf("host %q", r.Host)
			}
		})
	}
	r := Ask(t.Context(), Config{}, (&host{banner: "\x1b[2Jnothing\r\n", instead: nil}).serve(t))
	if r.Problem == nil || strings.Contains(r.Problem.Error(), "\x1b") {
		t.Errorf("%q", r.Problem)
	}
}
