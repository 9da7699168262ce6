package dkim

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"postward/internal/mail/canon"
)

// signers are ours: each kind of key, published in the mail's world.
func signers(t testing.TB, m *making) []*Signer {
	t.Helper()
	var all []*Signer
	for _, key := range []string{"rsa2048", "rsa4096", "ed25519"} {
		s, err := NewSigner("author.example", key, privateKey(t, key))
		if err != nil {
			t.Fatal(err)
		}
		m.zone[key+"._domainkey.author.example"] = []string{record(t, key)}
		all = append(all, s)
	}
	return all
}

// shapes are mails of every form that a signature must bear.
var shapes = map[string]func(*making){
	"as it is":               func(*making) {},
	"no body":                func(m *making) { m.body = "" },
	"header only":            func(m *making) { m.body, m.bare = "", true },
	"blank lines":            func(m *making) { m.body = "\r\n\r\n \t\r\n" },
	"trailing blank lines":   func(m *making) { m.body += "\r\n\r\n\r\n" },
	"trailing blanks":        func(m *making) { m.body = strings.ReplaceAll(m.body, "\r\n", " \t \r\n") },
	"no final line end":      func(m *making) { m.body = "Hello" },
	"blanks and no line end": func(m *making) { m.body = "Hello \t" },
	"long lines":             func(m *making) { m.body = strings.Repeat(strings.Repeat("x ", 5000)+"\r\n", 20) },
	"8 bit":                  func(m *making) { m.body = "Gr\xc3\xbc\xc3\x9fe \xff\xfe\x80\r\n" },
	"dots":                   func(m *making) { m.body = ".\r\n..\r\n" },
	"a folded subject":       func(m *making) { m.change("Subject", " a", "\r\n\ta\r\n \r\n b") },
	"an empty subject":       func(m *making) { m.header[m.find("Subject")].Value = "" },
	"blanks in a subject":    func(m *making) { m.change("Subject", " a", " \t  a  \t b \t") },
	"UTF-8 in a subject":     func(m *making) { m.change("Subject", "test", "Prüfung") },
	"repeated fields":        func(m *making) { m.top("List-Id", " <a>"); m.top("List-Id", " <b>"); m.top("To", " c@one.example") },
	"fields of a list": func(m *making) {
		m.top("List-Unsubscribe", " <https://x.example>")
		m.top("List-Unsubscribe-Post", " List-Unsubscribe=One-Click")
	},
	"names in any case":       func(m *making) { m.header[m.find("Subject")].Name = "SUBJECT"; m.header[m.find("To")].Name = "to" },
	"another signature":       func(m *making) { m.sign(sig{}) },
	"trace fields":            func(m *making) { m.top("Received", " from a\r\n\tby b"); m.top("Return-Path", " <>") },
	"no To, no Subject":       func(m *making) { m.header = slices.Delete(m.header, 1, 3) },
	"a large mail":            func(m *making) { m.body = strings.Repeat("Hello, this is a line of a large mail.\r\n", 50000) },
	"a field of many lines":   func(m *making) { m.top("References", strings.Repeat("\r\n <1@author.example>", 200)) },
	"a body of one octet":     func(m *making) { m.body = "x" },
	"a body that is a header": func(m *making) { m.body = "From: eve@evil.example\r\n\r\nDKIM-Signature: v=1\r\n" },
}

// dkimpyKeeps is a shape that dkimpy hashes otherwise in the form relaxed: it cuts blanks at the end of a line before its CRLF,
// and adds the missing CRLF later; section 3.4.4 cuts first. No mail that comes by SMTP ends so.
const dkimpyKeeps = "blanks and no line end"

// leaving is the mail as it leaves, with a signature of ours.
func leaving(t testing.TB, s *Signer, m *making) *making {
	t.Helper()
	f, err := s.Sign(m.header, hashed(m.body, SignedForms()...), now)
	if err != nil {
		t.Fatal(err)
	}
	return &making{t: t, header: append([]canon.Field{f}, m.header...), body: m.body, bare: m.bare, zone: m.zone}
}

