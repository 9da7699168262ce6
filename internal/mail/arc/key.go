package arc

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"slices"
	"strings"
	"sync"

	"postward/internal/wire/dns"
)

// Resolver is what is asked for keys: what of a dns.Resolver is needed.
type Resolver interface {
	TXT(ctx context.Context, name string) dns.Answer
}

// Lengths of RSA keys, in bits: those that are verified with, and the shortest to seal with (RFC 8301 section 3.2). A
// longer one costs too much of whoever has a mail to send us.
const (
	minBits  = 1024
	maxBits  = 4096
	goodBits = 2048
)

// maxRecords is how many records at one name are tried (RFC 6376 section 6.1.2 step 4), atOnce how many names are asked
// for at a time.
const (
	maxRecords = 4
	maxRecord  = 16 << 10
	atOnce     = 8
)

// keyring is what was answered, by name. It belongs to one validation.
type keyring struct {
	resolver Resolver
	answers  map[string]dns.Answer
}

// keyName is where the key of a signature is (RFC 6376 section 3.6.2.1).
func (s *signature) keyName() string { return s.selector + "._domainkey." + s.domain }

// ask asks for the keys of some signatures at once, for each name one time.
func (k *keyring) ask(ctx context.Context, all ...*signature) {
	var names []string
	for _, s := range all {
		if name := s.keyName(); k.answers[name].Outcome == 0 && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	answers := make([]dns.Answer, len(names))
	var wait sync.WaitGroup
	for i, name := range names {
		wait.Go(func() { answers[i] = k.resolver.TXT(ctx, name) })
	}
	wait.Wait()
	for i, name := range names {
		k.answers[name] = answers[i]
	}
}

// verify tries a signature of a digest with what was answered. Several records are tried until one fits.
func (k *keyring) verify(s *signature, digest []byte) Reason {
	a := k.answers[s.keyName()]
	if !a.Outcome.Known() {
		return NotAsked
	}
	why := NoKey
	for _, text := range a.Texts[:min(len(a.Texts), maxRecords)] {
		got := s.try(text, digest)
		if got == "" {
			return ""
		}
		if why == NoKey { // any other text may stand beside the key
			why = got
		}
	}
	return why
}

// try verifies with one record.
func (s *signature) try(record string, digest []byte) Reason {
	key, why := readKey(record, s.algorithm)
	if why != "" {
		return why
	}
	match := false
	switch key := key.(type) {
	case *rsa.PublicKey:
		match = rsa.VerifyPKCS1v15(key, crypto.SHA256, digest, s.sum) == nil
	case ed25519.PublicKey:
		match = ed25519.Verify(key, digest, s.sum) // RFC 8463 section 3: of the hash
	}
	if !match {
		return Changed
	}
	return ""
}

// readKey reads a key record (RFC 6376 section 3.6.1) for one algorithm. The flags t= say nothing here: y changes nothing
// for a verifier, s is about the tag i= of DKIM.
func readKey(record, algorithm string) (crypto.PublicKey, Reason) {
	all, ok := parseTags(record)
	if len(record) > maxRecord || !ok || !all.has("p") || all.has("v") && (all[0].name != "v" || all[0].value != "DKIM1") {
		return nil, NoKey
	}
	kind := strings.ToLower(all.value("k"))
	if !all.has("k") {
		kind = "rsa"
	}
	services, hashes := all.list("s"), all.list("h")
	switch {
	case all.value("p") == "":
		return nil, Revoked
	case kind != algorithm, all.has("h") && !has(hashes, "sha256"), all.has("s") && !has(services, "*") && !has(services, "email"):
		return nil, KeyForOther
	}
	der, err := base64.StdEncoding.DecodeString(squeeze(all.value("p")))
	if err != nil {
		return nil, BadKey
	}
	if kind == "ed25519" {
		return edwards(der)
	}
	return rsaKey(der)
}

func edwards(b []byte) (crypto.PublicKey, Reason) {
	if len(b) != ed25519.PublicKeySize {
		return nil, BadKey
	}
	return ed25519.PublicKey(b), ""
}

// rsaKey reads a SubjectPublicKeyInfo, or the bare key that some publish and RFC 6376 means.
func rsaKey(der []byte) (crypto.PublicKey, Reason) {
	key, err := x509.ParsePKCS1PublicKey(der)
	if err != nil {
		any, err := x509.ParsePKIXPublicKey(der)
		var is bool
		if key, is = any.(*rsa.PublicKey); err != nil || !is {
			return nil, BadKey
		}
	}
	if bits := key.N.BitLen(); bits < minBits || bits > maxBits {
		return nil, KeyLength
	}
	return key, ""
}
