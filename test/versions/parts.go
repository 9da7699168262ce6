package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/emersion/go-milter"

	"postward/test/rig"
)

// filter is a milter that does what the recipient's name says.
type filter struct{ milter.NoOpMilter }

func (filter) RcptTo(to string, _ *milter.Modifier) (milter.Response, error) {
	switch name, _, _ := strings.Cut(strings.Trim(to, "<>"), "@"); name {
	case "milter-reject":
		return milter.NewResponseStr('y', "550 5.7.1 the milter says no"), nil
	case "milter-tempfail":
		return milter.RespTempFail, nil
	case "milter-discard":
		return milter.RespDiscard, nil
	}
	return milter.RespContinue, nil
}

func (filter) Header(name, value string, m *milter.Modifier) (milter.Response, error) {
	if name == "Subject" && value == "milter hold" {
		return milter.RespContinue, m.Quarantine("held by a milter")
	}
	if name == "Subject" && value == "milter reject" {
		return milter.NewResponseStr('y', "554 5.7.1 the milter has read it"), nil
	}
	return milter.RespContinue, nil
}

func (f filter) Body(m *milter.Modifier) (milter.Response, error) { return milter.RespAccept, nil }

// startMilter returns how Postfix names it.
func startMilter(parts *rig.Processes) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &milter.Server{NewMilter: func() milter.Milter { return filter{} }, Actions: milter.OptQuarantine}
	ended := make(chan struct{})
	go func() { defer close(ended); _ = server.Serve(l) }()
	parts.Add(func() error { defer func() { <-ended }(); return server.Close() })
	return "inet:" + l.Addr().String(), nil
}

// certificate writes one that nobody trusts, and its key.
func certificate(dir string) (cert, key string, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	form := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail.example.org"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, form, form, &private.PublicKey, private)
	if err != nil {
		return "", "", err
	}
	secret, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		return "", "", err
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	if err := os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
		return "", "", err
	}
	return cert, key, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}), 0o600)
}

func waitFor(what string, fact func() error) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	return rig.Wait(ctx, what, fact)
}
