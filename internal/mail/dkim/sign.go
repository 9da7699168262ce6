package dkim

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"postward/internal/mail/canon"
)

// Signer signs in the name of a domain. It may be used by many goroutines, as far as its key may.
type Signer struct {
	Domain, Selector string // in A-labels: where the public key is
	Algorithm        string // a=
	key              crypto.Signer
}

// NewSigner checks the key: RSA of 2048 to 4096 bits, or Ed25519.
func NewSigner(domain, selector string, key crypto.Signer) (*Signer, error) {
	d, sel, ok := domains(domain, selector)
	if !ok {
		return nil, fmt.Errorf("sign for %q: the domain or the selector %q is none: name where its key is published", domain, selector)
	}
	if key == nil {
		return nil, fmt.Errorf("sign for %s: there is no key: make an RSA or an Ed25519 key", d)
	}
	s := &Signer{Domain: d, Selector: sel, key: key}
	switch public := key.Public().(type) {
	case ed25519.PublicKey:
		s.Algorithm = "ed25519-sha256"
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits < goodBits || bits > maxBits {
			return nil, fmt.Errorf("sign for %s: the RSA key has %d bits: make one of %d to %d", d, bits, goodBits, maxBits)
		}
		s.Algorithm = "rsa-sha256"
	default:
		return nil, fmt.Errorf("sign for %s: a key of the type %T: make an RSA or an Ed25519 key", d, public)
	}
	return s, nil
}

// SignedForms are those in which Sign needs the body hashed.
func SignedForms() []canon.Form { return []canon.Form{canon.Relaxed} }

// Sign makes the DKIM-Signature of a mail, to be put above all other fields. It has no x=, so that it holds however long the
// mail waits, and no l=. A mail with no From or with several is not signed: readers differ in which of them they show.
func (s *Signer) Sign(header []canon.Field, body *canon.Body, now time.Time) (canon.Field, error) {
	if name, n := tooMany(header); n > 0 {
		return canon.Field{}, fmt.Errorf("sign a mail for %s: it has %d %s fields: let the program that wrote it write one (RFC 5322 section 3.6)", s.Domain, n, name)
	}
	begin := " v=1; a=" + s.Algorithm + "; c=relaxed/relaxed; t=" + strconv.FormatInt(now.Unix(), 10) + ";\r\n\td=" + s.Domain
	f, err := s.SignMail(name, begin+";\r\n\ts="+s.Selector, Covered(header, signs, seals), header, body)
	if err != nil {
		return canon.Field{}, fmt.Errorf("sign a mail for %s: %w", s.Domain, err)
	}
	return *f, nil
}

// SignMail makes a field that signs a mail in the form relaxed: with the tags that it begins with, h=, bh= and b=.
func (s *Signer) SignMail(name, begin string, covers []string, header []canon.Field, body *canon.Body) (*canon.Field, error) {
	if count(header)["from"] == 0 {
		return nil, errors.New("it has no From field, and without one nothing can be signed (RFC 6376 section 5.4)")
	}
	sum := body.Sum(canon.Relaxed)
	if sum == nil {
		return nil, errors.New("its body was not hashed in the form relaxed: see SignedForms")
	}
	f := &canon.Field{Name: name, Value: begin + ";\r\n\th=" + wrap(covers) + ";\r\n\tbh=" + base64.StdEncoding.EncodeToString(sum) + ";\r\n\tb="}
	signature := Signature{Header: canon.Relaxed, Covers: covers}
	return f, s.Finish(f, signature.Digest(header, f, 0))
}

// Finish puts the signature of a digest at the end of a field.
func (s *Signer) Finish(f *canon.Field, digest []byte) error {
	how := crypto.SHA256
	if s.Algorithm == "ed25519-sha256" {
		how = 0 // RFC 8463 section 3: the hash is what is signed
	}
	b, err := s.key.Sign(rand.Reader, digest, how)
	if err != nil {
		return fmt.Errorf("sign %s for %s: %w", f.Name, s.Domain, err)
	}
	text := base64.StdEncoding.EncodeToString(b)
	var lines []string
	for chunk := range slices.Chunk([]byte(text), 64) {
		lines = append(lines, string(chunk))
	}
	f.Value += strings.Join(lines, "\r\n\t ")
	return nil
}

// wrap joins names with colons, and folds before the line gets longer than 78.
func wrap(names []string) string {
	const first, next = 10, 9 // columns, behind "\th=" and "\t "
	var b strings.Builder
	column := first
	for i, name := range names {
		if i > 0 {
			b.WriteByte(':')
			column++
		}
		if column+len(name)+1 > 78 {
			b.WriteString("\r\n\t ")
			column = next
		}
		b.WriteString(name)
		column += len(name)
	}
	return b.String()
}
