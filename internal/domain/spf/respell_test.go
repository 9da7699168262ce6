package spf

import (
	"strings"
	"testing"
)

func TestASlipIsReadAsItWasMeant(t *testing.T) {
	for text, want := range map[string]string{
		// octets that look like blanks, and none
		"mx include:_spf.example.net\u00a0~all":        "mx include:_spf.example.net ~all",
		"mx\tinclude:_spf.example.net\t~all":           "mx include:_spf.example.net ~all",
		"mx\xa0ip4:192.0.2.1\r\n-all":                  "mx ip4:192.0.2.1 -all",
		"mx\u2003a\u3000~all":                          "mx a ~all",
		"mx include:_spf.exa\u200bmple.net\ufeff ~all": "mx include:_spf.example.net ~all",
		"mx \u2013all":                                 "mx -all",
		"mx \u02dcall":                                 "mx ~all",
		"mx \u201cinclude:a.example.net\u201d -all":    "mx include:a.example.net -all",
		`mx" "include:a.example.net -all"`:             "mx include:a.example.net -all",
		// blanks where none belong
		"mx include: _spf.example.net ~all":           "mx include:_spf.example.net ~all",
		"mx include :_spf.example.net ~all":           "mx include:_spf.example.net ~all",
		"mx include : _spf.example.net ~all":          "mx include:_spf.example.net ~all",
		"mx include _spf.example.net ~all":            "mx include:_spf.example.net ~all",
		"mx ip4 192.0.2.1 ip4: 192.0.2.2 -all":        "mx ip4:192.0.2.1 ip4:192.0.2.2 -all",
		"mx ip4:192.0.2.0 /24 - all":                  "mx ip4:192.0.2.0/24 -all",
		"redirect= _spf.example.net":                  "redirect=_spf.example.net",
		"redirect =_spf.example.net":                  "redirect=_spf.example.net",
		"ip6: 2001:db8::1 -all":                       "ip6:2001:db8::1 -all",
		"a: mail.example.net mx : b.example.net -all": "a:mail.example.net mx:b.example.net -all",
		"a mx ptr ~ all":                              "a mx ptr ~all",
		// commas
		"mx ip4:198.51.100.4,198.51.100.5 -all":             "mx ip4:198.51.100.4 ip4:198.51.100.5 -all",
		"mx, a, include:a.example.net,b.example.net; ~all;": "mx a include:a.example.net include:b.example.net ~all",
		"ip4:192.0.2.1, 192.0.2.0/28,2001:db8::/32 -all":    "ip4:192.0.2.1 ip4:192.0.2.0/28 ip6:2001:db8::/32 -all",
		"?ip4:192.0.2.1,192.0.2.2 mx,-all":                  "?ip4:192.0.2.1 ?ip4:192.0.2.2 mx -all",
		"exists:%{l1r,}.%{d2,}._spf.example.net -all":       "exists:%{l1r,}.%{d2,}._spf.example.net -all",
		// signs
		"mx redirect:_spf.example.net":               "mx redirect=_spf.example.net",
		"exp:why.example.net -all":                   "exp=why.example.net -all",
		"include=a.example.net ip4=192.0.2.1 -all":   "include:a.example.net ip4:192.0.2.1 -all",
		"ipv4=192.0.2.1 mx=b.example.net -all":       "ip4:192.0.2.1 mx:b.example.net -all",
		"include::a.example.net ip4:/192.0.2.1 -all": "include:a.example.net ip4:192.0.2.1 -all",
		"a: mx: -all":                         "a mx -all",
		"include:https://a.example.net/ -all": "include:a.example.net -all",
		// names
		"ipv4:192.0.2.1 ip:192.0.2.2 ipv6:2001:db8::1 -all": "ip4:192.0.2.1 ip4:192.0.2.2 ip6:2001:db8::1 -all",
		"inlcude:a.example.net includ:b.example.net -all":   "include:a.example.net include:b.example.net -all",
		"incude:a.example.net redirct=b.example.net":        "include:a.example.net redirect=b.example.net",
		"mx ~alll": "mx ~all",
		"mx -all.": "mx -all",
		// addresses
		"ip4:2001:db8::1 ip6:192.0.2.1 a:192.0.2.2 mx:192.0.2.3 include:192.0.2.4 -all": "ip6:2001:db8::1 ip4:192.0.2.1 ip4:192.0.2.2 ip4:192.0.2.3 ip4:192.0.2.4 -all",
		"192.0.2.1 +192.0.2.2 2001:db8::1 192.0.2.0/25 -all":                            "ip4:192.0.2.1 +ip4:192.0.2.2 ip6:2001:db8::1 ip4:192.0.2.0/25 -all",
		"ip4:192.0.2.0/255.255.255.0 ip4:192.0.2.010 -all":                              "ip4:192.0.2.0/24 ip4:192.0.2.10 -all",
		"ip4:192.0.2.* ip4:198.51.100/24 ip4:203.0.113 -all":                            "ip4:192.0.2.0/24 ip4:198.51.100.0/24 ip4:203.0.113.0/24 -all",
		"ip4:192.0.2.4-192.0.2.9 ip4:192.0.2.16-31 -all":                                "ip4:192.0.2.4/30 ip4:192.0.2.8/31 ip4:192.0.2.16/28 -all",
		"ip6:[2001:db8::1] ip4:192.0.2.1/33 -all":                                       "ip6:2001:db8::1 ip4:192.0.2.1 -all",
		"ip4:mail.example.net -all":                                                     "a:mail.example.net -all",
		// run together
		"ip4:192.0.2.1ip4:192.0.2.2 include:a.example.net-all": "ip4:192.0.2.1 ip4:192.0.2.2 include:a.example.net -all",
		"mx include:a.example.netinclude:b.example.net~all":    "mx include:a.example.net include:b.example.net ~all",
		"include:a.example.comredirect=b.example.net":          "include:a.example.com redirect=b.example.net",
		"mx ip4:192.0.2.1include:a.example.net":                "mx ip4:192.0.2.1 include:a.example.net",
		// what is sound, or nobody's business, stays as it is
		"MX A:x.example.net/24//64 Include:a.example.net ra=postmaster rp=10 rr=e op=auth -ALL": "MX A:x.example.net/24//64 Include:a.example.net ra=postmaster rp=10 rr=e op=auth -ALL",
		"redirect=a.example.net redirect=b.example.net":                                         "redirect=a.example.net include:b.example.net",
		"include:xn--a.xn--p1ai -all":                                                           "include:xn--a.xn--p1ai -all",
		"":                                                                                      "",
	} {
		got, lost := Respelled("v=spf1 " + text)
		if want = strings.TrimSpace("v=spf1 " + want); got != want || len(lost) > 0 {
			t.Errorf("%q: %q, want %q, lost %q", text, got, want, lost)
		}
	}
}

