package arc

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"postward/internal/mail/canon"
	"postward/internal/wire/dns"
)

func zoneFor(t testing.TB, m *making) *dns.Zone {
	t.Helper()
	zone, err := dns.ParseZone(strings.NewReader(m.dns()), ".", "zone")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// ours is one of our sealers, of which the key is published in the mail's world.
func ours(t testing.TB, m *making, key string) *Sealer {
	t.Helper()
	s, err := NewSealer("sealer.example", key, privateKey(t, key))
	if err != nil {
		t.Fatal(err)
	}
	m.zone[key+"._domainkey.sealer.example"] = []string{record(t, key)}
	return s
}

// TestASealAddsThreeFieldsAndNothingElse: the newest first, with the next instance, in lines that may be sent.
func TestASealAddsThreeFieldsAndNothingElse(t *testing.T) {
	for _, sets := range []int{0, 1, 12, 49} {
		m := newMaking(t)
		m.seals(sets, hop{key: "ed25519"})
		s := ours(t, m, "rsa2048")
		before := slices.Clone(m.header)
		header := sealed(t, s, m.header, m.body, m)
		if len(header) != len(before)+3 || !slices.Equal(header[3:], before) || !slices.Equal(m.header, before) {
			t.Errorf("%d sets: the header is another than it was, and three fields", sets)
		}
		for i, name := range []string{"ARC-Seal", "ARC-Message-Signature", "ARC-Authentication-Results"} {
			if header[i].Name != name || instance(header[i]) != sets+1 {
				t.Errorf("%d sets: field %d is %+v", sets, i, header[i])
			}
			for _, line := range strings.Split(name+":"+header[i].Value, "\r\n") {
				if len(strings.ReplaceAll(line, "\t", "        ")) > 78 {
					t.Errorf("%d sets: a long line: %q", sets, line)
				}
			}
		}
	}
}

// TestAFailedChainIsSealedAsFailed: with a seal of its own set alone (RFC 8617 section 5.1.2), over which nobody adds another.
func TestAFailedChainIsSealedAsFailed(t *testing.T) {
	for _, name := range []string{"seal-twice", "gap", "seal-harmed-in-the-middle", "body-changed", "seal-no-tags", "instance-missing", "cv-missing"} {
		for _, key := range []string{"rsa2048", "ed25519"} {
			c := suite[slices.IndexFunc(suite, func(c suiteCase) bool { return c.name == name })]
			m := newMaking(t)
			c.make(m)
			s := ours(t, m, key)
			was := validated(t, m.header, m.body, zoneFor(t, m))
			set, err := s.Seal(Read(m.header), m.header, was, found, hashed(m.body, s.Forms()...), now)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if !strings.Contains(set[0].Value, "cv=fail") || !holds(t, key, set) {
				t.Errorf("%s: sealed as %q", name, set[0].Value)
			}
			header := append(set, m.header...)
			after := validated(t, header, m.body, zoneFor(t, m))
			if after.Reason != Ended || after.Instance != Read(m.header).Len()+1 {
				t.Errorf("%s: then it is %s", name, after)
			}
			if _, err := s.Seal(Read(header), header, after, found, hashed(m.body, s.Forms()...), now); !errors.Is(err, ErrEnded) {
				t.Errorf("%s: sealed once more: %v", name, err)
			}
		}
	}
}

// holds verifies a seal of a set alone, by other code than what made it.
func holds(t *testing.T, key string, set []canon.Field) bool {
	t.Helper()
	at := strings.LastIndex(set[0].Value, "b=") + 2
	sum := sha256.Sum256([]byte(canonical(true, set[2]) + "\r\n" + canonical(true, set[1]) + "\r\n" +
		canonical(true, canon.Field{Name: "ARC-Seal", Value: set[0].Value[:at]})))
	b, err := base64.StdEncoding.DecodeString(regexp.MustCompile(`\s`).ReplaceAllString(set[0].Value[at:], ""))
	if err != nil {
		t.Fatal(err)
	}
	switch public := privateKey(t, key).Public().(type) {
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], b) == nil
	case ed25519.PublicKey:
		return ed25519.Verify(public, sum[:], b)
	}
	return false
}

