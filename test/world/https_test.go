package world_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"postward/test/world"
)

// policy fetches what a host with that fault serves: the status and the first 1000 octets, or why not.
func policy(t *testing.T, ca *world.CA, f world.PolicyFault) string {
	t.Helper()
	h, err := world.StartHTTPS(world.HTTPSConfig{Addr: "127.0.0.1:0", Domain: "example.org", MX: []string{"mx1.example.org"}, Fault: f, CA: ca})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { closes(t, h.Close) }()
	var m world.Map
	if err := m.Place("192.0.2.80:443", h.Addr()); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DialContext: m.Dial, TLSClientConfig: &tls.Config{RootCAs: ca.Pool(), ServerName: "mta-sts.example.org"}}
	defer transport.CloseIdleConnections()
	c := &http.Client{Transport: transport, Timeout: time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	request, err := http.NewRequest(http.MethodGet, "https://192.0.2.80/.well-known/mta-sts.txt", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "mta-sts.example.org"
	a, err := c.Do(request)
	if os.IsTimeout(err) {
		return "nothing"
	}
	if err != nil {
		return err.Error()
	}
	defer a.Body.Close()
	body, err := io.ReadAll(io.LimitReader(a.Body, 1000))
	if err != nil {
		t.Error(err)
	}
	return strings.Join([]string{a.Status, a.Header.Get("Content-Type"), a.Header.Get("Location"), string(body)}, "|")
}

func TestPolicyHostsHaveTheirFaults(t *testing.T) {
	ca := authority(t)
	fine := "200 OK|text/plain||version: STSv1\r\nmode: enforce\r\nmx: mx1.example.org\r\nmax_age: 604800\r\n"
	for f, want := range map[world.PolicyFault]string{
		world.PolicyFine: fine, world.PolicyMissing: "404 Not Found|",
		world.PolicyRedirected: "302 Found|text/plain|https://www.example.org/.well-known/mta-sts.txt|",
		world.PolicyWrongMX:    strings.Replace(fine, "mx1.example.org", "mail.elsewhere.example", 1),
		world.PolicyModeNone:   strings.Replace(fine, "enforce", "none", 1),
		world.PolicyTesting:    strings.Replace(fine, "enforce", "testing", 1),
		world.PolicyHTML:       "200 OK|text/html; charset=utf-8||version: STSv1", world.PolicyEndless: fine + "x: nothing\r\nx: nothing\r\n",
		world.PolicyExpired: "expired", world.PolicyWrongName: "valid for www.elsewhere.example",
		world.PolicySelfSigned: "unknown authority", world.PolicySilent: "nothing",
	} {
		if got := policy(t, ca, f); !strings.Contains(got, want) || f == world.PolicyFine && got != want {
			t.Errorf("%s: %q, want %q", f, got, want)
		}
	}
}

func TestPolicyHostNeedsItsName(t *testing.T) {
	if _, err := world.StartHTTPS(world.HTTPSConfig{Addr: "127.0.0.1:0"}); err == nil {
		t.Error("started without a domain and a CA")
	}
}
