package check

// ID says which finding it is: its topic, a dot, the fault. IDs are stored by those who compare runs and never change
// their meaning.
type ID string

// entry is what is always so about a finding.
type entry struct {
	id    ID
	grade Grade
	title string // a few words
	why   string // a sentence: what it costs
}

// catalogue is every finding there is, the more urgent first: what must be mended before the rest can be believed,
// then what loses mail, then what costs trust. Each topic has besides, by itself, a finding that all is well and one
// that something could not be learned.
var catalogue = []entry{
	{"resolver.lying", Fault, "the resolver invents answers", "It gives addresses to names that do not exist: nothing that it says of this domain, or of a blocklist, can be believed."},
	{"mx.nxdomain", Fault, "the domain does not exist", "Nobody can write to it, and what it sends is refused."},
	{"dnssec.bogus", Fault, "the domain is signed wrongly", "Who validates DNSSEC (Gmail, Microsoft, most large providers) has no answer at all: mail neither comes nor is taken."},
	{"mx.none", Fault, "no mail exchanger", "Mail goes to the domain's own address by RFC 5321 section 5.1, and many receivers refuse senders that cannot be answered."},
	{"mx.null", Note, "the domain takes no mail", "A null MX (RFC 7505) says that nobody can be written to here: a domain that sends mail must not have it."},
	{"mx.sends-only", Note, "a subdomain without a mail exchanger", "It can send; whoever answers it writes to its address, or gets the mail back when it has none. Yahoo wants senders that can be answered."},
	{"mx.null-mixed", Fault, "a null MX beside others", "RFC 7505 section 3: the null MX must be alone; some senders then give up at once."},
	{"mx.alias", Warning, "the mail exchanger is an alias", "RFC 5321 section 5.1: the name in an MX record must have an address itself; some senders refuse an alias."},
	{"mx.unresolved", Fault, "the mail exchanger has no address", "Mail to it cannot be delivered."},
	{"mx.address", Fault, "the MX record holds an address", "An MX record wants a name (RFC 1035 section 3.3.9); an address in its place is no host for anybody."},
	{"mx.private", Fault, "the mail exchanger's address is private", "Nobody outside can reach it."},
	{"relay.open", Fault, "an open relay", "Spammers find it within hours and send through it; every list then has its address."},
	{"relay.smuggling", Fault, "mail can be smuggled in", "CVE-2023-51764: what follows a wrong end of data is taken for another mail, with a sender that nobody checked."},
	{"smtp.unreachable", Fault, "an exchanger cannot be reached", "Mail waits for it, or takes the way round by the next one; if there is none, it goes back."},
	{"smtp.other", Fault, "something else answers where mail goes to", "Mail to it cannot be delivered."},
	{"smtp.refuses", Fault, "an exchanger refuses to talk", "What it says to us it may say to senders too; their mail then goes back."},
	{"address.no-ptr", Fault, "the address has no name", "Gmail, Yahoo and many others refuse mail from an address without a PTR record."},
	{"address.unconfirmed", Fault, "the name does not lead back to the address", "The PTR's name must have this address (forward-confirmed reverse DNS); Gmail and Yahoo ask for it."},
	{"lists.listed", Fault, "listed where it matters", "Receivers that use this list refuse the mail or call it spam."},
	{"spf.pass-all", Fault, "everybody may send in the domain's name", "A policy that lets everybody pass is used by spammers, and receivers hold it against the domain."},
	{"spf.several", Fault, "several SPF records", "RFC 7208 section 4.5: more than one is a permanent error; for receivers there is no policy."},
	{"spf.syntax", Fault, "the SPF record cannot be read", "RFC 7208 section 4.6: one bad term makes the whole policy a permanent error."},
	{"spf.include", Fault, "a part of the policy is missing or broken", "RFC 7208 section 5.2: an include or redirect without a sound record makes the whole policy a permanent error."},
	{"spf.lookups", Fault, "the policy asks too much", "RFC 7208 section 4.6.4: after ten lookups receivers stop with a permanent error."},
	{"spf.voids", Fault, "too many terms that lead to nothing", "RFC 7208 section 4.6.4: after two lookups without an answer receivers stop with a permanent error; for them there is no policy."},
	{"spf.none", Fault, "no SPF record", "Gmail, Yahoo, Microsoft and Apple want one; without it anybody can send in the domain's name."},
	{"dkim.missing", Fault, "no DKIM key where one should be", "Receivers cannot verify what is signed with this selector; for them it is not signed."},
	{"dkim.broken", Fault, "the DKIM key cannot be read", "RFC 6376 section 6.1.2: a record with a mistake is no key; what is signed with it fails."},
	{"dkim.several", Fault, "several keys at a selector", "RFC 6376 section 3.6.2.2: which of them is taken is not defined; some receivers take none."},
	{"dkim.revoked", Fault, "the DKIM key is revoked", "RFC 6376 section 3.6.1: an empty p says so; what is signed with this selector fails."},
	{"dkim.short", Fault, "the DKIM key is too short", "RFC 8301 section 3.2: receivers must not verify with less than 1024 bits."},
	{"dkim.sha1", Fault, "the DKIM key does not let sha256 in", "RFC 8301 section 3.1: receivers take nothing else any more."},
	{"dkim.service", Fault, "the DKIM key is not for mail", "RFC 6376 section 3.6.1: receivers skip a key whose services do not include email."},
	{"dmarc.several", Fault, "several DMARC records", "RFC 9989 section 4.10: more than one count as none."},
	{"dmarc.broken", Fault, "a DMARC record that nobody goes by", "RFC 9989 section 4.10.1: its policy cannot be read and it names nobody to report to, so receivers apply no DMARC, not that of a domain above either."},
	{"dmarc.almost", Fault, "almost a DMARC record", "RFC 9989 section 4.7: v=DMARC1 comes first, in these letters, with a semicolon behind it. What does not begin so is no record for any receiver."},
	{"spf.sender", Fault, "an address that sends may not", "Its mail fails SPF; what is not signed besides is refused or called spam."},
	{"tls.broken", Fault, "STARTTLS fails", "Some senders then try without TLS, others give up; those who insist on TLS never get through."},
	{"tls.injection", Fault, "commands in the clear are obeyed inside TLS", "RFC 3207 section 4.2, CVE-2011-0411: who stands in between can speak in the sender's name."},
	{"tls.none", Fault, "no TLS", "Everybody on the way can read the mail, and Gmail shows its senders a broken padlock."},
	{"tls.ancient", Fault, "only old versions of TLS", "TLS 1.0 and 1.1 are forbidden by RFC 8996; most senders refuse them."},
	{"tls.expired", Fault, "the certificate has expired", "Senders that verify (MTA-STS, DANE-TA, Microsoft's partners) do not deliver."},
	{"tls.early", Fault, "the certificate is not valid yet", "Senders that verify do not deliver."},
	{"mta-sts.mx", Fault, "the MTA-STS policy does not name an exchanger", "RFC 8461 section 4.1: senders that go by the policy do not deliver to it."},
	{"dane.mismatch", Fault, "the certificate is not the one that DNS names", "RFC 7672: senders that go by DANE (Postfix with dane, Microsoft, many in Germany and the Netherlands) do not deliver."},
	{"dane.unanswered", Fault, "the name servers fail when asked for TLSA", "RFC 7672 section 2.2: whether there is a promise is then not known; senders that go by DANE keep the mail back, and return it in the end."},
	{"mta-sts.several", Warning, "several MTA-STS records", "RFC 8461 section 3.1: senders then go by none of them, as if there were no policy."},
	{"mta-sts.record", Warning, "the MTA-STS record cannot be read", "RFC 8461 section 3.1: senders then act as if there were no policy."},
	{"mta-sts.policy", Warning, "the MTA-STS policy cannot be had", "Senders then act as if there were none, or go by an old one that they kept."},
	{"mta-sts.type", Warning, "the MTA-STS policy has another media type", "RFC 8461 section 3.2: it must be text/plain, and senders should refuse another; those that do act as if there were no policy."},
	{"smtp.ipv6", Warning, "an exchanger does not answer by IPv6", "Senders with IPv6 try that first, and wait."},
	{"tls.ends", Warning, "the certificate ends soon", "When it has ended, senders that verify do not deliver."},
	{"tls.name", Warning, "the certificate is for another name", "With MTA-STS the name in the MX record must stand in it; senders that verify do not deliver."},
	{"tls.untrusted", Warning, "nobody vouches for the certificate", "Senders that verify do not deliver; DANE can vouch for it instead."},
	{"tls.weak", Warning, "the certificate is weak", "A short key or SHA-1 can be forged, and newer senders do not take it."},
	{"smtp.auth", Warning, "passwords are asked for in the clear", "A login before STARTTLS shows the password to everybody on the way."},
	{"dane.broken", Warning, "a TLSA record that senders skip", "RFC 7672 section 3.1: it is no record that SMTP can use; when no other is there, the promise is lost."},
	{"spf.voids-family", Warning, "some who may send are never come to", "RFC 7208 section 4.6.4: after two lookups without an answer receivers stop with a permanent error. A client of IPv6 asks for AAAA, one of IPv4 for A: a name with addresses of one family is an answer to the one and none to the other."},
	{"tls-rpt.broken", Warning, "the TLS-RPT record cannot be read", "RFC 8460 section 3: nobody is told of TLS that fails."},
	{"caa.critical", Warning, "a CAA record that authorities must not pass", "RFC 8659 section 4.1: with the critical flag on what they do not know, they make no certificate; renewals fail."},
	{"smtp.banner", Warning, "the greeting has no name", "RFC 5321 section 4.3.1: the greeting names the host; some receivers look whether it does."},
	{"dmarc.none", Warning, "no DMARC record", "Gmail, Yahoo and Microsoft refuse those who send much without one; and forgeries meet nothing."},
	{"dmarc.syntax", Warning, "a part of the DMARC record cannot be read", "Receivers skip it, or take something else for it."},
	{"dmarc.subdomain", Warning, "subdomains are protected less than the domain", "Forgers then use a name below the domain."},
	{"dmarc.consent", Warning, "reports go to a host that did not ask for them", "RFC 9990 section 4: without its consent nobody sends them, so nobody reads them."},
	{"dkim.weak", Warning, "the DKIM key is weak", "RFC 8301 section 3.2: signers should have 2048 bits; Gmail counts shorter keys against the mail."},
	{"dkim.testing", Warning, "the DKIM key is marked as a test", "RFC 6376 section 3.6.1: with t=y receivers may treat signed mail as if it were not signed."},
	{"spf.void", Warning, "terms that lead to nothing", "RFC 7208 section 4.6.4: after two lookups without an answer receivers may stop with a permanent error."},
	{"spf.open-end", Warning, "the policy does not say no to anybody", "Who is not in the record is neutral: the policy then protects from nothing, and DMARC gains nothing by it."},
	{"spf.ptr", Warning, "the policy uses ptr", "RFC 7208 section 5.5: it should not be used; some receivers skip it, and it is slow for all."},
	{"lists.minor", Warning, "listed on a list that some use", "A few receivers refuse the mail, or count it against it."},
	{"address.unseen", Note, "what sends the mail is not known", "Its name, its listings and what SPF says of it were not looked at: they are the sending address's."},
	{"dmarc.monitor", Note, "DMARC only watches", "Forgeries are reported and delivered all the same."},
	{"dmarc.no-policy", Note, "the DMARC record says no policy", "RFC 9989 section 4.7: without p it counts as p=none for the domain itself."},
	{"dmarc.test", Note, "the DMARC policy is a test", "With t=y receivers go by the next weaker policy."},
	{"dmarc.no-reports", Note, "nobody reads DMARC reports", "They show who sends in the domain's name, and what of one's own fails."},
	{"dkim.unseen", Note, "no DKIM key was seen", "A selector cannot be guessed: say which one the mail is signed with (--selector; it is s= in the DKIM-Signature of any mail)."},
	{"dkim.ed25519", Note, "only a DKIM key of Ed25519", "Receivers that do not know RFC 8463, and many do not, see no signature; signers use RSA besides."},
	{"dkim.wildcard", Note, "every selector has the same key", "A wildcard answers below _domainkey: whether the mail's own selector has its key cannot be seen without --selector."},
	{"dkim.old", Note, "a tag in the DKIM key that nobody looks at", "RFC 6376 has no g any more."},
	{"dmarc.old", Note, "DMARC tags that nobody looks at", "RFC 9989 has no pct, rf and ri and no size limits; what was meant by them may not happen."},
	{"spf.ignored", Note, "terms that nobody looks at", "What was meant by them does not happen."},
	{"lists.refused", Note, "lists that matter refuse to answer us", "Whether they list the server cannot be learned through this resolver."},
	{"lists.unused", Note, "listed on a list that hardly anybody uses", "Next to nobody refuses mail for it."},
	{"spf.helo", Note, "the HELO name has no SPF record", "RFC 7208 section 2.4: a bounce has no other sender, so it passes nothing."},
	{"spf.huge", Note, "a very large network may send", "Whoever rents an address in there may send in the domain's name."},
	{"spf.private", Note, "a private network is in the policy", "No receiver ever sees such an address."},
	{"spf.covered", Note, "a term that another one covers", "It costs room and perhaps a lookup, and changes nothing."},
	{"resolver.public", Note, "the resolver is a public one", "Most blocklists refuse those; a resolver of one's own (apt install unbound) is answered."},
	{"resolver.plain", Note, "the resolver does not validate", "DNSSEC and DANE cannot be judged, and forged answers are not noticed."},
	{"resolver.doubted", Note, "the resolver's word is not enough", "That an answer is validated can be forged on the way to it: DNSSEC and DANE cannot be judged."},
	{"resolver.slow", Note, "the resolver is slow", "Every mail waits for it, several times."},
	{"dane.unsigned", Note, "TLSA records without DNSSEC", "RFC 7672 section 2.2: senders look at them only in a signed zone."},
	{"mta-sts.mode", Note, "the MTA-STS policy is not enforced", "Senders report what fails, and deliver without TLS all the same."},
	{"mta-sts.none", Note, "no MTA-STS policy", "Whoever stands in between can take TLS away; Gmail, Microsoft and Yahoo go by a policy when there is one."},
	{"tls-rpt.none", Note, "no TLS-RPT record", "Nobody tells when TLS to this domain fails."},
	{"dnssec.none", Note, "the domain is not signed", "Its answers can be forged on the way, who its exchangers are, too. DANE protects the way to an exchanger whose own name is signed, and not the choice of it."},
	{"caa.nobody", Note, "no authority may make certificates", "CAA names none: the next renewal of a certificate for this name fails."},
	{"bimi.broken", Note, "the BIMI record cannot be used", "It wants v=BIMI1, and l= with the https: address of an .svg picture."},
	{"bimi.dmarc", Note, "BIMI without an enforced DMARC policy", "Mailboxes show the logo only when forgeries meet quarantine or reject."},
	{"smtp.name", Note, "the greeting's name does not lead to the server", "Tests of mail servers hold it against the host; few receivers do."},
	{"tls.pinned", Note, "only DANE vouches for the certificate", "RFC 7671 section 5.1: with DANE-EE neither name nor issuer nor dates matter. Senders that go by MTA-STS and not by DANE do not deliver."},
	{"tls.old", Note, "old versions of TLS are accepted", "RFC 8996 forbids TLS 1.0 and 1.1; for old senders it is still better than none."},
	{"spf.long", Note, "the record is long", "An answer over 512 octets comes by TCP or not at all to old resolvers."},
	{"address.several-ptr", Note, "the address has several names", "Receivers look at one of them, and not always at the same."},
	{"address.generic", Warning, "the address has a provider's generic name", "Yahoo and others take such names for home lines and refuse them."},
	{"address.private", Note, "the address is private", "What the world sees is another address: name it, or run the check outside."},
	{"address.helo", Warning, "HELO says another name than the address has", "RFC 5321 section 4.1.1.1: the name given must be the host's; receivers count a difference against the mail."},
	{"address.helo-unresolved", Warning, "the HELO name does not exist", "RFC 5321 section 2.3.5: HELO must be a name that resolves; many receivers refuse one that does not."},
	{"address.helo-syntax", Fault, "the HELO name is none", "A single word, an address without brackets or localhost is refused by many receivers."},
}

// entry is the catalogue's entry of an ID. One that is nowhere is a mistake of ours, and must not read as if all were well.
func (id ID) entry() entry {
	if n := id.place(); n < len(catalogue) {
		return catalogue[n]
	}
	switch id {
	case id.Topic().unknown():
		return entry{id, Unknown, "not learned", "Nothing is said about it until it can be asked."}
	case id.Topic().fine():
		return entry{id, Fine, "as it should be", ""}
	}
	panic("check: no finding " + string(id) + " in the catalogue")
}

// place is where an ID stands in the catalogue; behind it when it is not in there.
func (id ID) place() int {
	for i := range catalogue {
		if catalogue[i].id == id {
			return i
		}
	}
	return len(catalogue)
}

// urgency is the place of an ID in a report, the more urgent first.
func (id ID) urgency() int {
	if n := id.place(); n < len(catalogue) {
		return n
	}
	return len(catalogue) + order(id.Topic())
}
