package keys

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

const (
	newBits  = 2048 // of a new RSA key (RFC 8301 section 3.2); longer records do not fit into many zones' web forms
	mostBits = 8192 // of one that is taken over: signing with more takes seconds
	ed25519s = 256  // bits of Ed25519, as people count them
	maxFile  = 64 << 10
)

// generate makes a private key.
func generate(a Algorithm) (crypto.Signer, error) {
	if a == RSA {
		return rsa.GenerateKey(rand.Reader, newBits)
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	return private, err
}

// describe says of a private key what its record has to say.
func describe(private crypto.Signer) (a Algorithm, bits int, public string, err error) {
	var der []byte
	switch p := private.Public().(type) {
	case *rsa.PublicKey:
		a, bits = RSA, p.N.BitLen()
		der, err = x509.MarshalPKIXPublicKey(p) // what everybody publishes: RFC 6376 erratum 3017
	case ed25519.PublicKey:
		a, bits, der = Ed25519, ed25519s, p // RFC 8463 section 4.2: the 32 octets themselves
	default:
		return "", 0, "", fmt.Errorf("a key of type %T cannot sign mail: it is neither RSA nor Ed25519", p)
	}
	if bits > mostBits {
		return "", 0, "", fmt.Errorf("an RSA key of %d bits is longer than %d: signing would take too long", bits, mostBits)
	}
	return a, bits, base64.StdEncoding.EncodeToString(der), err
}

// encode is a private key as it is kept: PEM (RFC 7468) of PKCS #8.
func encode(private crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// ErrNoKey is the error of a text that is no private key.
var ErrNoKey = errors.New("it is no private key of RSA or Ed25519, in PEM or base64")

// ParsePrivate reads a private key in the forms in which mail programs keep theirs: PEM of PKCS #8 or PKCS #1, either of these as
// base64 alone, or the 32 or 64 octets of an Ed25519 key as base64. The texts of its errors hold nothing of the key.
func ParsePrivate(text []byte) (crypto.Signer, error) {
	if len(text) > maxFile {
		return nil, ErrNoKey
	}
	var der []byte
	if block, _ := pem.Decode(text); block != nil {
		if block.Headers["DEK-Info"] != "" || strings.HasPrefix(block.Type, "ENCRYPTED") {
			return nil, errors.New("it is locked with a passphrase: unlock it (openssl pkey -in KEY -out COPY)")
		}
		der = block.Bytes
	} else {
		var err error
		if der, err = base64.StdEncoding.DecodeString(string(bytes.Join(bytes.Fields(text), nil))); err != nil {
			return nil, ErrNoKey
		}
	}
	return parseDER(der)
}

func parseDER(der []byte) (crypto.Signer, error) {
	switch len(der) { // no key in ASN.1 is so short
	case ed25519.SeedSize:
		return ed25519.NewKeyFromSeed(der), nil
	case ed25519.PrivateKeySize:
		if private := ed25519.NewKeyFromSeed(der[:ed25519.SeedSize]); bytes.Equal(private, der) {
			return private, nil
		}
		return nil, ErrNoKey
	}
	if private, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		if signer, ok := private.(crypto.Signer); ok {
			return usable(signer)
		}
	}
	if private, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return usable(private)
	}
	return nil, ErrNoKey
}

// usable is a key that mail can be signed with.
func usable(private crypto.Signer) (crypto.Signer, error) {
	if _, _, _, err := describe(private); err != nil {
		return nil, err
	}
	return private, nil
}

// As is a key with what its private one says of it.
func (k Key) As(private crypto.Signer) (Key, error) {
	var err error
	k.Algorithm, k.Bits, k.Public, err = describe(private)
	return k, err
}
