package mtasts

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// Config is how to fetch. Every field may be left out.
type Config struct {
	Dial  func(ctx context.Context, network, address string) (net.Conn, error) // nil: net.Dialer's
	Roots *x509.CertPool                                                       // nil: the system's
	Now   time.Time                                                            // of the certificate's check; zero: the system's clock
}

// Host is the policy host of a domain.
func Host(domain string) string { return "mta-sts." + domain }

// Fetch fetches a domain's policy from its policy host at one of its addresses, as text. The error says what is wrong with
// the answer; one with the connection is a *net.OpError inside, and the context's end its own.
func Fetch(ctx context.Context, c Config, addr netip.Addr, domain string) (string, error) {
	dial := c.Dial
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	secure := &tls.Config{RootCAs: c.Roots, MinVersion: tls.VersionTLS12}
	if !c.Now.IsZero() {
		secure.Time = func() time.Time { return c.Now }
	}
	transport := &http.Transport{
		TLSClientConfig: secure, DisableKeepAlives: true, MaxResponseHeaderBytes: 16 << 10, DisableCompression: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return dial(ctx, network, netip.AddrPortFrom(addr, 443).String())
		},
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+Host(domain)+"/.well-known/mta-sts.txt", nil)
	if err != nil {
		return "", err
	}
	reply, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		return "", fmt.Errorf("HTTP status %d where 200 is due; redirects are not followed (RFC 8461 section 3.3)", reply.StatusCode)
	}
	if kind, _, err := mime.ParseMediaType(reply.Header.Get("Content-Type")); err != nil || kind != "text/plain" {
		return "", fmt.Errorf("Content-Type %.60q where text/plain is due", reply.Header.Get("Content-Type"))
	}
	body, err := io.ReadAll(io.LimitReader(reply.Body, MaxPolicy+1))
	if err != nil {
		return "", err
	}
	if len(body) > MaxPolicy {
		return "", errors.New("a policy of more than 64 KiB")
	}
	return string(body), nil
}
