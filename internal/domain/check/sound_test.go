package check

import (
	"testing"
	"time"

	"postward/internal/wire/dns"
	"postward/test/world"
)

// TestWhatIsSoundIsNotFound: unusual, and nothing is wrong with it.
func TestWhatIsSoundIsNotFound(t *testing.T) {
	for name, f := range soundThings {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			f.plant(t, w)
			if found := w.check(t); len(found) > 0 {
				t.Errorf("%+v", found)
			}
		})
	}
}

// dmarcTo is a sound DMARC record with reports to somebody.
func dmarcTo(address string, more ...string) fault {
	return dmarcRecord("", "p=reject; rua=mailto:"+address, more...)
}

var soundThings = map[string]fault{
	"a selector that was used once":      unnamed(fault{put: []string{Text("s1._domainkey.example.org", "v=DKIM1; p=").String()}}),
	"a key of Ed25519 beside one of RSA": {put: []string{Text("small._domainkey.example.org", smallKey).String()}, also: func(w *domainWorld) { w.target.Selectors = []string{"small", "mail"} }},

	"a certificate of six days, on the second":        at(mx2, cert(world.Leaf{From: testNow.Add(-24 * time.Hour), To: testNow.Add(5 * 24 * time.Hour)})),
	"MTA-STS at the second address":                   policyAt("", "192.0.2.28", "192.0.2.27"),
	"MTA-STS, the first is silent":                    policyAt("", blackhole, "192.0.2.27"),
	"MTA-STS, no way to the first":                    policyAt("", "198.51.100.27", "192.0.2.27"),
	"MTA-STS in two strings":                          {take: []string{"_mta-sts."}, put: []string{`_mta-sts.example.org. TXT "v=STSv1; id=20261124;" "x=1;"`}},
	"MTA-STS with a space before the semicolon":       {take: []string{"_mta-sts."}, put: []string{`_mta-sts.example.org. TXT "v=STSv1 ; id=20261124"`}},
	"MTA-STS beside another version":                  {put: []string{`_mta-sts.example.org. TXT "v=STSv10; x=1"`}},
	"no answer for TLSA of a host that is not signed": {also: func(w *domainWorld) { w.wrap = unsigned("mx2."); w.fail["_25._tcp.mx2.example.org"] = dns.Failure }},
	"TLS-RPT with a space after v":                    {take: []string{"_smtp."}, put: []string{`_smtp._tls.example.org. TXT "v=TLSRPTv1 ; rua=mailto:tls@example.org"`}},
	"DANE with the whole certificate": plus(pinned(cert(world.Leaf{Key: world.RSA2048})), func(w *domainWorld) {
		w.lines = append(w.lines[:len(w.lines)-1], "_25._tcp.mx2.example.org. TLSA 3 0 0 {certificate}")
	}),
	"several DMARC above":                     dmarcTo("a@example.org", `_dmarc.org. TXT "v=DMARC1; p=none"`, `_dmarc.org. TXT "v=DMARC1; p=reject; psd=y"`),
	"nobody answers above, reports stay here": {take: []string{"_dmarc."}, put: dmarcTo("a@reports.example.org").put, also: func(w *domainWorld) { w.fail["_dmarc.org"] = dns.Timeout }},
	"several DMARC between, own sound": {put: []string{`_dmarc.a.b.example.org. TXT "v=DMARC1; p=reject; ` + rua + `"`, `_dmarc.b.example.org. TXT "v=DMARC1; p=none"`, `_dmarc.b.example.org. TXT "v=DMARC1; p=reject"`},
		also: func(w *domainWorld) { w.below("a.b") }},
}
