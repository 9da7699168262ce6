package check

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"postward/internal/domain/dane"
	"postward/internal/domain/mtasts"
	"postward/internal/domain/probe"
)

// ending is when a certificate's end is worth a word: two weeks before, or for those of a few days with the last third of
// their time.
func ending(c *probe.Certificate) time.Duration {
	return min(14*24*time.Hour, c.NotAfter.Sub(c.NotBefore)/3)
}

// starttls looks at the exchangers' STARTTLS.
func (r *run) starttls(context.Context) string {
	var fine []string
	for _, s := range r.services() {
		if !s.Clear.Extended {
			continue // said by another topic, or not learned
		}
		if line := r.secret(&s); line != "" {
			fine = append(fine, line)
		}
	}
	return strings.Join(fine, "; ")
}

func (r *run) secret(s *service) string {
	const certificate = "Get one for the name in the MX record; Let's Encrypt gives them away (certbot, acme.sh): then postconf smtpd_tls_chain_files."
	switch p := s.StartTLS; {
	case p == nil:
	case p.Fault == probe.NotOffered:
		r.find("tls.none", s.String(), "EHLO offers no STARTTLS", &Mend{Do: certificate, Set: []string{"postconf -e 'smtpd_tls_security_level = may'", "postfix reload"}})
		return ""
	case p.Fault == probe.Timeout || p.Fault == probe.Local:
		r.find("tls.unknown", s.String(), p.Error(), nil)
		return ""
	default:
		r.find("tls.broken", s.String(), p.Error(), &Mend{
			Do: "Look into its log for the handshake: mostly a certificate without its key, or files that cannot be read.", Set: []string{"postconf smtpd_tls_chain_files smtpd_tls_cert_file smtpd_tls_key_file"}})
	}
	if s.TLS == nil || len(s.TLS.Chain) == 0 {
		return ""
	}
	for _, shown := range s.shown() {
		r.certificate(s, shown, certificate)
	}
	r.versions(s)
	if s.Injected == probe.Yes {
		r.find("tls.injection", s.String(), "NOOP in the clear behind STARTTLS was answered inside TLS", &Mend{Do: "Update the mail server: Postfix is safe since 2.8.3 (CVE-2011-0411)."})
	}
	own := s.TLS.Chain[0]
	return fmt.Sprintf("%s: %s, certificate until %s", s, s.TLS.Version, own.NotAfter.UTC().Format(time.DateOnly))
}

// promised reports whether the domain has a record of MTA-STS that senders go by: then an authority has to vouch for the
// certificates.
func (r *run) promised() bool {
	sts := r.sts()
	texts := mtastsTexts(&sts)
	if len(texts) != 1 {
		return false
	}
	_, err := mtasts.ParseRecord(texts[0])
	return err == nil
}

// shown is every certificate that a client may be shown: of a host with two kinds of keys each sender sees the one that it
// knows, or prefers.
func (s *service) shown() []*probe.TLS {
	if s.TLS == nil || len(s.TLS.Chain) == 0 {
		return nil
	}
	return append([]*probe.TLS{s.TLS}, s.Others...)
}

// anchored reports whether a signed DANE-EE record names a certificate of the host's own: for DANE nothing else has to vouch for it.
func (s *service) anchored(own probe.Certificate) bool {
	return s.signed && s.tlsa.Authentic && slices.ContainsFunc(usable(s.tlsa.Others), func(record dane.Record) bool {
		return record.Usage == dane.EndEntity && record.Matches(own.DER, own.SPKI)
	})
}

// certificate looks at what was shown of certificates.
func (r *run) certificate(s *service, shown *probe.TLS, get string) {
	own := shown.Chain[0]
	at := s.String()
	if len(s.Others) > 0 {
		at += ", the certificate with a key of " + own.Key
	}
	until := "valid from " + own.NotBefore.UTC().Format(time.DateTime) + " to " + own.NotAfter.UTC().Format(time.DateTime)
	left := own.NotAfter.Sub(r.clock())
	ends, anchored := left > 0 && left < ending(&own), s.anchored(own)
	pinned := anchored && !r.promised()
	renew := "Renew it, and let whatever renews it reload Postfix."
	if anchored {
		const key = " Keep its key (certbot --reuse-key), or publish the TLSA record of the new one before that is shown."
		get, renew = get+key, renew+key
	}
	var flawed []string
	for _, flaw := range shown.Flaws {
		if pinned && flaw != probe.WeakKey && flaw != probe.WeakSignature {
			flawed = append(flawed, flaw.String())
			continue
		}
		switch flaw {
		case probe.Expired:
			r.find("tls.expired", at, until, &Mend{Do: renew, Set: []string{"postfix reload"}})
		case probe.NotYetValid:
			r.find("tls.early", at, until, &Mend{Do: "Look at the clock of the host, or take a certificate that is valid already."})
		case probe.WrongName:
			r.find("tls.name", at, "it is for "+strings.Join(own.Names, ", "), &Mend{Do: get})
		case probe.SelfSigned, probe.UnknownAuthority, probe.NotForServers, probe.Unverified:
			r.find("tls.untrusted", at, flaw.String()+", by "+own.Issuer, &Mend{Do: get})
		case probe.WeakKey, probe.WeakSignature:
			r.find("tls.weak", at, fmt.Sprintf("%s: %s, %d bits, %s", flaw, own.Key, own.Bits, own.Signature), &Mend{Do: get})
		}
	}
	switch {
	case pinned && len(flawed) > 0 || pinned && ends:
		r.find("tls.pinned", at, strings.Join(append(flawed, until), ", "), nil)
	case ends:
		r.find("tls.ends", at, until, &Mend{Do: renew})
	}
}

// versions looks at which versions of TLS it speaks.
func (r *run) versions(s *service) {
	var yes []string
	for _, v := range s.Versions {
		if v.Accepted == probe.Yes {
			yes = append(yes, v.Name)
		}
	}
	newer := slices.ContainsFunc(yes, func(v string) bool { return v == "TLS 1.2" || v == "TLS 1.3" })
	switch {
	case len(yes) == 0:
	case !newer:
		r.find("tls.ancient", s.String(), strings.Join(yes, ", "), &Mend{Do: "Let newer versions in; most senders refuse these.",
			Set: []string{"postconf -e 'smtpd_tls_protocols = >=TLSv1.2'", "postfix reload"}})
	case yes[0] != "TLS 1.2" && yes[0] != "TLS 1.3":
		r.find("tls.old", s.String(), strings.Join(yes, ", "), nil)
	}
}
