package dkimkey

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"slices"
	"strings"
	"testing"
)

// public makes a key of so many bits, as it is published.
func public(t testing.TB, bits int, bare bool) string {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0")
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	der := x509.MarshalPKCS1PublicKey(&key.PublicKey)
	if !bare {
		if der, err = x509.MarshalPKIXPublicKey(&key.PublicKey); err != nil {
			t.Fatal(err)
		}
	}
	return base64.StdEncoding.EncodeToString(der)
}

func TestKeysAreReadAsReceiversDo(t *testing.T) {
	good := public(t, 2048, false)
	pair, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	small := base64.StdEncoding.EncodeToString(pair)
	for text, want := range map[string]string{
		"v=DKIM1; k=rsa; p=" + good:                        "rsa, 2048 bits",
		"p=" + good[:100] + " \t" + good[100:] + ";":       "rsa, 2048 bits",
		"v=DKIM1;p=" + public(t, 1024, true):               "rsa, 1024 bits",
		"v=DKIM1;p=" + public(t, 512, false):               "rsa, 512 bits",
		"v=DKIM1; k=ed25519; p=" + small:                   "ed25519, 256 bits",
		"v=DKIM1; k=rsa; p=" + small:                       "rsa, 0 bits: the key is none",
		"v=DKIM1; k=ed25519; p=" + good:                    "ed25519, 0 bits: the key is none",
		"v=DKIM1; p=":                                      "revoked",
		"v=DKIM1; k=rsa":                                   "rsa, 0 bits: no p tag",
		"v=DKIM1; p=!!":                                    "rsa, 0 bits: the key is none",
		"v=DKIM2; p=" + good:                               "rsa, 2048 bits: another version",
		"p=" + good + "; v=DKIM1":                          "rsa, 2048 bits: another version",
		"v=DKIM1; k=dsa; p=" + good:                        "dsa, 0 bits: an unknown key type",
		"v=DKIM1; h=sha1; p=" + good:                       "rsa, 2048 bits: sha256 is not let in",
		"v=DKIM1; h=sha1:SHA256; p=" + good:                "rsa, 2048 bits",
		"v=DKIM1; s=tlsrpt; p=" + good:                     "rsa, 2048 bits: not for mail",
		"v=DKIM1; s=tlsrpt : email; p=" + good:             "rsa, 2048 bits",
		"v=DKIM1; g=*; p=" + good:                          "rsa, 2048 bits: an old tag",
		"v=DKIM1; p=" + good + "; p=" + good:               "rsa, 2048 bits: a tag twice",
		"v=DKIM1 p; p=" + good + "; n":                     "rsa, 2048 bits: not a tag: another version",
		"":                                                 "rsa, 0 bits: no p tag",
		"v=DKIM1; p=" + good + strings.Repeat("; x=1", 50): "rsa, 2048 bits: too much: a tag twice",
	} {
		k := Parse(text)
		got := k.String()
		for i, r := range k.Remarks {
			if !slices.Contains(k.Remarks[:i], r) && (i == 0 || k.Remarks[i-1].Mark != r.Mark) {
				got += ": " + string(r.Mark)
			}
		}
		if got != want {
			t.Errorf("%.60q: %s, want %s", text, got, want)
		}
	}
}

func TestFlagsAreReadAndLeftAway(t *testing.T) {
	k := Parse("v=DKIM1; h=sha1; t=y:s; p=")
	if !k.Testing || !k.Strict || k.Without("t", "h") != "v=DKIM1; t=s; p=" {
		t.Errorf("%+v, %q", k, k.Without("t", "h"))
	}
	if k := Parse("v=DKIM1; t = y ; n=a b; p="); k.Without("t") != "v=DKIM1; n=a b; p=" {
		t.Errorf("%q", k.Without("t"))
	}
}