// TestOthersVerifyWhatWeSign: we, go-msgauth and dkimpy, with each kind of key.
func TestOthersVerifyWhatWeSign(t *testing.T) {
	var orders []order
	var of []string
	for shape, do := range shapes {
		m := newMaking(t)
		do(m)
		for _, s := range signers(t, m) {
			mail := leaving(t, s, m)
			if got := verified(mail.header, mail.body, parseZone(t, m.dns()))[0]; got.Status != Pass || got.Selector != s.Selector || !got.Time.Equal(now) {
				t.Errorf("%s and %s: we say %s", shape, s.Selector, got)
			}
			says, why := msgauth(mail.mail(), parseZone(t, m.dns()))
			if !m.bare && (len(says) == 0 || says[0] != "pass") {
				t.Errorf("%s and %s: go-msgauth says %q (%s)", shape, s.Selector, says, why)
			}
			if shape == dkimpyKeeps {
				continue
			}
			orders = append(orders, verifying(m, mail.mail()))
			of = append(of, shape+" and "+s.Selector)
		}
	}
	for i, w := range dkimpy(t, orders) {
		if len(w.Says) == 0 || w.Says[0] != "pass" {
			t.Errorf("%s: dkimpy says %q (%s)", of[i], w.Says, w.Why)
		}
	}
	t.Logf("verified: mails=%d by us, go-msgauth and dkimpy", len(orders))
}

var forms = []string{"simple/simple", "simple/relaxed", "relaxed/simple", "relaxed/relaxed"}

// TestWeVerifyWhatGoMsgauthSigns: in all forms, with both kinds of key.
func TestWeVerifyWhatGoMsgauthSigns(t *testing.T) {
	n := 0
	for shape, do := range shapes {
		m := newMaking(t)
		if do(m); m.bare {
			continue // it reads no such mail
		}
		for _, s := range signers(t, m) {
			for _, form := range forms {
				field, err := theirs(m.mail(), s, form)
				if err != nil {
					t.Fatalf("%s: %v", shape, err)
				}
				header, body := parseMail(field + m.mail())
				if got := verifiedLater(header, body, parseZone(t, m.dns())); len(got) == 0 || got[0].Status != Pass || got[0].Selector != s.Selector {
					t.Errorf("%s, %s, %s: %v", shape, s.Selector, form, got)
				}
				n++
			}
		}
	}
	t.Logf("verified: mails=%d of go-msgauth", n)
}

// verifiedLater is verified, for others take t= from the clock.
func verifiedLater(header []canon.Field, body string, r Resolver) []Result {
	s := Read(header)
	asked := s.Ask(context.Background(), r)
	return s.Verify(context.Background(), asked, hashed(body, s.Forms()...), time.Now())
}

// theirs is a signature of go-msgauth.
func theirs(mail string, s *Signer, form string) (string, error) {
	header, body, _ := strings.Cut(form, "/")
	signer, err := dkim.NewSigner(&dkim.SignOptions{Domain: s.Domain, Selector: s.Selector, Signer: s.key, Hash: crypto.SHA256,
		HeaderCanonicalization: dkim.Canonicalization(header), BodyCanonicalization: dkim.Canonicalization(body)})
	if err != nil {
		return "", err
	}
	if _, err := io.WriteString(signer, mail); err != nil {
		return "", err
	}
	err = signer.Close()
	return signer.Signature(), err
}

