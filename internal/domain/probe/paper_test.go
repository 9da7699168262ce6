package probe

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"
)

// now is the time of every test.
var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// authority signs certificates. One is made for a whole test.
type authority struct {
	key  *rsa.PrivateKey
	cert *x509.Certificate
	pool *x509.CertPool
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func rsaKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a := &authority{key: rsaKey(t, 2048), pool: x509.NewCertPool()}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test root"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: now.AddDate(-20, 0, 0), NotAfter: now.AddDate(20, 0, 0), KeyUsage: x509.KeyUsageCertSign}
	a.cert = signed(t, form, form, a.key.Public(), a.key)
	a.pool.AddCert(a.cert)
	return a
}

func signed(t testing.TB, form, by *x509.Certificate, public crypto.PublicKey, with crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, form, by, public, with)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// leaf is a form for mx.example.org.
func leaf(change ...func(*x509.Certificate)) *x509.Certificate {
	form := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "mx.example.org"}, DNSNames: []string{"mx.example.org"},
		NotBefore: now.AddDate(0, -1, 0), NotAfter: now.AddDate(0, 1, 0), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for _, c := range change {
		c(form)
	}
	return form
}

// serves is a TLS server that shows a certificate signed by the authority.
func (a *authority) serves(t testing.TB, key crypto.Signer, change ...func(*x509.Certificate)) *tls.Config {
	t.Helper()
	return shows(key, signed(t, leaf(change...), a.cert, key.Public(), a.key))
}

func shows(key crypto.Signer, chain ...*x509.Certificate) *tls.Config {
	c := tls.Certificate{PrivateKey: key}
	for _, one := range chain {
		c.Certificate = append(c.Certificate, one.Raw)
	}
	return &tls.Config{Certificates: []tls.Certificate{c}, MinVersion: tls.VersionTLS10}
}

func versions(c *tls.Config, least, most uint16) *tls.Config {
	c.MinVersion, c.MaxVersion = least, most
	return c
}
