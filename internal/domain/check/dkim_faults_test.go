package check

import (
	"slices"
	"strings"
	"testing"

	"postward/internal/wire/dns"
)

// keys as openssl(1) makes them, as they are published.
const (
	key512   = "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBANau5YyhKq4PzfoSOjHyN9FaWIHFW8c6+afRmCzsh1MKg9ouvpavbaHiJAmS5Ha1Jql3hPrZACvI8VCHfVyFu+8CAwEAAQ=="
	key1024  = "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDoOKvCJH9/9nBdmHjQ0RyPTMmaYDmHFO5NOMDPJsFxOvF/OElB4V9RHISlShCBvZPElk1EOzfwuvuGiYL8yoQDeCpB8huFd9I+dModtzMuN7TTHuhpsAgtfHAcH5AwcC67esVaVzp0ZrCsuME5Nvgj5GW732CxAzRKocGnAhVfVwIDAQAB"
	smallKey = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
	goodKey  = "v=DKIM1; h=sha256; k=rsa; p=MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAuu+2SUSd77TG/jDdCvsVyZrB+LiCx40OckQK2tyQIt/vcap1tGudc4SABwYGxiWJqJibwcP2+/JRcQV0bJWKBai0rz/GJ8UILpeNNrt2i0cAcVn2hOXsmnxovK8q/i5jRznNdFUTtR40PjZEF4GAbBo+hT2ErWzNh+4Jsy95I1IUwOceI0ptHOpH5Ik2JgjBURjEVVTqxIDWjDH57QUcDZzFUYEGBN4VmoEBrW6RBHY6BVCwmp+Qdav3PByYyJZFQLVEXyWb3i3nKIhfDN24J4pz8SznOLUdx7uDasAbtXyGxO64IIM8roSfMmiBbWhDNUQip+qex29HsEdAWZQBzwIDAQAB"
)

// dkimRecord plants another key in the place of the clean one.
func dkimRecord(want ID, texts ...string) fault {
	f := fault{take: []string{"mail._domainkey."}, want: []ID{want}}
	for _, text := range texts {
		f.put = append(f.put, Text("mail._domainkey.example.org", text).String())
	}
	return f
}

// unnamed is a fault that is looked for without being told the selector.
func unnamed(f fault) fault {
	f.also = func(w *domainWorld) { w.target.Selectors = nil }
	return f
}

