package dmarc

import (
	"context"
	"strings"
	"testing"

	"postward/internal/wire/dns"
)

func zone(t *testing.T, text string) *dns.Zone {
	t.Helper()
	z, err := dns.ParseZone(strings.NewReader(text+"\n"), ".", "zone")
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func record(domain, tags string) string {
	return "\n_dmarc." + domain + `. TXT "v=DMARC1; ` + tags + `"`
}

func asked(f Found) string {
	var all []string
	for _, s := range f.Steps {
		all = append(all, s.Domain)
	}
	return strings.Join(all, " ")
}

func TestTheWalkFindsWhatHoldsAndTheOrganizationalDomain(t *testing.T) {
	long := strings.Repeat("a.", 18) + "example.org"
	for name, c := range map[string]struct {
		zone, domain, at, org string
		asked                 string
	}{
		"the domain's own":             {record("example.org", "p=reject"), "example.org", "example.org", "example.org", "example.org org"},
		"the parent's":                 {record("example.org", "p=reject"), "a.b.example.org", "example.org", "example.org", "a.b.example.org b.example.org example.org org"},
		"own and the parent's":         {record("example.org", "p=reject") + record("a.example.org", "p=none"), "a.example.org", "a.example.org", "example.org", "a.example.org example.org org"},
		"none":                         {"", "a.example.org", "", "a.example.org", "a.example.org example.org org"},
		"psd=n stops":                  {record("example.org", "p=reject") + record("b.example.org", "p=none; psd=n"), "a.b.example.org", "b.example.org", "b.example.org", "a.b.example.org b.example.org"},
		"psd=y is one above":           {record("org", "p=reject; psd=y") + record("example.org", "p=none"), "a.example.org", "example.org", "example.org", "a.example.org example.org org"},
		"a public suffix's own policy": {record("org", "p=reject; psd=y"), "a.example.org", "org", "example.org", "a.example.org example.org org"},
		"two at a name are none":       {record("example.org", "p=reject") + record("example.org", "p=none"), "example.org", "", "example.org", "example.org org"},
		"eight names of a long one": {record("example.org", "p=reject"), long, "example.org", "example.org",
			long + " a.a.a.a.a.example.org a.a.a.a.example.org a.a.a.example.org a.a.example.org a.example.org example.org org"},
	} {
		f := Discover(t.Context(), zone(t, c.zone), c.domain)
		if f.At != c.at || f.Organizational != c.org || asked(f) != c.asked || f.Unknown {
			t.Errorf("%s: at %q, organizational %q, unknown %t, asked %s", name, f.At, f.Organizational, f.Unknown, asked(f))
		}
		if len(f.Steps) > MaxQueries {
			t.Errorf("%s: %d queries", name, len(f.Steps))
		}
	}
}

func TestSilenceIsNeverNoRecord(t *testing.T) {
	for _, name := range []string{"a.example.org", "example.org"} {
		z := zone(t, record("example.org", "p=reject"))
		z.Fail("_dmarc."+name, dns.Timeout)
		if f := Discover(t.Context(), z, "a.example.org"); !f.Unknown || f.At != "" || f.Organizational != "" {
			t.Errorf("%s is silent: %+v", name, f)
		}
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if f := Discover(over, zone(t, ""), "example.org"); !f.Unknown {
		t.Errorf("%+v", f)
	}
	z := zone(t, record("a.example.org", "p=reject"))
	z.Fail("_dmarc.org", dns.Timeout)
	if f := Discover(t.Context(), z, "a.example.org"); f.Unknown || f.At != "a.example.org" || f.Organizational != "" {
		t.Errorf("the domain's own record holds whoever else is silent: %+v", f)
	}
}

// The silent name could have been the Organizational Domain, by psd=n or psd=y of its own.
func TestNothingAboveASilentNameDecides(t *testing.T) {
	for _, psd := range []string{"n", "y"} {
		z := zone(t, record("example.org", "p=reject; psd="+psd))
		z.Fail("_dmarc.b.example.org", dns.Failure)
		if f := Discover(t.Context(), z, "a.b.example.org"); !f.Unknown || f.At != "" || f.Organizational != "" {
			t.Errorf("psd=%s: %+v", psd, f)
		}
	}
}

// Section 4.10.1: a record that cannot be read and asks for no reports ends the processing.
func TestNoRecordHoldsInPlaceOfOneThatCannotBeRead(t *testing.T) {
	for zoned, unusable := range map[string]string{
		record("a.example.org", "p=rejct") + record("example.org", "p=reject"): "a.example.org",
		record("example.org", "p=rejct") + record("org", "p=reject; psd=y"):    "example.org",
		record("org", "p=reject; np=x; psd=y"):                                 "org",
	} {
		f := Discover(t.Context(), zone(t, zoned), "a.example.org")
		if f.Unusable != unusable || f.At != "" || f.Organizational != "example.org" {
			t.Errorf("%s: unusable %q, at %q, organizational %q", zoned, f.Unusable, f.At, f.Organizational)
		}
	}
}

func TestReportsGoToOthersOnlyWithTheirConsent(t *testing.T) {
	z := zone(t, record("example.org", "p=none")+"\n"+`example.org._report._dmarc.wants.example. TXT "v=DMARC1"`)
	f := Discover(t.Context(), z, "example.org")
	for host, given := range map[string]bool{"example.org": true, "mail.example.org": true, "badexample.org": false, "wants.example": true, "other.example": false} {
		if c := Reporting(t.Context(), z, &f, host); c.Given != given {
			t.Errorf("%+v", c)
		}
	}
	if c := Reporting(t.Context(), z, &f, "other.example"); c.Name != "example.org._report._dmarc.other.example" {
		t.Errorf("%+v", c)
	}
}

func TestSilenceAboveIsNoWantOfConsent(t *testing.T) {
	z := zone(t, record("example.org", "p=none")+record("a.b.example.org", "p=none")+"\n"+`example.org._report._dmarc.wants.org. TXT "v=DMARC1"`)
	z.Fail("_dmarc.org", dns.Timeout)
	z.Fail("_dmarc.b.example.org", dns.Failure)
	for _, c := range []struct {
		domain, host string
		want         Consent
	}{
		{"example.org", "mail.example.org", Consent{Given: true}},
		{"example.org", "wants.org", Consent{Name: "example.org._report._dmarc.wants.org", Outcome: dns.Answered, Given: true}},
		{"example.org", "other.org", Consent{Name: "_dmarc.org", Outcome: dns.Timeout}},
		{"example.org", "other.example", Consent{Name: "example.org._report._dmarc.other.example", Outcome: dns.NoName}},
		{"a.b.example.org", "mail.a.b.example.org", Consent{Given: true}},
		{"a.b.example.org", "example.org", Consent{Name: "_dmarc.b.example.org", Outcome: dns.Failure}},
	} {
		f := Discover(t.Context(), z, c.domain)
		c.want.Host = c.host
		if got := Reporting(t.Context(), z, &f, c.host); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.domain, got, c.want)
		}
	}
}

func FuzzDiscover(f *testing.F) {
	f.Add("a.b.c.d.e.f.g.h.i.example.org", "v=DMARC1; p=none; psd=y")
	f.Fuzz(func(t *testing.T, domain, text string) {
		found := Discover(t.Context(), everywhere{text: text}, domain)
		if len(found.Steps) > MaxQueries {
			t.Fatalf("%d queries", len(found.Steps))
		}
	})
}

// everywhere has a text at each name.
type everywhere struct {
	dns.Resolver
	text string
}

func (e everywhere) TXT(context.Context, string) dns.Answer {
	return dns.Answer{Outcome: dns.Answered, Texts: []string{e.text}}
}
