package world

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// Fault is what is wrong with a mail server.
type Fault string

// The faults. Each server has one, and is clean besides.
const (
	Clean             Fault = "clean"
	NoSTARTTLS        Fault = "no-starttls"
	Expired           Fault = "expired" // its certificate, since yesterday
	WrongName         Fault = "wrong-name"
	SelfSigned        Fault = "self-signed"
	TLS10Only         Fault = "tls10-only"
	TLS10Too          Fault = "tls10-too"
	TLSFails          Fault = "tls-fails"          // offers STARTTLS and has no certificate for it
	STARTTLSInjection Fault = "starttls-injection" // obeys inside TLS what was said in the clear behind STARTTLS
	AuthWithoutTLS    Fault = "auth-without-tls"   // offers PLAIN and LOGIN in the clear; lets nobody in
	OpenRelay         Fault = "open-relay"         // takes every recipient
	SmugglingTolerant Fault = "smuggling-tolerant" // takes a dot between any two line ends for the end of a message
	BannerLocalhost   Fault = "banner-localhost"
	BannerMismatch    Fault = "banner-mismatch" // greets with the name of another host
	Greeting554       Fault = "greeting-554"
	SilentSMTP        Fault = "silent"    // takes the connection and says nothing
	SlowSMTP          Fault = "slow"      // waits before every reply
	NotSMTP           Fault = "not-smtp"  // an SSH server
	IPv4Only          Fault = "ipv4-only" // clean, but not there at its IPv6 addresses
)

// Faults is all of them, Clean first.
func Faults() []Fault {
	return []Fault{Clean, NoSTARTTLS, Expired, WrongName, SelfSigned, TLS10Only, TLS10Too, TLSFails, STARTTLSInjection, AuthWithoutTLS, OpenRelay, SmugglingTolerant,
		BannerLocalhost, BannerMismatch, Greeting554, SilentSMTP, SlowSMTP, NotSMTP, IPv4Only}
}

// SMTPConfig is a mail server.
type SMTPConfig struct {
	Addr      string        // on loopback; "127.0.0.1:0" for any free port
	Name      string        // its host name
	Fault     Fault         // empty is Clean
	Domains   []string      // whose mail it takes
	Mailboxes []string      // local parts in each of them, besides postmaster and abuse
	Wait      time.Duration // of SlowSMTP before each reply; 0 is 500 ms
	CA        *CA
	Leaf      *Leaf // shown instead of the certificate that the fault would make
	Also      *Leaf // shown to clients that do not know the first one's kind of key
}

// SMTP is a mail server that answers as Postfix does (RFC 5321), but for its fault. It delivers nothing.
type SMTP struct {
	*door
	config SMTPConfig
	tls    *tls.Config

	mu    sync.Mutex
	mails []Mail
}

// Mail is a message that was taken: the text ends before the dot, as it came over the wire, dots doubled still.
type Mail struct {
	HELO string
	From string
	To   []string
	Text string
	TLS  uint16 // the version, 0 without
}

// StartSMTP starts a mail server.
func StartSMTP(c SMTPConfig) (*SMTP, error) {
	if c.CA == nil || c.Name == "" {
		return nil, errors.New("start a mail server: no CA or no name")
	}
	if c.Wait == 0 {
		c.Wait = 500 * time.Millisecond
	}
	leaf := c.CA.leaf(c.Name, c.Fault)
	if c.Leaf != nil {
		leaf = *c.Leaf
	}
	cert, err := c.CA.Issue(leaf)
	if err != nil {
		return nil, fmt.Errorf("start a mail server: %w", err)
	}
	s := &SMTP{config: c, tls: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}}
	if c.Also != nil {
		also, err := c.CA.Issue(*c.Also)
		if err != nil {
			return nil, fmt.Errorf("start a mail server: %w", err)
		}
		s.tls.GetCertificate = byKey(cert, also)
	}
	switch c.Fault {
	case TLS10Only:
		s.tls.MinVersion, s.tls.MaxVersion = tls.VersionTLS10, tls.VersionTLS10
	case TLS10Too:
		s.tls.MinVersion = tls.VersionTLS10
	}
	// A connection can come before the door is known: it waits for it here.
	ready := make(chan struct{})
	s.door, err = openDoor(c.Addr, func(conn net.Conn) {
		<-ready
		s.serve(conn)
	})
	if err != nil {
		return nil, fmt.Errorf("start a mail server: %w", err)
	}
	close(ready)
	return s, nil
}

// byKey shows the first certificate whose kind of key the client knows, whatever name it asks for.
func byKey(certs ...tls.Certificate) func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		nameless := *hello
		nameless.ServerName = ""
		for i := range certs {
			if nameless.SupportsCertificate(&certs[i]) == nil {
				return &certs[i], nil
			}
		}
		return nil, errors.New("no certificate with a key that the client knows")
	}
}

// leaf is the certificate of a server with that fault.
func (ca *CA) leaf(name string, f Fault) Leaf {
	l := Leaf{Names: []string{name}}
	switch f {
	case Expired:
		l.From, l.To = ca.now.AddDate(0, 0, -91), ca.now.AddDate(0, 0, -1)
	case WrongName:
		l.Names = []string{"www.elsewhere.example"}
	case SelfSigned:
		l.SelfSigned = true
	}
	return l
}

// Place puts the server at addresses of the map, with their ports; one that is IPv4Only is not there at IPv6 ones.
func (s *SMTP) Place(m *Map, addresses ...string) error {
	for _, address := range addresses {
		if s.config.Fault == IPv4Only && strings.HasPrefix(address, "[") {
			continue
		}
		if err := m.Place(address, s.Addr()); err != nil {
			return err
		}
	}
	return nil
}

// Mails is every message that was taken, in order.
func (s *SMTP) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

func (s *SMTP) took(m Mail) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, m)
}

// banner is the name that the server greets with.
func (s *SMTP) banner() string {
	switch s.config.Fault {
	case BannerLocalhost:
		return "localhost"
	case BannerMismatch:
		return "other.elsewhere.example"
	}
	return s.config.Name
}
