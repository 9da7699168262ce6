package check

import (
	"context"
	"slices"
	"strings"

	"postward/internal/domain/spf"
)

// respell lets the record that was meant by a text be the one that is mended, where that is another.
func (p *policy) respell(ctx context.Context, text string) {
	meant, lost := spf.Respelled(text)
	meant = p.uncut(ctx, meant)
	works := !p.unreadable() && !p.blind
	if len(lost) > 0 || meant != strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r == ' ' }), " ") {
		p.insteadOf(ctx, meant, lost)
		p.blind = p.blind && !works // where it is read today, nobody passes by what is ignored
	}
}

// bareNames are terms for names that stand in a record alone: what has a policy is meant to be included, what has an address
// sends.
func (p *policy) bareNames(ctx context.Context, words []string) (terms []string) {
	for _, word := range words[:min(len(words), maxNames)] {
		switch {
		case !hostName(word) || !strings.Contains(word, "."):
		case slices.ContainsFunc(p.Resolver.TXT(ctx, word).Texts, spf.IsRecord):
			terms = append(terms, "include:"+word)
		case len(p.Resolver.Addresses(ctx, word).Addrs) > 0:
			terms = append(terms, "a:"+word)
		}
	}
	return terms
}

// uncut writes the names of well-known policies whole that were cut or misspelled. Only those are guessed: another name might
// be a stranger's.
func (p *policy) uncut(ctx context.Context, record string) string {
	words := strings.Fields(record)
	for i, word := range words {
		at := strings.IndexAny(word, ":=") + 1
		name := strings.ToLower(strings.TrimSuffix(word[at:], "."))
		kind := strings.ToLower(strings.TrimLeft(word[:at], "+-~?"))
		whole := wellKnown(name)
		if at == 0 || kind != "include:" && kind != "redirect=" || whole == "" || whole == name {
			continue
		}
		if !slices.ContainsFunc(p.Resolver.TXT(ctx, name).Texts, spf.IsRecord) && slices.ContainsFunc(p.Resolver.TXT(ctx, whole).Texts, spf.IsRecord) {
			words[i] = word[:at] + whole
		}
	}
	return strings.Join(words, " ")
}

// wellKnown is the one well-known policy that a name is the beginning or the end of; empty when there is none or are several.
func wellKnown(name string) (whole string) {
	const least = 6 // letters of it
	for _, known := range policies {
		if len(name) < least || !strings.HasPrefix(known, name) && !strings.HasSuffix(known, name) {
			continue
		}
		if whole != "" {
			return ""
		}
		whole = known
	}
	return whole
}

// policies are what most domains include: of providers of mailboxes, of newsletters, of shops and help desks.
var policies = []string{
	"spf.protection.outlook.com", "_spf.google.com", "_spf.mail.yahoo.com", "icloud.com", "spf.mandrillapp.com", "servers.mcsv.net", "sendgrid.net", "mailgun.org",
	"amazonses.com", "spf.sendinblue.com", "spf.brevo.com", "spf.mailjet.com", "mail.zendesk.com", "_spf.salesforce.com", "spf.mtasv.net", "_spf.protonmail.ch",
	"spf.messagingengine.com", "zoho.com", "zoho.eu", "spf.infomaniak.ch", "spf.hostpoint.ch", "spf.mail.hostpoint.ch", "spf.cyon.ch", "mx.ovh.com", "_spf.hostinger.com",
	"spf.mailbox.org", "_spf.kundenserver.de", "_spf.perfora.net", "_spf.ionos.com", "spf.strato.com", "spf.hornetsecurity.com", "_netblocks.mimecast.com", "spf.abxsec.com", "_spf.abxsec.com", "_spf.bexio.com", "spf.zii.ch", "spf.mail.infomaniak.ch",
	"spf.seppmail.cloud", "_spf.rapidmail.de", "spf.cleverreach.com", "_spf.newsletter2go.com", "spf.crsend.com", "_spf.psm.knowbe4.com", "spf.efwd.registrar-servers.com",
}
