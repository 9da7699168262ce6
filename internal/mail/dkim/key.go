package dkim

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"slices"
	"strings"
)

// Lengths of RSA keys, in bits: those that are verified with, and the shortest to sign with (RFC 8301 section 3.2). A
// longer one costs too much of whoever has a mail to send us.
const (
	minBits  = 1024
	maxBits  = 4096
	goodBits = 2048
)

// maxRecords is how many records at one name are tried (RFC 6376 section 6.1.2 step 3), maxRecord of how many octets.
const (
	maxRecords = 4
	maxRecord  = 16 << 10
)

// key is a record that was read.
type key struct {
	public  crypto.PublicKey
	bits    int
	testing bool // t=y
	strict  bool // t=s
}

// matches reports whether the key made the signature of a digest.
func (k *key) matches(s *Signature, digest []byte) bool {
	switch public := k.public.(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, digest, s.Sum) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(public, digest, s.Sum) // RFC 8463 section 3: of the hash
	}
	return false
}

// readKey reads a key record (RFC 6376 section 3.6.1) for keys of one type. Its flags are there also when it is of no use.
func readKey(record, kind string) (k key, flaw Reason) {
	if len(record) > maxRecord {
		return k, NoKey
	}
	all, ok := ParseTags(record)
	if !ok || !all.Has("p") || all.Has("v") && (all[0].name != "v" || all[0].value != "DKIM1") {
		return k, NoKey
	}
	flags := all.List("t")
	k.testing, k.strict = slices.Contains(flags, "y"), slices.Contains(flags, "s")
	switch {
	case all.Value("p") == "":
		return k, Revoked
	case !isFor(all, kind):
		return k, KeyForOther
	}
	der, err := base64.StdEncoding.DecodeString(squeeze(all.Value("p")))
	if err != nil {
		return k, BadKey
	}
	return k, k.read(der, kind)
}

// isFor reports whether a record is for keys of a type, for SHA-256 and for mail.
func isFor(all Tags, kind string) bool {
	says := strings.ToLower(all.Value("k"))
	if !all.Has("k") {
		says = "rsa"
	}
	services := all.List("s")
	return says == kind && (!all.Has("h") || slices.Contains(all.List("h"), "sha256")) &&
		(!all.Has("s") || slices.Contains(services, "*") || slices.Contains(services, "email"))
}

func (k *key) read(der []byte, kind string) (flaw Reason) {
	if kind == "rsa" {
		return k.readRSA(der)
	}
	if len(der) != ed25519.PublicKeySize {
		return BadKey
	}
	k.public, k.bits = ed25519.PublicKey(der), 8*ed25519.PublicKeySize
	return ""
}

// readRSA reads a SubjectPublicKeyInfo, or the bare key that some publish and RFC 6376 means.
func (k *key) readRSA(der []byte) (flaw Reason) {
	public, err := x509.ParsePKCS1PublicKey(der)
	if err != nil {
		any, err := x509.ParsePKIXPublicKey(der)
		var is bool
		if public, is = any.(*rsa.PublicKey); err != nil || !is {
			return BadKey
		}
	}
	k.public, k.bits = public, public.N.BitLen()
	if k.bits < minBits || k.bits > maxBits {
		return KeyLength
	}
	return ""
}
