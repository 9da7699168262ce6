package probe

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"
)

const (
	// MaxChain is how many certificates of a chain are kept.
	MaxChain = 10
	maxNames = 100 // names of a certificate that are kept
)

// TLS is what a handshake showed. Version, Cipher and Group are empty when it came to nothing behind the certificate.
type TLS struct {
	Version string        `json:"version,omitempty"` // "TLS 1.3"
	Cipher  string        `json:"cipher,omitempty"`  // IANA's name of the suite
	Group   string        `json:"group,omitempty"`   // of the key exchange; empty: RSA's own
	Chain   []Certificate `json:"chain"`             // as it was sent, the host's own first
	Flaws   []Flaw        `json:"flaws,omitempty"`   // what speaks against the chain; none: it was verified
}

// Certificate is one of a chain.
type Certificate struct {
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	Names     []string  `json:"names,omitempty"` // DNS names and addresses
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	Key       string    `json:"key"`      // "RSA", "ECDSA", "Ed25519"
	Bits      int       `json:"key_bits"` // of the modulus or the curve; 0: not known
	Signature string    `json:"signature"`
	DER       []byte    `json:"-"` // the whole, raw
	SPKI      []byte    `json:"-"` // SubjectPublicKeyInfo, raw (RFC 6698 section 2.1.2)
}

// Flaw is what speaks against a chain of certificates.
type Flaw uint8

// The flaws.
const (
	Expired          Flaw = iota + 1 // a certificate of the chain is
	NotYetValid                      // the host's own
	WrongName                        // the name of the target is not in it
	SelfSigned                       // the host's own is, and is no root
	UnknownAuthority                 // it leads to no root
	WeakKey                          // RSA below 2,048 bits, ECDSA below 256
	WeakSignature                    // SHA-1 or older; whose authority it is cannot be told then
	NotForServers                    // its extended key usage is another
	Unverified                       // something else; no sender that verifies believes it
)

var flaws = [...]string{"none", "expired", "not yet valid", "wrong name", "self-signed", "unknown authority", "weak key", "weak signature",
	"not for servers", "unverified"}

// String is the flaw in a word or two.
func (f Flaw) String() string { return word(flaws[:], int(f)) }

// MarshalText is String.
func (f Flaw) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// chain is what a host sent of certificates, kept even when the handshake then fails.
type chain struct {
	certificates []*x509.Certificate
}

// config is for a handshake that looks and does not judge: what is wrong with the chain goes into the report, so nothing
// is verified on the way. Every suite is offered, the broken ones too: a host that has only those is to be seen.
// But for key: then only those that are for this kind of key.
func (c *chain) config(name string, least, most uint16, key string) *tls.Config {
	if _, err := netip.ParseAddr(name); err == nil {
		name = "" // RFC 6066 section 3: no address as a server name
	}
	var suites []uint16
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		if ecdsa := strings.Contains(s.Name, "_ECDSA_"); key == "" || ecdsa == (key == "ECDSA") {
			suites = append(suites, s.ID)
		}
	}
	return &tls.Config{
		ServerName: name, MinVersion: least, MaxVersion: most, CipherSuites: suites, InsecureSkipVerify: true,
		VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
			for _, der := range raw[:min(len(raw), MaxChain)] {
				one, err := x509.ParseCertificate(der)
				if err != nil {
					return err
				}
				c.certificates = append(c.certificates, one)
			}
			return nil
		},
	}
}

// describe puts a handshake into the words of a report.
func describe(state tls.ConnectionState, sent []*x509.Certificate, c *Config, name string) *TLS {
	t := &TLS{Flaws: judge(sent, c.Roots, name, c.now())}
	if state.HandshakeComplete {
		t.Version, t.Cipher = tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite)
	}
	if state.CurveID != 0 {
		t.Group = state.CurveID.String()
	}
	for _, one := range sent {
		t.Chain = append(t.Chain, certificate(one))
	}
	return t
}

func (c *Config) now() time.Time {
	if c.Now.IsZero() {
		return time.Now()
	}
	return c.Now
}

func certificate(from *x509.Certificate) Certificate {
	c := Certificate{
		Subject: clean(from.Subject.String()), Issuer: clean(from.Issuer.String()),
		NotBefore: from.NotBefore, NotAfter: from.NotAfter, Signature: from.SignatureAlgorithm.String(),
		DER: from.Raw, SPKI: from.RawSubjectPublicKeyInfo,
	}
	for _, name := range from.DNSNames[:min(len(from.DNSNames), maxNames)] {
		c.Names = append(c.Names, clean(name))
	}
	for _, ip := range from.IPAddresses[:min(len(from.IPAddresses), maxNames)] {
		c.Names = append(c.Names, ip.String())
	}
	c.Key, c.Bits = from.PublicKeyAlgorithm.String(), bits(from)
	return c
}

func bits(c *x509.Certificate) int {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen()
	case *ecdsa.PublicKey:
		return key.Params().BitSize
	case ed25519.PublicKey:
		return 256
	}
	return 0
}

// judge says everything that speaks against a chain. A leaf out of its time is held against the roots as of its last or first
// second: that it expired must not hide who signed it.
func judge(sent []*x509.Certificate, roots *x509.CertPool, name string, now time.Time) []Flaw {
	if len(sent) == 0 {
		return []Flaw{Unverified}
	}
	leaf := sent[0]
	var found []Flaw
	at := now
	switch {
	case now.After(leaf.NotAfter):
		found, at = append(found, Expired), leaf.NotAfter
	case now.Before(leaf.NotBefore):
		found, at = append(found, NotYetValid), leaf.NotBefore
	}
	if name != "" && leaf.VerifyHostname(name) != nil {
		found = append(found, WrongName)
	}
	if slices.ContainsFunc(sent, weakKey) {
		found = append(found, WeakKey)
	}
	weak := slices.ContainsFunc(sent, weakSignature)
	if weak {
		found = append(found, WeakSignature)
	}
	if f := trust(sent, roots, at); f != 0 && !(weak && f == UnknownAuthority) && !slices.Contains(found, f) {
		found = append(found, f)
	}
	return found
}

// trust follows the chain to a root; 0 says that it led there.
func trust(sent []*x509.Certificate, roots *x509.CertPool, at time.Time) Flaw {
	between := x509.NewCertPool()
	for _, c := range sent[1:] {
		between.AddCert(c)
	}
	_, err := sent[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: at})
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &unknown) && selfIssued(sent[0]):
		return SelfSigned
	case errors.As(err, &unknown):
		return UnknownAuthority
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return Expired
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return NotForServers
	}
	return Unverified
}

func selfIssued(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, c.RawIssuer) }

func weakKey(c *x509.Certificate) bool {
	switch c.PublicKey.(type) {
	case *rsa.PublicKey:
		return bits(c) < 2048
	case *ecdsa.PublicKey:
		return bits(c) < 256
	}
	return false
}

// weakSignature: what signs itself is believed or not for another reason than its signature.
func weakSignature(c *x509.Certificate) bool {
	switch c.SignatureAlgorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		return !selfIssued(c)
	}
	return false
}