// TestWhatCannotBeSealedIsNot: and says why.
func TestWhatCannotBeSealedIsNot(t *testing.T) {
	m := newMaking(t)
	s := ours(t, m, "ed25519")
	one, full := newMaking(t), newMaking(t)
	one.seal(hop{})
	full.seals(50, hop{key: "ed25519"})
	nameless := []canon.Field{{Name: "Subject", Value: " x"}}
	for why, c := range map[string]struct {
		header []canon.Field
		was    Result
		found  string
	}{
		ErrTempError.Error():                    {one.header, Result{Status: TempError}, found},
		ErrFull.Error():                         {full.header, Result{Status: Pass}, found},
		"it has a chain that was not validated": {one.header, Result{}, found},
		"it has no From field":                  {nameless, Result{}, found},
		"no text of one header field":           {m.header, Result{}, "mx.sealer.example; none\r\nFrom: boss@example.org"},
	} {
		set, err := s.Seal(Read(c.header), c.header, c.was, c.found, hashed(m.body, s.Forms()...), now)
		if set != nil || err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("want %q: %v, %v", why, set, err)
		}
	}
	for _, bad := range []string{"", " ", "a\x00b", "a\r\n", "a\r\nb", "a\nb", "a\rb", "a\x7f"} {
		if isFolded(bad) {
			t.Errorf("%q is taken for the text of one field", bad)
		}
	}
	if _, err := s.Seal(Read(m.header), m.header, Result{}, found, canon.NewBody(canon.Simple), now); err == nil {
		t.Error("a body that was not hashed is sealed")
	}
}

func TestSealersHaveGoodKeys(t *testing.T) {
	if _, err := NewSealer("sealer.example", "x", privateKey(t, "rsa1024")); err == nil || !strings.Contains(err.Error(), "1024 bits") {
		t.Errorf("an RSA key of 1024 bits: %v", err)
	}
	for _, domain := range []string{"", "a b", "[192.0.2.1]", "a;b"} {
		if _, err := NewSealer(domain, "x", privateKey(t, "ed25519")); err == nil {
			t.Errorf("the domain %q is taken", domain)
		}
	}
	if s, err := NewSealer("Bücher.Example.", "S1", privateKey(t, "ed25519")); err != nil || s.Domain != "xn--bcher-kva.example" || s.Selector != "s1" {
		t.Errorf("%+v %v", s, err)
	}
}

// TestWhatIsSealedCannotBeAddedTo: a second field of those that a mail has once breaks the seal; one that the mail had not may be
// added, for servers add what is missing.
func TestWhatIsSealedCannotBeAddedTo(t *testing.T) {
	m := newMaking(t)
	s := ours(t, m, "ed25519")
	header := sealed(t, s, m.header, m.body, m)
	for name, want := range map[string]Status{"From": Fail, "from": Fail, "Subject": Fail, "Date": Fail, "To": Fail, "Message-ID": Fail, "Content-Type": Fail,
		"Cc": Pass, "Reply-To": Pass, "Received": Pass, "Authentication-Results": Pass, "X-Spam": Pass} {
		added := append([]canon.Field{{Name: name, Value: " evil@evil.example"}}, header...)
		if got := validated(t, added, m.body, zoneFor(t, m)); got.Status != want {
			t.Errorf("%s added: %s, want %s", name, got, want)
		}
	}
}

// TestTheKeyMayFailToSign: a key that is somewhere else.
func TestTheKeyMayFailToSign(t *testing.T) {
	s, err := NewSealer("sealer.example", "x", away{privateKey(t, "rsa2048")})
	if err != nil {
		t.Fatal(err)
	}
	m := newMaking(t)
	if set, err := s.Seal(Read(m.header), m.header, Result{}, found, hashed(m.body, s.Forms()...), now); set != nil || !errors.Is(err, errAway) {
		t.Errorf("%v, %v", set, err)
	}
}

var errAway = errors.New("the key is away")

type away struct{ crypto.Signer }

func (away) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return nil, errAway
}
