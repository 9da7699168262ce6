package dmarc

import (
	"strings"
	"testing"
)

func marks(r Record) string {
	var all []string
	for _, x := range r.Remarks {
		all = append(all, string(x.Mark))
	}
	return strings.Join(all, ", ")
}

func TestRecordsAreReadAsTheRFCWants(t *testing.T) {
	const rua = "rua=mailto:d@example.org"
	for text, want := range map[string]struct {
		p, sp, np Policy
		marks     string
	}{
		"v=DMARC1; p=none; " + rua:                                   {None, "", "", ""},
		"v=DMARC1;p=reject;sp=quarantine;np=reject;" + rua + ";":     {Reject, Quarantine, Reject, ""},
		"v=DMARC1 ; P = Reject ; " + rua:                             {Reject, "", "", ""},
		"v=DMARC1; " + rua + "; p=quarantine":                        {Quarantine, "", "", ""},
		"v=DMARC1; p=none":                                           {None, "", "", "no address for reports"},
		"v=DMARC1; " + rua:                                           {"", "", "", "no policy"},
		"v=DMARC1":                                                   {"", "", "", "no policy, no address for reports"},
		"v=DMARC1; p=monitor; " + rua:                                {"", "", "", "value that is none of the tag's"},
		"v=DMARC1; p=monitor":                                        {"", "", "", "value that is none of the tag's, no address for reports, no record for anybody"},
		"v=DMARC1; p=reject; sp=all; " + rua:                         {"", "", "", "value that is none of the tag's"},
		"v=DMARC1; p=reject; pct=50; rf=afrf; ri=86400; " + rua:      {Reject, "", "", "tag of RFC 7489, tag of RFC 7489, tag of RFC 7489"},
		"v=DMARC1; p=reject; p=none; " + rua:                         {Reject, "", "", "tag given twice"},
		"v=DMARC1; p=reject; foo=bar; " + rua:                        {Reject, "", "", "unknown tag"},
		"v=DMARC1; p=reject; foo; " + rua:                            {Reject, "", "", "not a tag"},
		"v=DMARC1; p=reject; adkim=x; t=maybe; psd=no; fo=2; " + rua: {Reject, "", "", strings.TrimSuffix(strings.Repeat("value that is none of the tag's, ", 4), ", ")},
		"v=DMARC1; p=reject; fo=1:d:s; adkim=s; aspf=S; t=y; " + rua: {Reject, "", "", ""},
		"v=DMARC1; p=reject; rua=mailto:d@example.org!10m":           {Reject, "", "", "size limit of RFC 7489"},
		"v=DMARC1; p=reject; rua=d@example.org":                      {Reject, "", "", "not a URI, no address for reports"},
		"v=DMARC1; p=reject; rua=mailto:nobody":                      {Reject, "", "", "not a URI, no address for reports"},
		"v=DMARC1; p=reject; rua=https://example.org/d":              {Reject, "", "", "not a mail address"},
		"v=DMARC1; p=reject; rua=mailto:\x01@example.org":            {Reject, "", "", "not a URI, no address for reports"},
	} {
		if !IsRecord(text) {
			t.Errorf("%s: is no record", text)
		}
		r := Parse(text)
		if r.Policy != want.p || r.Subdomain != want.sp || r.NonExistent != want.np || marks(r) != want.marks {
			t.Errorf("%s: p=%s sp=%s np=%s, %s", text, r.Policy, r.Subdomain, r.NonExistent, marks(r))
		}
	}
}

func TestOtherTextsAreNoRecords(t *testing.T) {
	for _, text := range []string{"", "v=dmarc1; p=none", "v=DMARC12; p=none", "p=none; v=DMARC1", "V=DMARC1; p=none", "v=spf1 -all", "v = DMARC 1"} {
		if IsRecord(text) {
			t.Errorf("%s: is a record", text)
		}
	}
}

func TestAPolicyIsForTheDomainBelowItAndWhatDoesNotExist(t *testing.T) {
	for text, want := range map[string][3]Policy{
		"v=DMARC1; p=reject":                             {Reject, Reject, Reject},
		"v=DMARC1; p=reject; sp=none":                    {Reject, None, None},
		"v=DMARC1; p=none; sp=quarantine; np=reject":     {None, Quarantine, Reject},
		"v=DMARC1; p=quarantine; np=reject":              {Quarantine, Quarantine, Reject},
		"v=DMARC1; p=odd; rua=mailto:a@b.example":        {None, None, None},
		"v=DMARC1; p=none; sp=odd; rua=mailto:a@b.examp": {None, None, None},
	} {
		r := Parse(text)
		if got := [3]Policy{r.Effective(false, true), r.Effective(true, true), r.Effective(true, false)}; got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

func TestAddressesForReportsAreBounded(t *testing.T) {
	r := Parse("v=DMARC1; p=none; rua=" + strings.Repeat("mailto:a@b.example,", 100) + strings.Repeat("; x=y", 100))
	if len(r.Aggregate) != MaxURIs || !r.Has(TooMuch) {
		t.Errorf("%d, %s", len(r.Aggregate), marks(r))
	}
}

func FuzzParse(f *testing.F) {
	f.Add("v=DMARC1; p=reject; sp=none; np=none; adkim=s; aspf=r; fo=0:1:d:s; psd=y; t=y; pct=1; rua=mailto:a@b.example!1k,https://x; ruf=mailto:b@c.example")
	f.Add("v=DMARC1;;;=;p=\x00;rua=mailto:%00@;" + strings.Repeat(";", 99))
	f.Fuzz(func(t *testing.T, text string) {
		r := Parse(text)
		if len(r.Aggregate) > MaxURIs || len(r.Failures) > MaxURIs {
			t.Fatal("too many addresses")
		}
		for _, u := range append(r.Aggregate, r.Failures...) {
			if printable(u.Text)+printable(u.Host) != u.Text+u.Host {
				t.Errorf("%q", u)
			}
		}
		for _, x := range r.Remarks {
			if strings.ContainsFunc(x.Text, func(c rune) bool { return c < ' ' || c > '~' }) {
				t.Errorf("%q", x.Text)
			}
		}
		if p := r.Effective(true, false); !p.valid() {
			t.Errorf("policy %q", p)
		}
	})
}
