// Package dane reads TLSA records as SMTP uses them (RFC 6698, RFC 7671, RFC 7672): which certificate a mail server must
// show. They count only when the answer that they came with was validated by DNSSEC; whoever asked knows that.
//
// It imports nothing of the house.
package dane

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Usage of the certificate that a record names (RFC 7671 section 2.1).
const (
	TrustAnchor = 2 // DANE-TA: an authority in the chain
	EndEntity   = 3 // DANE-EE: the host's own
)

// Record is a TLSA record.
type Record struct {
	Usage    uint8
	Selector uint8 // 0 the certificate, 1 its public key
	Matching uint8 // 0 whole, 1 SHA-256, 2 SHA-512
	Data     []byte
}

const maxData = 16 << 10

// Parse reads a record as zone files write it: "3 1 1 8d02…". One that is read but of no use for SMTP, or whose data
// cannot be what it says, is an error too.
func Parse(text string) (Record, error) {
	var r Record
	fields := strings.Fields(text)
	if len(fields) < 4 {
		return r, errors.New("a TLSA record is a usage, a selector, a matching type and data")
	}
	for i, to := range []*uint8{&r.Usage, &r.Selector, &r.Matching} {
		n, err := strconv.ParseUint(fields[i], 10, 8)
		if err != nil {
			return r, fmt.Errorf("%.20q is no number from 0 to 255", fields[i])
		}
		*to = uint8(n)
	}
	data, err := hex.DecodeString(strings.Join(fields[3:], ""))
	if err != nil || len(data) > maxData {
		return r, errors.New("the data are no hexadecimal octets")
	}
	r.Data = data
	switch lengths := map[uint8]int{1: sha256.Size, 2: sha512.Size}; {
	case r.Usage != TrustAnchor && r.Usage != EndEntity:
		return r, fmt.Errorf("usage %d is not for SMTP (RFC 7672 section 3.1.3)", r.Usage)
	case r.Selector > 1 || r.Matching > 2:
		return r, errors.New("the selector or the matching type is unknown")
	case lengths[r.Matching] != 0 && len(data) != lengths[r.Matching], len(data) == 0:
		return r, fmt.Errorf("%d octets are no digest of matching type %d", len(data), r.Matching)
	}
	return r, nil
}

// Matches reports whether a certificate is the one that is meant: its DER, and that of its SubjectPublicKeyInfo.
func (r Record) Matches(der, spki []byte) bool {
	of := der
	if r.Selector == 1 {
		of = spki
	}
	switch r.Matching {
	case 1:
		sum := sha256.Sum256(of)
		of = sum[:]
	case 2:
		sum := sha512.Sum512(of)
		of = sum[:]
	}
	return bytes.Equal(of, r.Data)
}

// For is the record that RFC 7672 section 3.1.1 advises for a host's key: "3 1 1 …".
func For(spki []byte) string {
	sum := sha256.Sum256(spki)
	return fmt.Sprintf("%d 1 1 %x", EndEntity, sum)
}
