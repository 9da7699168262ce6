package check

import "postward/internal/wire/dns"

// dmarcRecord plants another record in the place of the clean one.
func dmarcRecord(want ID, tags string, more ...string) fault {
	return fault{take: []string{"_dmarc."}, put: append([]string{Text("_dmarc.example.org", "v=DMARC1; "+tags).String()}, more...), want: []ID{want}}
}

// dmarcRecord2 is dmarcRecord for a fault with others behind it.
func dmarcRecord2(tags string, want ...ID) fault {
	f := dmarcRecord("", tags)
	f.want = want
	return f
}

const rua = "rua=mailto:dmarc@example.org"

var dmarcFaults = map[string]fault{
	// what the mends of these leave is the next step: a policy that only watches
	"no DMARC":                       {take: []string{"_dmarc."}, want: []ID{"dmarc.none"}, left: []ID{"dmarc.monitor"}},
	"a DMARC of no use":              {take: []string{"_dmarc."}, put: []string{`_dmarc.example.org. TXT "v=DMARC1; p=monitor"`}, want: []ID{"dmarc.broken"}, left: []ID{"dmarc.monitor"}},
	"DMARC with no policy":           {take: []string{"_dmarc."}, put: []string{`_dmarc.example.org. TXT "v=DMARC1; ` + rua + `"`}, want: []ID{"dmarc.monitor", "dmarc.no-policy"}, left: []ID{"dmarc.monitor"}},
	"DMARC in small letters":         {take: []string{"_dmarc."}, put: []string{`_dmarc.example.org. TXT "v=dmarc1; p=reject; ` + rua + `"`}, want: []ID{"dmarc.almost"}},
	"DMARC without a semicolon":      {take: []string{"_dmarc."}, put: []string{`_dmarc.example.org. TXT "v=DMARC1 p=none"`}, want: []ID{"dmarc.almost"}, left: []ID{"dmarc.monitor", "dmarc.no-reports"}},
	"DMARC, the version last, twice": {take: []string{"_dmarc."}, put: []string{`_dmarc.example.org. TXT "p=none; v=DMARC1"`, `_dmarc.example.org. TXT "p=reject; v=DMARC1; ` + rua + `"`}, want: []ID{"dmarc.almost"}},
	"almost DMARC below a sound one": {also: func(w *domainWorld) { w.below("sub") }, put: []string{`_dmarc.sub.example.org. TXT "v=DMARC1, p=reject, ` + rua + `"`}, want: []ID{"dmarc.almost"}},
	"DMARC to a blank":               dmarcRecord2("p=reject; rua=mailto: dmarc@example.org", "dmarc.syntax", "dmarc.no-reports"),
	"DMARC in brackets":              dmarcRecord2("p=reject; rua=mailto:<dmarc@example.org>", "dmarc.syntax", "dmarc.no-reports"),
	"DMARC without a comma":          dmarcRecord2("p=reject; rua=mailto:dmarc@example.org mailto:d@example.org", "dmarc.syntax", "dmarc.no-reports"),

	// what was published stays, but for what is wrong with it
	"DMARC with a bad sp":               {take: []string{"_dmarc."}, put: []string{`_dmarc.example.org. TXT "v=DMARC1; p=reject; sp=rejct; ` + rua + `"`}, want: []ID{"dmarc.syntax", "dmarc.monitor"}},
	"DMARC of no use for its sp":        dmarcRecord("dmarc.broken", "p=reject; sp=rejct"),
	"DMARC to an address alone":         {take: []string{"_dmarc."}, put: []string{`_dmarc.example.org. TXT "v=DMARC1; p=reject; rua=dmarc@example.org"`}, want: []ID{"dmarc.syntax", "dmarc.no-reports"}},
	"several DMARC, the weak first":     dmarcRecord("dmarc.several", "p=none", `_dmarc.example.org. TXT "v=DMARC1; p=reject; sp=rejct; `+rua+`"`),
	"several DMARC below a sound one":   {also: func(w *domainWorld) { w.below("sub") }, put: []string{`_dmarc.sub.example.org. TXT "v=DMARC1; p=none"`, `_dmarc.sub.example.org. TXT "v=DMARC1; p=reject; ` + rua + `"`}, want: []ID{"dmarc.several"}},
	"DMARC of no use below a sound one": {also: func(w *domainWorld) { w.below("sub") }, put: []string{`_dmarc.sub.example.org. TXT "v=DMARC1; p=rejct; sp=reject"`}, want: []ID{"dmarc.broken"}},

	"several DMARC":                   {put: []string{`_dmarc.example.org. TXT "v=DMARC1; p=none"`}, want: []ID{"dmarc.several"}},
	"DMARC with a bad tag":            dmarcRecord("dmarc.syntax", "p=reject; np reject; "+rua),
	"DMARC with a bad value":          dmarcRecord("dmarc.syntax", "p=reject; adkim=strict; "+rua),
	"DMARC with a tag twice":          dmarcRecord("dmarc.syntax", "p=reject; p=none; "+rua),
	"DMARC without mailto":            dmarcRecord("dmarc.syntax", "p=reject; "+rua+",dmarc@example.org"),
	"DMARC weaker below":              dmarcRecord("dmarc.subdomain", "p=reject; sp=none; "+rua),
	"DMARC weaker for what is not":    dmarcRecord("dmarc.subdomain", "p=reject; np=none; "+rua),
	"DMARC weaker below and for that": dmarcRecord("dmarc.subdomain", "p=reject; sp=none; np=quarantine; "+rua),
	"DMARC that only watches":         kept(dmarcRecord("dmarc.monitor", "p=none; "+rua)),
	"DMARC as a test":                 kept(dmarcRecord("dmarc.test", "p=reject; t=y; "+rua)),
	"DMARC with pct":                  kept(dmarcRecord("dmarc.old", "p=reject; pct=50; "+rua)),
	"DMARC without reports":           kept(dmarcRecord("dmarc.no-reports", "p=reject")),
	"DMARC to somebody":               dmarcRecord("dmarc.consent", "p=reject; rua=mailto:a@reports.example.net"),
	"nobody answers for DMARC":        kept(fault{also: func(w *domainWorld) { w.fail["_dmarc.example.org"] = dns.Timeout }, want: []ID{"dmarc.unknown"}}),
	"nobody answers above":            kept(fault{take: []string{"_dmarc."}, put: []string{`_dmarc.example.org. TXT "v=DMARC1; p=reject; rua=mailto:a@neighbour.org"`}, also: func(w *domainWorld) { w.fail["_dmarc.org"] = dns.Timeout }, want: []ID{"dmarc.unknown"}}),
	"nobody answers for the host":     kept(fault{take: []string{"_dmarc."}, put: []string{`_dmarc.example.org. TXT "v=DMARC1; p=reject; rua=mailto:a@x.example"`}, also: func(w *domainWorld) { w.fail["example.org._report._dmarc.x.example"] = dns.Failure }, want: []ID{"dmarc.unknown"}}),
}

// below makes a name below the domain the one that is looked at.
func (w *domainWorld) below(label string) {
	name := label + ".example.org"
	w.target.Domain = name
	w.lines = append(w.lines, name+`. MX 10 mx1.example.org.`, name+`. MX 20 mx2.example.org.`, name+`. TXT "v=spf1 redirect=example.org"`, "mail._domainkey."+name+". CNAME mail._domainkey.example.org.",
		"_mta-sts."+name+`. CNAME _mta-sts.example.org.`, "_smtp._tls."+name+`. CNAME _smtp._tls.example.org.`)
}
