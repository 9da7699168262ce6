package check

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"postward/internal/domain/dane"
	"postward/internal/domain/mtasts"
	"postward/internal/domain/probe"
	"postward/internal/domain/tlsrpt"
	"postward/internal/wire/dns"
)

// receives reports whether the domain takes mail, so that what it promises to senders matters.
func (r *run) receives() bool {
	if r.Domain == "" {
		return false
	}
	mx := r.mx()
	null := slices.ContainsFunc(mx.Exchangers, func(x dns.Exchanger) bool { return x.Host == "." })
	return mx.Outcome == dns.Answered && !null
}

// reports looks at the TLS-RPT record (RFC 8460).
func (r *run) reports(ctx context.Context) string {
	if !r.receives() {
		return ""
	}
	at := "_smtp._tls." + r.Domain
	a := r.Resolver.TXT(ctx, at)
	if r.unanswered("tls-rpt", at, &a, "TXT of "+at) {
		return ""
	}
	texts := slices.DeleteFunc(slices.Clone(a.Texts), func(text string) bool { return !tlsrpt.Is(text) && !tlsrpt.Almost(text) })
	sound := slices.DeleteFunc(slices.Clone(texts), tlsrpt.Almost)
	record, err := tlsrpt.Record{}, error(nil)
	if len(sound) == 1 {
		record, err = tlsrpt.Parse(sound[0])
	}
	mend := &Mend{Do: "Publish one record that says who wants the reports.", Add: []Record{Text(at, cmp.Or(tlsrpt.Mended(texts...), "v=TLSRPTv1; rua=mailto:postmaster@"+r.Domain))}, Remove: removeTexts(at, texts)}
	switch {
	case len(texts) == 0:
		r.find("tls-rpt.none", at, "no record", mend)
		return ""
	case err != nil:
		r.find("tls-rpt.broken", at, texts[0]+": "+err.Error(), mend)
		return ""
	case len(sound) != 1:
		r.find("tls-rpt.broken", at, strings.Join(texts, " | "), mend)
		return ""
	}
	return "reports go to " + strings.Join(record.To, ", ")
}

func removeTexts(at string, texts []string) (all []Record) {
	for _, text := range texts {
		all = append(all, Text(at, text))
	}
	return all
}

// promise looks at MTA-STS (RFC 8461): the record, and if hosts are connected to, the policy.
func (r *run) promise(ctx context.Context) string {
	if !r.receives() {
		return ""
	}
	at := "_mta-sts." + r.Domain
	a := r.sts()
	if r.unanswered("mta-sts", at, &a, "TXT of "+at) {
		return ""
	}
	texts := mtastsTexts(&a)
	if len(texts) == 0 {
		r.find("mta-sts.none", at, "no record", nil)
		return ""
	}
	mend := &Mend{Do: "Publish one record; give it another id whenever the policy changes.",
		Remove: removeTexts(at, texts), Add: []Record{Text(at, "v=STSv1; id="+r.clock().UTC().Format("20060102150405"))}}
	if len(texts) > 1 {
		r.find("mta-sts.several", at, strings.Join(texts, " | "), mend)
		return ""
	}
	if _, err := mtasts.ParseRecord(texts[0]); err != nil {
		r.find("mta-sts.record", at, texts[0]+": "+err.Error(), mend)
		return ""
	}
	if !r.Connect {
		return texts[0]
	}
	return r.policyFile(ctx)
}

// mtastsTexts are the texts that are MTA-STS records.
func mtastsTexts(a *dns.Answer) []string {
	return slices.DeleteFunc(slices.Clone(a.Texts), func(text string) bool { return !mtasts.IsRecord(text) })
}

// policyFile looks at the policy itself.
func (r *run) policyFile(ctx context.Context) string {
	host := mtasts.Host(r.Domain)
	a := r.Resolver.Addresses(ctx, host)
	if r.unanswered("mta-sts", host, &a, "the addresses of "+host) {
		return ""
	}
	var names []string
	for _, h := range r.hosts() {
		names = append(names, strings.TrimSuffix(h.name, "."))
	}
	whole := &Mend{Do: fmt.Sprintf("Serve it at https://%s/.well-known/mta-sts.txt as text/plain, with a certificate for that name: \"version: STSv1\", \"mode: enforce\", \"mx: %s\", \"max_age: 604800\", each on a line.",
		host, strings.Join(names, "\", \"mx: "))}
	if len(a.Addrs) == 0 {
		r.find("mta-sts.policy", host, "the host has no address", whole)
		return ""
	}
	public := slices.DeleteFunc(slices.Clone(a.Addrs), local)
	if len(public) == 0 {
		whole.Do = "Publish an address of the host that senders can reach. " + whole.Do
		r.find("mta-sts.policy", host, join(a.Addrs)+" is no address of the internet, and was not asked", whole)
		return ""
	}
	served, err := mtasts.Fetch(ctx, mtasts.Config{Dial: r.Dial, Roots: r.Roots, Now: r.Now}, public, r.Domain)
	if err != nil && mtasts.Unlearned(err) {
		r.find("mta-sts.unknown", host, err.Error(), nil)
		return ""
	}
	var p mtasts.Policy
	if err == nil {
		p, err = mtasts.ParsePolicy(served.Text)
	}
	if err == nil && served.Odd {
		r.find("mta-sts.type", host, fmt.Sprintf("Content-Type %.60q", served.Type), &Mend{Do: "Let the web server say text/plain for .well-known/mta-sts.txt."})
	}
	if err != nil {
		r.find("mta-sts.policy", host, err.Error(), whole)
		return ""
	}
	if p.Mode != mtasts.None {
		for _, name := range names {
			if !p.Covers(name) {
				r.find("mta-sts.mx", name, "the policy names "+strings.Join(p.MX, ", "), whole)
			}
		}
	}
	if p.Mode != mtasts.Enforce {
		r.find("mta-sts.mode", host, "mode: "+string(p.Mode), nil)
	}
	return fmt.Sprintf("mode %s for %s, for %v", p.Mode, strings.Join(p.MX, ", "), p.MaxAge)
}