var dkimFaults = map[string]fault{
	"no key at the selector":                      dkimRecord("dkim.missing"),
	"a text at the selector":                      dkimRecord("dkim.missing", "hello"),
	"a key too short":                             dkimRecord("dkim.short", "v=DKIM1; p="+key512),
	"a weak key":                                  dkimRecord("dkim.weak", "v=DKIM1; p="+key1024),
	"a weak key at a usual selector":              unnamed(dkimRecord("dkim.weak", "v=DKIM1; p="+key1024)),
	"a key that is no base64":                     dkimRecord("dkim.broken", "v=DKIM1; p=MIG(fMA0)"),
	"a key that is none":                          dkimRecord("dkim.broken", "v=DKIM1; p=aGVsbG8="),
	"a key of another version":                    dkimRecord("dkim.broken", "v=DKIM2; p="+key1024),
	"a key of an unknown type":                    dkimRecord("dkim.broken", "v=DKIM1; k=dsa; p="+key1024),
	"a key record without a key":                  dkimRecord("dkim.broken", "v=DKIM1; k=rsa"),
	"a key record with a tag twice":               dkimRecord("dkim.broken", "v=DKIM1; k=rsa; k=rsa; p="+key1024),
	"a key that is revoked":                       dkimRecord("dkim.revoked", "v=DKIM1; p="),
	"a key of Ed25519 alone":                      dkimRecord("dkim.ed25519", smallKey),
	"a key of Ed25519 alone, at a usual selector": unnamed(dkimRecord("dkim.ed25519", smallKey)),
	"usual selectors that are revoked":            kept(unnamed(fault{take: []string{"mail._domainkey."}, put: []string{Text("s1._domainkey.example.org", "v=DKIM1; p=").String(), Text("s2._domainkey.example.org", "p=").String()}, want: []ID{"dkim.unseen"}})),
	"several keys":                                dkimRecord("dkim.several", "v=DKIM1; p="+key1024, goodKey),
	"a key with its version last":                 dkimRecord("dkim.broken", goodKey[len("v=DKIM1; "):]+"; v=DKIM1"),
	"a key without semicolons":                    dkimRecord("dkim.broken", strings.ReplaceAll(goodKey, ";", "")),
	"a key twice, once with a slip":               dkimRecord("dkim.several", goodKey, strings.ReplaceAll(goodKey, ";", ",")),
	"a key for sha1":                              dkimRecord("dkim.sha1", "h=sha1; "+goodKey[len("v=DKIM1; h=sha256; "):]),
	"a key for something else":                    dkimRecord("dkim.service", goodKey+"; s=tlsrpt"),
	"a key for a test":                            dkimRecord("dkim.testing", goodKey+"; t=y"),
	"a key of RFC 4871":                           kept(dkimRecord("dkim.old", goodKey+"; g=*")),
	"a key at an unusual selector":                kept(unnamed(fault{take: []string{"mail._domainkey."}, put: []string{Text("x7._domainkey.example.org", goodKey).String()}, want: []ID{"dkim.unseen"}})),
	"a key for every selector":                    kept(unnamed(fault{take: []string{"mail._domainkey."}, put: []string{Text("*._domainkey.example.org", goodKey).String()}, want: []ID{"dkim.wildcard"}})),
	"nobody answers for the key":                  kept(fault{also: func(w *domainWorld) { w.fail["mail._domainkey.example.org"] = dns.Timeout }, want: []ID{"dkim.unknown"}}),
	"a test, for sha1, and not mail":              {take: []string{"mail._domainkey."}, put: []string{Text("mail._domainkey.example.org", "h=sha1; s=x; t=y:s; "+goodKey[len("v=DKIM1; h=sha256; "):]).String()}, want: []ID{"dkim.sha1", "dkim.service", "dkim.testing"}},
}

// TestAWeakKeyIsReplacedAtAnotherSelector: mail on the way is still verified with the old one.
func TestAWeakKeyIsReplacedAtAnotherSelector(t *testing.T) {
	for _, old := range []string{key512, key1024} {
		w := newWorld()
		f := dkimRecord("", "v=DKIM1; p="+old)
		f.plant(t, w)
		before := w.check(t)
		if len(before) != 1 || before[0].Mend == nil {
			t.Fatalf("%+v", before)
		}
		w.apply(t, before[0].Mend)
		if !slices.Equal(w.target.Selectors, []string{"mail2026"}) || len(w.check(t)) != 0 {
			t.Errorf("%v of %+v", w.target.Selectors, before[0].Mend)
		}
		w.target.Selectors = []string{"mail"}
		if after := w.check(t); !slices.Equal(ids(after), ids(before)) {
			t.Errorf("the old key is gone: %v", ids(after))
		}
	}
	r := run{Config: Config{Now: testNow}}
	for old, want := range map[string]string{"s1": "s1-2026", "mail2025": "mail2026", "mail2026": "mail2026b", "2025": "2026", "20230601": "20230601-2026", "s1-2026": "s1-2026b"} {
		if got := r.nextSelector(old); got != want {
			t.Errorf("%s: %s, want %s", old, got, want)
		}
	}
}

// TestAKeyWithASlipStaysTheKey: its other half signs, and no other.
func TestAKeyWithASlipStaysTheKey(t *testing.T) {
	for _, text := range []string{goodKey[len("v=DKIM1; "):] + "; v=DKIM1", strings.ReplaceAll(goodKey, ";", ""), strings.ToLower(goodKey[:7]) + goodKey[7:], "k=rsa; " + goodKey} {
		w := newWorld()
		f := dkimRecord("", text)
		f.plant(t, w)
		found := w.check(t)
		if len(found) != 1 || len(found[0].Mend.Set) > 0 || len(found[0].Mend.Add) != 1 || !strings.Contains(strings.ReplaceAll(found[0].Mend.Add[0].Value, `" "`, ""), goodKey[len(goodKey)-300:]) {
			t.Errorf("%.40s: %+v", text, found)
		}
	}
}
