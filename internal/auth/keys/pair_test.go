package keys

import (
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"
)

func TestPrivateKeysAreReadInTheFormsInWhichTheyAreKept(t *testing.T) {
	r, err := generate(RSA)
	ok(t, err)
	e, err := generate(Ed25519)
	ok(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(r)
	ok(t, err)
	pkcs1 := x509.MarshalPKCS1PrivateKey(r.(*rsa.PrivateKey))
	b64 := base64.StdEncoding.EncodeToString
	lines := func(s string) string { return s[:60] + "\n" + s[60:] + "\n" }
	for name, text := range map[string]string{
		"pkcs8": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})), "pkcs1": string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: pkcs1})),
		"der": lines(b64(pkcs8)), "der1": b64(pkcs1),
	} {
		if got, err := ParsePrivate([]byte(text)); err != nil || !r.(*rsa.PrivateKey).Equal(got) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range map[string]string{"seed": b64(e.(ed25519.PrivateKey).Seed()), "sodium": b64(e.(ed25519.PrivateKey))} {
		if got, err := ParsePrivate([]byte(text)); err != nil || !e.(ed25519.PrivateKey).Equal(got) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, text := range []string{"", "x", "AAAA", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", strings.Repeat("A", maxFile+1), b64(make([]byte, 64)),
		"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"} {
		if _, err := ParsePrivate([]byte(text)); err == nil {
			t.Errorf("%.40q is a key", text)
		}
	}
}

func FuzzParsePrivate(f *testing.F) {
	e, _ := generate(Ed25519)
	text, _ := encode(e)
	f.Add(text)
	f.Add([]byte(base64.StdEncoding.EncodeToString(e.(ed25519.PrivateKey).Seed())))
	f.Fuzz(func(t *testing.T, text []byte) {
		private, err := ParsePrivate(text)
		if err != nil {
			return
		}
		again, err := encode(private)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParsePrivate(again); err != nil {
			t.Error(err)
		}
	})
}
