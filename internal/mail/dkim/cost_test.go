package dkim

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math"
	"math/big"
	"slices"
	"testing"
	"time"

	"postward/test/rig"
)

// costly is the record of a key that nobody has: a modulus of so many bits, and the largest exponent that is taken.
func costly(t *testing.T, bits int) string {
	t.Helper()
	n, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), uint(bits-1)))
	if err != nil {
		t.Fatal(err)
	}
	n.SetBit(n.SetBit(n, bits-1, 1), 0, 1)
	return "v=DKIM1; p=" + base64.StdEncoding.EncodeToString(x509.MarshalPKCS1PublicKey(&rsa.PublicKey{N: n, E: math.MaxInt32}))
}

// TestCostlyKeysCostWhatIsBounded: as many signatures as are looked at, with as many keys as are tried for each, as long as are taken
// and with the largest exponent, take some 30 ms. A longer key is not tried.
func TestCostlyKeysCostWhatIsBounded(t *testing.T) {
	const patience = 3 * time.Second // of a processor
	for bits, want := range map[int]Reason{maxBits: Changed, 8 * maxBits: KeyLength} {
		m, record := newMaking(t), costly(t, bits)
		for i := range MaxSignatures {
			m.sign(sig{selector: fmt.Sprintf("s%d", i), records: slices.Repeat([]string{record}, maxRecords+1)})
			large := slices.Repeat([]byte{1}, bits/8)
			m.header[0].Value = Unsigned(m.header[0], 0).Value + base64.StdEncoding.EncodeToString(large)
		}
		zone, s := parseZone(t, m.dns()), Read(m.header)
		body := hashed(m.body, s.Forms()...)
		var results []Result
		took := rig.CPU(t, func() { results = s.Verify(t.Context(), s.Ask(t.Context(), zone), body, now) })
		if t.Logf("%d bits: %s", bits, took); took > patience {
			t.Errorf("%d bits: %s", bits, took)
		}
		for _, r := range results {
			if r.Reason != want {
				t.Errorf("%d bits: %s, want %s", bits, r, want)
			}
		}
	}
}
