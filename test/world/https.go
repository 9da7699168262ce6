package world

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// PolicyFault is what is wrong with a policy host.
type PolicyFault string

// The faults. A policy with mode none is no fault of the host, but none of a check's wishes either.
const (
	PolicyFine        PolicyFault = "fine"
	PolicyMissing     PolicyFault = "404"
	PolicyRedirected  PolicyFault = "redirect" // must not be followed (RFC 8461 section 3.3)
	PolicyWrongMX     PolicyFault = "wrong mx"
	PolicyModeNone    PolicyFault = "mode none"
	PolicyTesting     PolicyFault = "mode testing"
	PolicyExpired     PolicyFault = "expired certificate"
	PolicyWrongName   PolicyFault = "certificate of another name"
	PolicySelfSigned  PolicyFault = "self-signed certificate"
	PolicyHTML        PolicyFault = "text/html"
	PolicyHTMLWrongMX PolicyFault = "text/html, wrong mx"
	PolicyEndless     PolicyFault = "endless" // a policy, and then 100 MB of lines that mean nothing
	PolicySilent      PolicyFault = "silent"  // takes the connection and says nothing
)

// HTTPSConfig is a policy host for MTA-STS (RFC 8461).
type HTTPSConfig struct {
	Addr   string      // on loopback
	Domain string      // it is mta-sts.Domain
	MX     []string    // of the policy
	Fault  PolicyFault // empty is PolicyFine
	CA     *CA
}

// HTTPS serves one policy at /.well-known/mta-sts.txt, and every connection is for one request.
type HTTPS struct {
	*door
	config HTTPSConfig
	tls    *tls.Config

	mu     sync.Mutex
	policy string
	asked  int
}

// StartHTTPS starts a policy host.
func StartHTTPS(c HTTPSConfig) (*HTTPS, error) {
	if c.CA == nil || c.Domain == "" {
		return nil, errors.New("start a policy host: no CA or no domain")
	}
	of := map[PolicyFault]Fault{PolicyExpired: Expired, PolicyWrongName: WrongName, PolicySelfSigned: SelfSigned}[c.Fault]
	cert, err := c.CA.Issue(c.CA.leaf("mta-sts."+c.Domain, of))
	if err != nil {
		return nil, fmt.Errorf("start a policy host: %w", err)
	}
	h := &HTTPS{config: c, tls: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, policy: c.policy()}
	if h.door, err = openDoor(c.Addr, h.serve); err != nil {
		return nil, fmt.Errorf("start a policy host: %w", err)
	}
	return h, nil
}

// policy is RFC 8461 section 3.2's text.
func (c *HTTPSConfig) policy() string {
	mode, mx := "enforce", c.MX
	switch c.Fault {
	case PolicyModeNone:
		mode = "none"
	case PolicyTesting:
		mode = "testing"
	case PolicyWrongMX, PolicyHTMLWrongMX:
		mx = []string{"mail.elsewhere.example"}
	}
	text := "version: STSv1\r\nmode: " + mode + "\r\n"
	for _, name := range mx {
		text += "mx: " + name + "\r\n"
	}
	return text + "max_age: 604800\r\n"
}

// SetPolicy serves another text.
func (h *HTTPS) SetPolicy(text string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.policy = text
}

// Asked is how many requests came.
func (h *HTTPS) Asked() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.asked
}

func (h *HTTPS) serve(conn net.Conn) {
	if h.config.Fault == PolicySilent {
		_, _ = io.Copy(io.Discard, conn) // until the client hangs up
		return
	}
	secure := tls.Server(conn, h.tls)
	request, err := http.ReadRequest(bufio.NewReader(io.LimitReader(secure, 64<<10)))
	if err != nil {
		return
	}
	h.mu.Lock()
	h.asked++
	policy := h.policy
	h.mu.Unlock()
	// Who asked may be gone.
	_ = h.config.reply(request, policy).Write(secure)
	_ = secure.Close()
}

func (c *HTTPSConfig) reply(r *http.Request, policy string) *http.Response {
	a := &http.Response{StatusCode: http.StatusOK, ProtoMajor: 1, ProtoMinor: 1, Close: true, Request: r, ContentLength: -1,
		Header: http.Header{"Content-Type": {"text/plain"}, "Date": {time.Now().UTC().Format(http.TimeFormat)}}}
	text := policy
	host, _, _ := strings.Cut(r.Host, ":")
	switch {
	case c.Fault == PolicyMissing, r.URL.Path != "/.well-known/mta-sts.txt", !strings.EqualFold(host, "mta-sts."+c.Domain):
		a.StatusCode, text = http.StatusNotFound, "not here\n"
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		a.StatusCode, text = http.StatusMethodNotAllowed, "GET it\n"
	case c.Fault == PolicyRedirected:
		a.StatusCode, text = http.StatusFound, ""
		a.Header.Set("Location", "https://www."+c.Domain+r.URL.Path)
	case c.Fault == PolicyHTML || c.Fault == PolicyHTMLWrongMX:
		a.Header.Set("Content-Type", "text/html; charset=utf-8")
	}
	a.Body = io.NopCloser(strings.NewReader(text))
	if c.Fault == PolicyEndless {
		a.Body = io.NopCloser(io.MultiReader(strings.NewReader(text), io.LimitReader(lines{}, 100<<20)))
	}
	return a
}

// lines is a text without an end.
type lines struct{}

func (lines) Read(p []byte) (int, error) {
	return copy(p, bytes.Repeat([]byte("x: nothing\r\n"), len(p)/12+1)), nil
}