func TestAKeyIsNotThrownAwayForASlip(t *testing.T) {
	good := public(t, 2048, false)
	want := "v=DKIM1; k=rsa; p=" + good
	for _, text := range []string{
		"k=rsa; p=" + good + "; v=DKIM1", "p=" + good + "; k=rsa; v=DKIM1",
		"k=rsa; v=DKIM1; p=" + good, "v=DKIM1 k=rsa p=" + good, "v=DKIM1, k=rsa, p=" + good, "v=DKIM1; k=rsa p=" + good, "v=DKIM1; k=rsa; k=rsa; p=" + good,
		"v=dkim1; k=rsa; p=" + good, "V=DKIM1; K=rsa; P=" + good, "v=DKIM1; k:rsa; p:" + good, `v=DKIM1; k=rsa; p="` + good + `"`, "v=DKIM1\\; k=rsa\\; p=" + good,
		"v=DKIM1;\u00a0k=rsa;\u00a0p=" + good[:80] + "\u00a0" + good[80:], "v=DKIM1; k=rsa; p=-----BEGIN PUBLIC KEY-----" + good + "-----END PUBLIC KEY-----",
		"v=DKIM1; k=rsa; ; p=" + good, "v=DKIM1; hello; k=rsa; p=" + good,
	} {
		got := Parse(Mended(text))
		if k := Parse(text); k.Usable() || !got.Usable() || got.Bits != 2048 || strings.Count(got.Without(), good) != 1 || !strings.HasPrefix(got.Without(), "v=DKIM1; ") || len(got.Without()) != len(want) {
			t.Errorf("%.60q is mended to %.80q", text, got.Without())
		}
		if !IsKey(text) {
			t.Errorf("%.60q is no key", text)
		}
	}
	if got := Mended("k=rsa; n=a b; t=s; x=y; p=" + good + "; v=DKIM1"); got != "v=DKIM1; k=rsa; n=a b; t=s; x=y; p="+good {
		t.Error(got)
	}
	for _, text := range []string{want, "p=" + good, "v=DKIM2; p=" + good, "v=DKIM1; p=", "v=DKIM1; k=rsa; p=" + good[:100], "v=DKIM1; k=dsa; p=" + good, "v=spf1 -all", "", "hello p=x"} {
		if got := Mended(text); got != "" {
			t.Errorf("%.60q is mended to %.80q", text, got)
		}
	}
}

func FuzzMended(f *testing.F) {
	const key = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
	for _, s := range []string{"k=ed25519; p=" + key + "; v=DKIM1", "v=DKIM1 k=ed25519, p:" + key, "V=dkim1;K=ed25519;P=\"" + key + "\"", ";;p=;v"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if got := Mended(text); got != "" {
			if k := Parse(got); !k.Usable() || Mended(got) != "" {
				t.Errorf("%q is mended to %q", text, got)
			}
		}
	})
}

func TestWhatIsPublishedIsOneTextHoweverItIsWritten(t *testing.T) {
	for text, want := range map[string]string{"v=DKIM1; k=rsa; p=AB CD\t EF; t=s": "ABCDEF", "p =\r\n AA;": "AA", "v=DKIM1; p=": "", "v=DKIM1": "", "n=p=no; p=yes": "yes"} {
		if k := Parse(text); k.Published() != want {
			t.Errorf("%q: %q, want %q", text, k.Published(), want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("v=DKIM1; k=rsa; h=sha256; s=email; t=y:s; g=; n=x; p=MIGf")
	f.Add("v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")
	f.Add(";;=;p=;p")
	f.Fuzz(func(t *testing.T, text string) {
		k := Parse(text)
		again := Parse(k.Without())
		if len(k.Remarks) == 0 && len(again.Remarks) > 0 || k.Bits != again.Bits && k.Bits != 0 {
			t.Errorf("%q is %+v, and written again %+v", text, k, again)
		}
		if len(k.Remarks) > 16 {
			t.Error(len(k.Remarks))
		}
	})
}
