package publish

import (
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"

	"postward/internal/domain/dkimkey"
)

// Record is a DKIM key that the site signs with, or did.
type Record struct {
	Selector  string `json:"selector"`
	Algorithm string `json:"algorithm"` // rsa or ed25519: the tag k (RFC 6376 section 3.6.1, RFC 8463 section 4)
	Public    []byte `json:"public"`    // what p holds: SubjectPublicKeyInfo of RSA, the 32 octets of Ed25519
	Retired   bool   `json:"retired,omitempty"`
	Given     bool   `json:"given,omitempty"` // its selector is none that postward gives: others may sign with the key, whoever says that it has retired
}

// maxKeys bounds the keys of one domain that are looked at: every server is asked for each.
const maxKeys = 32

// signing are the keys that are to stand in the zone.
func signing(all []Record) []Record {
	return slices.DeleteFunc(slices.Clone(all), func(k Record) bool { return k.Retired })
}

// lookedAt are the keys that are looked at, those that are to stand in the zone first, and what is to be said of them. A retired one
// that is left out has its turn when the others are gone.
func lookedAt(all []Record) (now []Record, notes []string) {
	now = append(signing(all), slices.DeleteFunc(slices.Clone(all), func(k Record) bool { return !k.Retired })...)
	for i := range now {
		if short := now[i].short(); short != "" {
			notes = append(notes, short)
		}
	}
	if later := len(now) - maxKeys; later > 0 {
		now, notes = now[:maxKeys], append(notes, fmt.Sprintf("%d retired keys are not looked at this time: take out the records of the others, and look again", later))
	}
	return now, notes
}

// Text is the key as it is published.
func (k *Record) Text() string {
	return "v=DKIM1; k=" + k.Algorithm + "; p=" + base64.StdEncoding.EncodeToString(k.Public)
}

// check says what would make the record useless.
func (k *Record) check() error {
	is := dkimkey.Parse(k.Text())
	if len(is.Remarks) > 0 || is.Revoked {
		return fmt.Errorf("publish the key %q: %v is no public key of the type %q: make one with openssl genpkey", k.Selector, is.Remarks, k.Algorithm)
	}
	return nil
}

// short says that a key is too short for good; empty: it is not. It does not stop what signs with it.
func (k *Record) short() string {
	is := dkimkey.Parse(k.Text())
	switch {
	case is.Good() || k.Retired:
		return ""
	case is.Bits < dkimkey.MinBits:
		return fmt.Sprintf("the key %s has %d bits, and no receiver takes it (RFC 8301): sign with one of %d", k.Selector, is.Bits, dkimkey.GoodBits)
	}
	return fmt.Sprintf("the key %s has %d bits: receivers take it, and it should have %d (RFC 8301): sign with another", k.Selector, is.Bits, dkimkey.GoodBits)
}

// ParseKey reads a key from PEM, public or private: of a private one only the public part is kept.
func ParseKey(selector string, text []byte) (Record, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return Record{}, fmt.Errorf("read the key of the selector %q: it is not PEM: give the file that the signer reads, or openssl pkey -in FILE -pubout", selector)
	}
	public, err := publicOf(block)
	if err != nil {
		return Record{}, fmt.Errorf("read the key of the selector %q: %w", selector, err)
	}
	k := Record{Selector: selector}
	switch p := public.(type) {
	case *rsa.PublicKey:
		k.Algorithm = "rsa"
		k.Public, err = x509.MarshalPKIXPublicKey(p)
	case ed25519.PublicKey:
		k.Algorithm, k.Public = "ed25519", p
	default:
		err = fmt.Errorf("a key of the type %T: DKIM knows RSA and Ed25519", public)
	}
	if err != nil {
		return k, fmt.Errorf("read the key of the selector %q: %w", selector, err)
	}
	if err = k.check(); err == nil && k.short() != "" {
		err = fmt.Errorf("read the key of the selector %q: %d bits are too short (RFC 8301): make one of %d", selector, dkimkey.Parse(k.Text()).Bits, dkimkey.GoodBits)
	}
	return k, err
}

func publicOf(block *pem.Block) (any, error) {
	var private any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case "RSA PRIVATE KEY":
		private, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case "PRIVATE KEY":
		private, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("a PEM block %.40q holds no such key", block.Type)
	}
	if err != nil {
		return nil, err
	}
	switch k := private.(type) {
	case *rsa.PrivateKey:
		return &k.PublicKey, nil
	case ed25519.PrivateKey:
		return k.Public(), nil
	}
	return nil, errors.New("DKIM knows RSA and Ed25519")
}

// published is what p has in a record.
func published(text string) string {
	is := dkimkey.Parse(text)
	return is.Published()
}