// TestWeVerifyWhatDkimpySigns: in all forms, with both kinds of key.
func TestWeVerifyWhatDkimpySigns(t *testing.T) {
	pem, err := os.ReadFile(keys + "rsa2048.pem")
	if err != nil {
		t.Fatal(err)
	}
	type seeded interface{ Seed() []byte }
	private := map[string]string{"rsa2048": string(pem), "ed25519": base64.StdEncoding.EncodeToString(privateKey(t, "ed25519").(seeded).Seed())}
	var orders []order
	var of []*making
	var shape []string
	for name, do := range shapes {
		m := newMaking(t)
		do(m)
		signers(t, m)
		if name == dkimpyKeeps {
			continue
		}
		for key, text := range private {
			for _, form := range forms {
				orders = append(orders, order{Do: "sign", Mail: base64.StdEncoding.EncodeToString([]byte(m.mail())), Key: text, Forms: form,
					Algorithm: map[bool]string{true: "ed25519-sha256", false: "rsa-sha256"}[key == "ed25519"], Domain: "author.example", Selector: key})
				of, shape = append(of, m), append(shape, name+", "+key+", "+form)
			}
		}
	}
	for i, w := range dkimpy(t, orders) {
		header, body := parseMail(w.Field + of[i].mail())
		got := verifiedLater(header, body, parseZone(t, of[i].dns()))
		if len(got) == 0 || got[0].Status != Pass {
			t.Errorf("%s: %v (dkimpy: %s)", shape[i], got, w.Why)
		}
	}
	t.Logf("verified: mails=%d of dkimpy", len(orders))
}

// TestFieldsAreSignedAsAMilterHandsThemOn: with LF between the lines of a field, where the mail has CRLF.
func TestFieldsAreSignedAsAMilterHandsThemOn(t *testing.T) {
	m := newMaking(t)
	m.change("Subject", " a", "\r\n a\r\n\tb")
	milter := slices.Clone(m.header)
	for i := range milter {
		milter[i].Value = strings.ReplaceAll(milter[i].Value, "\r\n", "\n")
	}
	for _, s := range signers(t, m) {
		f, err := s.Sign(milter, hashed(m.body, SignedForms()...), now)
		if err != nil {
			t.Fatal(err)
		}
		if got := verified(append([]canon.Field{f}, m.header...), m.body, parseZone(t, m.dns()))[0]; got.Status != Pass {
			t.Errorf("%s: %s", s.Selector, got)
		}
	}
}

// TestNobodyCanAddToWhatWeSigned: a second field, or a first one of those that a reader is shown.
func TestNobodyCanAddToWhatWeSigned(t *testing.T) {
	m := newMaking(t)
	s := signers(t, m)[2]
	m.top("Sender", " anna@author.example")
	m.top("List-Unsubscribe", " <https://author.example>")
	for _, name := range slices.Concat(always, ifThere) {
		mail := leaving(t, s, m)
		mail.top(name, " eve@evil.example")
		got := verified(mail.header, mail.body, parseZone(t, m.dns()))[0]
		if there := slices.ContainsFunc(m.header, func(f canon.Field) bool { return f.Is(name) }); there || slices.Contains(always, name) {
			if got.Status == Pass {
				t.Errorf("a %s that was added: %s", name, got)
			}
		} else if got.Status != Pass {
			t.Errorf("the first %s: %s", name, got)
		}
	}
	for _, name := range []string{"Received", "Return-Path", "DKIM-Signature", "Authentication-Results", "ARC-Seal", "X-Spam"} {
		mail := leaving(t, s, m)
		mail.header = slices.Insert(mail.header, 1, canon.Field{Name: name, Value: " x"})
		if got := verified(mail.header, mail.body, parseZone(t, m.dns()))[0]; got.Status != Pass {
			t.Errorf("a %s that was added: %s", name, got)
		}
	}
}