func TestWhatNobodyCanReadIsSaid(t *testing.T) {
	for text, want := range map[string]string{
		"mx moo -all": "moo", "mx ip4:192.0.2.300 -all": "ip4:192.0.2.300", "mx mail.example.net -all": "mail.example.net",
		"mx include: -all": "include:", "mx v=spf1 -all": "v=spf1", "mx a:%{x}.example.net -all": "a:%{x}.example.net",
	} {
		got, lost := Respelled("v=spf1 " + text)
		if got != "v=spf1 mx -all" || strings.Join(lost, " ") != want {
			t.Errorf("%q: %q, lost %q", text, got, lost)
		}
	}
}

func TestARecordWithASlipInItsVersionIsAlmostOne(t *testing.T) {
	for _, text := range []string{"v=spf1\u00a0mx -all", "v=spf1\tmx -all", " v=spf1 mx -all", `"v=spf1 mx -all"`, "v=spf1;mx -all", "v=spf1, mx -all", "v=spf 1 mx -all",
		"v = spf1 mx -all", "v:spf1 mx -all", "spf1 mx -all", "v=spf1mx -all", "v=spf1: mx -all", "\ufeffv=spf1 mx -all", "v=spf1.0 mx -all"} {
		if got, lost := Respelled(text); !Almost(text) || got != "v=spf1 mx -all" || len(lost) > 0 {
			t.Errorf("%q: %v, %q, lost %q", text, Almost(text), got, lost)
		}
	}
	for _, text := range []string{"v=spf1 mx -all", "v=spf2.0/pra mx -all", "v=spf10 mx -all", "spf2.0/mfrom a -all", "google-site-verification=spf1", "hello v=spf1", "v=DMARC1; p=none", ""} {
		if Almost(text) {
			t.Errorf("%q is almost a record", text)
		}
	}
}

func FuzzRespelled(f *testing.F) {
	for _, s := range []string{"v=spf1 mx\u00a0include: a.example,b.example ipv4=192.0.2.1-9 ~all", "v=spf1 - all:include:a=/ /24 %{l,} \xa0ip4:1.2.3ip6:::", "spf1 redirect:a redirect=b.example exp=c.example exp:d.example"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, _ := Respelled(text)
		r := Parse(got)
		if len(r.Faults) > 0 {
			t.Errorf("%q is spelled %q: %+v", text, got, r.Faults)
		}
		if again, lost := Respelled(got); again != got || len(lost) > 0 {
			t.Errorf("%q is spelled %q, and that %q, lost %q", text, got, again, lost)
		}
	})
}