// tlsa looks at the exchangers' TLSA records (RFC 7672), against the certificates that they showed.
func (r *run) tlsa(ctx context.Context) string {
	var fine []string
	for _, h := range r.hosts() {
		if !h.addrs.Outcome.Known() || h.addrs.Outcome != dns.Answered {
			continue // said by another topic
		}
		if line := r.tlsaOf(ctx, h); line != "" {
			fine = append(fine, line)
		}
	}
	return strings.Join(fine, "; ")
}

// tlsaOf looks at one exchanger's. Where its address is not signed, senders do not ask for them (RFC 7672 section 2.2.2): then
// it does not matter what is answered, nor whether.
func (r *run) tlsaOf(ctx context.Context, h host) string {
	at := tlsaName(h.name)
	a := r.Resolver.Lookup(ctx, at, dns.TLSA)
	signed, sure := h.addrs.Authentic, r.validating()
	switch {
	case !a.Outcome.Known() && sure && !signed:
		return ""
	case signed && (a.Outcome == dns.Failure || a.Outcome == dns.Refused):
		r.find("dane.unanswered", at, "asked for TLSA of "+at+": "+a.Outcome.String(), &Mend{
			Do: "Let the zone's name servers answer for TLSA, that there is none if there is none, and look at the signatures of that answer (delv, or dnsviz.net): some servers and load balancers fail at types that they do not know."})
		return ""
	case r.unanswered("dane", at, &a, "TLSA of "+at) || a.Outcome != dns.Answered:
		return ""
	case sure && !(signed && a.Authentic):
		r.find("dane.unsigned", at, a.Others[0], nil)
		return ""
	case !a.Authentic:
		r.unsure(h.name, at, a.Others)
		return ""
	}
	return r.anchor(h.name, at, a.Others)
}

// maxMended bounds a stranger's record in a mend, in octets; a longer one is found by its beginning.
const maxMended = 4096

// tlsaName is where an exchanger's TLSA records are.
func tlsaName(host string) string { return "_25._tcp." + strings.TrimSuffix(host, ".") }

// unsure says what can be said of records when nobody can tell whether they are signed.
func (r *run) unsure(host, at string, texts []string) {
	saw := "whether they are signed cannot be seen through this resolver"
	if len(r.unnamed(host, usable(texts))) > 0 {
		saw += "; if they are, senders that go by them do not deliver: they do not name the key that the server shows"
	}
	r.find("dane.unknown", at, saw+": "+strings.Join(texts, " | "), nil)
}

func (r *run) anchor(host, at string, texts []string) string {
	for _, text := range texts {
		if _, err := dane.Parse(text); err != nil {
			mend := &Mend{Do: "Take it out: senders skip it."}
			if len(text) <= maxMended {
				mend.Remove = []Record{{Name: fqdn(at), Type: "TLSA", Value: text}}
			}
			r.find("dane.broken", at, seen(text)+": "+err.Error(), mend)
		}
	}
	records := usable(texts)
	if len(records) == 0 {
		return ""
	}
	var others []Record
	for _, key := range r.unnamed(host, records) {
		others = append(others, Record{Name: fqdn(at), Type: "TLSA", Value: key})
	}
	if len(others) > 0 {
		r.find("dane.mismatch", at, strings.Join(texts, " | "), &Mend{Add: others,
			Do: "Publish the key that the server shows, before it shows it; keep the key when the certificate is renewed (certbot --reuse-key)."})
		return ""
	}
	return at + ": " + strings.Join(texts, " | ")
}

// usable are the records that senders do not skip.
func usable(texts []string) (all []dane.Record) {
	for _, text := range texts {
		if record, err := dane.Parse(text); err == nil {
			all = append(all, record)
		}
	}
	return all
}

// unnamed are the records for keys that an exchanger shows and none of some records names.
func (r *run) unnamed(host string, records []dane.Record) (keys []string) {
	for _, s := range r.services() {
		for _, shown := range s.shown() {
			key := dane.For(shown.Chain[0].SPKI)
			if s.host == host && len(records) > 0 && !named(shown.Chain, records) && !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// named reports whether one of the records names what was shown: the host's own certificate, or an authority above it.
func named(chain []probe.Certificate, records []dane.Record) bool {
	return slices.ContainsFunc(records, func(record dane.Record) bool {
		for i, c := range chain {
			if (record.Usage == dane.EndEntity) == (i == 0) && record.Matches(c.DER, c.SPKI) {
				return true
			}
		}
		return false
	})
}
