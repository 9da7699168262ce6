package world

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"
)

// KeyKind is the kind of a certificate's key.
type KeyKind string

// The kinds; an empty one is P256.
const (
	P256    KeyKind = "P-256"
	Ed25519 KeyKind = "Ed25519"
	RSA2048 KeyKind = "RSA 2048"
	RSA1024 KeyKind = "RSA 1024" // too short
)

// CA is an authority that nobody knows but who is given its Pool.
type CA struct {
	Cert *x509.Certificate
	key  crypto.Signer
	now  time.Time
}

// NewCA makes one that has been good for a year at now, and is for nine more.
func NewCA(now time.Time) (*CA, error) {
	key, err := newKey(P256)
	if err != nil {
		return nil, err
	}
	t := template(now.AddDate(-1, 0, 0), now.AddDate(9, 0, 0))
	t.Subject = pkix.Name{CommonName: "World Test CA"}
	t.IsCA, t.KeyUsage = true, x509.KeyUsageCertSign|x509.KeyUsageDigitalSignature
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("make a CA: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("make a CA: %w", err)
	}
	return &CA{cert, key, now}, nil
}

// Pool is what somebody trusts who knows this CA, and no other.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.Cert)
	return pool
}

// PEM is the CA's certificate for a program's -CAfile.
func (ca *CA) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Cert.Raw})
}

// Leaf is the certificate that is wanted.
type Leaf struct {
	Names      []string  // DNS names and addresses; the first is the subject's too
	From, To   time.Time // zero: 30 days before and 60 days after the CA's now
	Key        KeyKind
	SelfSigned bool // signed with its own key
}

// Issue makes a key and a certificate for it.
func (ca *CA) Issue(l Leaf) (tls.Certificate, error) {
	key, err := newKey(l.Key)
	if err != nil {
		return tls.Certificate{}, err
	}
	if l.From.IsZero() {
		l.From = ca.now.AddDate(0, 0, -30)
	}
	if l.To.IsZero() {
		l.To = ca.now.AddDate(0, 0, 60)
	}
	t := template(l.From, l.To)
	t.KeyUsage, t.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for i, name := range l.Names {
		if i == 0 {
			t.Subject = pkix.Name{CommonName: name}
		}
		if ip := net.ParseIP(name); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, name)
		}
	}
	issuer, signer := ca.Cert, ca.key
	if l.SelfSigned {
		issuer, signer = t, key
	}
	der, err := x509.CreateCertificate(rand.Reader, t, issuer, key.Public(), signer)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("issue a certificate for %v: %w", l.Names, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("issue a certificate for %v: %w", l.Names, err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: cert}, nil
}

func template(from, to time.Time) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120)) // of crypto/rand: cannot fail
	return &x509.Certificate{SerialNumber: serial.Add(serial, big.NewInt(1)), NotBefore: from, NotAfter: to, BasicConstraintsValid: true}
}

func newKey(k KeyKind) (key crypto.Signer, err error) {
	switch k {
	case Ed25519:
		_, key, err = ed25519.GenerateKey(rand.Reader)
	case RSA2048:
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case RSA1024:
		key, err = rsa.GenerateKey(rand.Reader, 1024)
	default:
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		return nil, fmt.Errorf("make a key %s: %w", k, err)
	}
	return key, nil
}
