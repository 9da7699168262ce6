package mtasts

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"postward/internal/wire/netinfo"
)

// Config is how to fetch. Every field may be left out.
type Config struct {
	Dial  func(ctx context.Context, network, address string) (net.Conn, error) // nil: to addresses of the Internet, and no others
	Roots *x509.CertPool                                                       // nil: the system's
	Now   time.Time                                                            // of the certificate's check; zero: the system's clock
}

// Host is the policy host of a domain.
func Host(domain string) string { return "mta-sts." + domain }

// MaxAddrs bounds the addresses of a policy host that are tried.
const MaxAddrs = 4

// Document is what a policy host served.
type Document struct {
	Text string
	Type string // the Content-Type, as it came
	Odd  bool   // that is not text/plain, which senders should look for (section 3.2)
}

// Fetch fetches a domain's policy from its policy host, at the first of its addresses that answers, as senders do;
// none of them may take more than its share of the time that is left. The error says what is wrong with the answer, or why
// there is none; Unlearned tells whether that says anything of the host.
func Fetch(ctx context.Context, c Config, addrs []netip.Addr, domain string) (Document, error) {
	err := errors.New("it has no address")
	addrs = addrs[:min(len(addrs), MaxAddrs)]
	for i, addr := range addrs {
		d, failed := fetchWithin(ctx, len(addrs)-i, c, addr, domain)
		var dial *net.OpError
		if failed == nil || !Unlearned(failed) && (!errors.As(failed, &dial) || dial.Op != "dial") {
			return d, failed
		}
		if i == 0 || Unlearned(err) { // that nobody listens says more than that there was no way
			err = failed
		}
	}
	return Document{}, err
}

// Unlearned reports whether an error of Fetch says nothing of the host: there was no way to it from here, or no time.
func Unlearned(err error) bool {
	var network net.Error
	if errors.As(err, &network) && network.Timeout() || errors.Is(err, context.Canceled) {
		return true
	}
	for _, ours := range []error{syscall.ENETUNREACH, syscall.EHOSTUNREACH, syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT, syscall.EACCES, syscall.EPERM} {
		if errors.Is(err, ours) {
			return true
		}
	}
	return false
}

// fetchWithin is fetch within the first of so many parts of the time that is left.
func fetchWithin(ctx context.Context, parts int, c Config, addr netip.Addr, domain string) (Document, error) {
	if end, is := ctx.Deadline(); is {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/time.Duration(parts))
		defer cancel()
	}
	return fetch(ctx, c, addr, domain)
}

// errNotPublic is why an address is not asked. A stranger's domain would make us ask whatever listens in our own network.
var errNotPublic = errors.New("it is no address of the internet, and is not asked: publish one that senders can reach")

// onlyPublic lets a socket connect to public addresses alone. It sees the address that is really connected to.
func onlyPublic(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("connect to %.60q: %w", address, err)
	}
	if !netinfo.Public(at.Addr()) {
		return fmt.Errorf("connect to %s: %w", at.Addr(), errNotPublic)
	}
	return nil
}

func fetch(ctx context.Context, c Config, addr netip.Addr, domain string) (Document, error) {
	dial := c.Dial
	if dial == nil {
		dial = (&net.Dialer{Control: onlyPublic}).DialContext
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
		return Document{}, err
	}
	reply, err := client.Do(request)
	if err != nil {
		return Document{}, err
	}
	defer reply.Body.Close()
	if reply.StatusCode != http.StatusOK {
		return Document{}, fmt.Errorf("HTTP status %d where 200 is due; redirects are not followed (RFC 8461 section 3.3)", reply.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(reply.Body, MaxPolicy+1))
	if err != nil {
		return Document{}, err
	}
	if len(body) > MaxPolicy {
		return Document{}, errors.New("a policy of more than 64 KiB")
	}
	d := Document{Text: string(body), Type: reply.Header.Get("Content-Type")}
	d.Odd = !plain(d.Type)
	return d, nil
}

// plain reports whether a Content-Type is text/plain, whatever its parameters are, and whether they can be read.
func plain(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(kind), "text/plain")
}
