package authpolicy

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"unicode/utf8"

	"postward/internal/mail/message"
)

// seen are requests of Dovecot 2.3.19, as they came.
const (
	seenAllow  = `{"login":"Anna@Example.org","protocol":"imap","pwhash":"426b1b1a","remote":"203.0.113.9","session_id":"abc+/1","tls":true}`
	seenReport = `{"login":"anna","protocol":"smtp","pwhash":"d2d6c2f2","remote":"::ffff:203.0.113.9","session_id":"","success":false,"policy_reject":true,"tls":false}`
)

func TestARequestIsReadAsDovecotMeansIt(t *testing.T) {
	client := netip.MustParseAddr("203.0.113.9")
	for body, want := range map[string]Attempt{
		seenAllow:  {Account: "anna@example.org", Client: client, Protocol: "imap", Session: "abc+/1", TLS: true, PasswordHash: 0x426b1b1a},
		seenReport: {Account: "anna", Client: client, Protocol: "smtp", PasswordHash: 0xd2d6c2f2, PolicyReject: true},
		// of 2.4, with an attribute of somebody's own
		`{"login":"a","remote":"","fail_type":"credentials","device_id":"(\"name\" \"x\")","attrs":{"cos":1},"success":true}`: {Account: "a", Success: true, Failure: "credentials"},
		// a whole SHA-256, and the 12 bits of the default
		`{"login":"a","pwhash":"ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"}`: {Account: "a", PasswordHash: 0xffeeddccbbaa9988},
		`{"login":"a","pwhash":"0abc"}`: {Account: "a", PasswordHash: 0xabc},
		// TLS, as Postfix says it, and a client of this host without it
		`{"login":"a","protocol":"smtp","secured":"secured","tls":false}`: {Account: "a", Protocol: "smtp", TLS: true},
		`{"login":"a","protocol":"imap","secured":"secured","tls":false}`: {Account: "a", Protocol: "imap"},
		// what is no address and no word
		`{"login":"a","remote":"fe80::1%eth0","protocol":"a b","session_id":"x\ny","pwhash":"zz"}`: {Account: "a"},
	} {
		a, err := parse([]byte(body))
		if err != nil || *a != want {
			t.Errorf("%s\n%#v %v\n%#v", body, a, err, want)
		}
	}
}

func TestALoginThatIsTooLongIsNobodyElses(t *testing.T) {
	long := strings.Repeat("a", message.MaxAddress)
	names := map[string]bool{}
	for _, login := range []string{long, long + "b", long + "c"} {
		a, err := parse(fmt.Appendf(nil, `{"login":%q}`, login))
		if err != nil || len(a.Account) > message.MaxAddress {
			t.Fatalf("%d %v", len(a.Account), err)
		}
		names[a.Account] = true
	}
	if len(names) != 3 {
		t.Error("two of them are one")
	}
}

func TestWhatIsNoRequestIsRefusedWithoutAWordOfIt(t *testing.T) {
	for _, body := range []string{"", "{", `{"pwhash":"secret"}`, `{"login":""}`, `{"login":"  "}`, `{"login":["secret"]}`, `{"login":"x"} secret`, `{"login":"x","tls":"secret"}`, "secret"} {
		_, err := parse([]byte(body))
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestAPasswordHashIsNeverPrinted(t *testing.T) {
	a, err := parse([]byte(`{"login":"a","pwhash":"0abc"}`))
	if err != nil {
		t.Fatal(err)
	}
	k := Key{"0abc"}
	var said strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%d", "%x", "%s", "%q"} {
		fmt.Fprintf(&said, verb+verb+verb, *a, a.PasswordHash, k)
	}
	b, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	said.Write(b)
	slog.New(slog.NewTextHandler(&said, nil)).Info("x", "attempt", a, "hash", a.PasswordHash, "key", k)
	slog.New(slog.NewJSONHandler(&said, nil)).Info("x", "attempt", a, "hash", a.PasswordHash, "key", k)
	for _, secret := range []string{"abc", "ABC", "2748", "0xabc"} {
		if strings.Contains(said.String(), secret) {
			t.Errorf("%s is in %s", secret, said.String())
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, body := range []string{seenAllow, seenReport, `{"login":"\u0000\ud800"}`, `{"login":"a","pwhash":"g"}`, "[]", "null", `{"LOGIN":"a"}`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		a, err := parse(body)
		if err != nil {
			return
		}
		if a.Account == "" || len(a.Account) > message.MaxAddress || !utf8.ValidString(a.Account) || message.Account(a.Account) != a.Account {
			t.Errorf("account %q", a.Account)
		}
		for _, word := range []string{a.Protocol, a.Session, a.Failure} {
			if len(word) > maxToken || strings.ContainsFunc(word, func(r rune) bool { return r <= ' ' || r > '~' }) {
				t.Errorf("%q", word)
			}
		}
		if a.Client.Is4In6() || a.Client.Zone() != "" {
			t.Errorf("%+v", a)
		}
	})
}