// TestWhatIsChangedIsNoticed: every field that is signed, and the body.
func TestWhatIsChangedIsNoticed(t *testing.T) {
	m := newMaking(t)
	s := signers(t, m)[2]
	for _, name := range signs {
		if !slices.ContainsFunc(m.header, func(f canon.Field) bool { return f.Is(name) }) {
			m.top(name, " x@author.example")
		}
	}
	for i := range m.header {
		mail := leaving(t, s, m)
		mail.header[i+1].Value += "x"
		if got := verified(mail.header, mail.body, parseZone(t, m.dns()))[0]; got.Reason != Changed {
			t.Errorf("%s was changed: %s", m.header[i].Name, got)
		}
	}
	mail := leaving(t, s, m)
	if got := verified(mail.header, mail.body+"x", parseZone(t, m.dns()))[0]; got.Reason != BodyChanged {
		t.Errorf("the body was changed: %s", got)
	}
}

// TestASignatureIsAFieldThatMayBeSent: in lines of 78, of ASCII, and with neither x= nor l=.
func TestASignatureIsAFieldThatMayBeSent(t *testing.T) {
	m := newMaking(t)
	for range 12 {
		m.top("List-Id", " x")
	}
	for _, s := range signers(t, m) {
		f := leaving(t, s, m).header[0]
		for _, line := range strings.Split(f.Name+":"+f.Value, "\r\n") {
			if len(strings.ReplaceAll(line, "\t", "        ")) > 78 || strings.TrimSpace(line) == "" || strings.ContainsAny(line, "\r\n") {
				t.Errorf("a line: %q", line)
			}
		}
		all, ok := ParseTags(f.Value)
		if !ok || all.Has("x") || all.Has("l") || all.Value("t") != "1768478400" || f.Name != "DKIM-Signature" {
			t.Errorf("%+v", f)
		}
	}
}

// TestWhatCannotBeSignedIsNot: and the error says why.
func TestWhatCannotBeSignedIsNot(t *testing.T) {
	m := newMaking(t)
	s := signers(t, m)[2]
	many := slices.Concat(m.header, slices.Repeat(fields("Cc: x"), 17))
	for why, header := range map[string][]canon.Field{
		"it has no From field": fields("Subject: x"),
		"it has 2 From fields": append(fields("From: eve@evil.example"), m.header...),
		"it has 17 Cc fields":  many,
	} {
		if f, err := s.Sign(header, hashed(m.body, SignedForms()...), now); err == nil || f.Name != "" || !strings.Contains(err.Error(), why) {
			t.Errorf("want %q: %+v, %v", why, f, err)
		}
	}
	if f, err := s.Sign(m.header, canon.NewBody(canon.Simple), now); err == nil || f.Name != "" {
		t.Error("a body that was not hashed is signed")
	}
	gone, err := NewSigner("author.example", "x", away{privateKey(t, "rsa2048")})
	if err != nil {
		t.Fatal(err)
	}
	if f, err := gone.Sign(m.header, hashed(m.body, SignedForms()...), now); !errors.Is(err, errAway) || f.Name != "" {
		t.Errorf("%+v, %v", f, err)
	}
}

var errAway = errors.New("the key is away")

type away struct{ crypto.Signer }

func (away) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, errAway }

func TestSignersHaveGoodKeys(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for want, key := range map[string]crypto.Signer{"1024 bits: make one of 2048": privateKey(t, "rsa1024"), "make an RSA or": curve, "there is no key": nil} {
		if _, err := NewSigner("author.example", "x", key); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
	for _, name := range []string{"", "a b", "[192.0.2.1]", "a;b", "a\r\nb"} {
		if _, err := NewSigner(name, "x", privateKey(t, "ed25519")); err == nil {
			t.Errorf("the domain %q is taken", name)
		}
		if _, err := NewSigner("author.example", name, privateKey(t, "ed25519")); err == nil {
			t.Errorf("the selector %q is taken", name)
		}
	}
	if s, err := NewSigner("Bücher.Example.", "S1", privateKey(t, "ed25519")); err != nil || s.Domain != "xn--bcher-kva.example" || s.Selector != "s1" {
		t.Errorf("%+v %v", s, err)
	}
}
