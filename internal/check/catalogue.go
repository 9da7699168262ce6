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
	{"mx.nxdomain", Fault, "the domain does not exist", "Nobody can write to it, and what it sends is refused."},
	{"mx.none", Fault, "no mail exchanger", "Mail goes to the domain's own address by RFC 5321 section 5.1, and many receivers refuse senders that cannot be answered."},
	{"mx.null", Note, "the domain takes no mail", "A null MX (RFC 7505) says that nobody can be written to here: a domain that sends mail must not have it."},
	{"mx.null-mixed", Fault, "a null MX beside others", "RFC 7505 section 3: the null MX must be alone; some senders then give up at once."},
	{"mx.alias", Warning, "the mail exchanger is an alias", "RFC 5321 section 5.1: the name in an MX record must have an address itself; some senders refuse an alias."},
	{"mx.unresolved", Fault, "the mail exchanger has no address", "Mail to it cannot be delivered."},
	{"mx.address", Fault, "the MX record holds an address", "An MX record wants a name (RFC 1035 section 3.3.9); an address in its place is no host for anybody."},
	{"mx.private", Fault, "the mail exchanger's address is private", "Nobody outside can reach it."},
	{"address.no-ptr", Fault, "the address has no name", "Gmail, Yahoo and many others refuse mail from an address without a PTR record."},
	{"address.unconfirmed", Fault, "the name does not lead back to the address", "The PTR's name must have this address (forward-confirmed reverse DNS); Gmail and Yahoo ask for it."},
	{"lists.listed", Fault, "listed where it matters", "Receivers that use this list refuse the mail or call it spam."},
	{"spf.pass-all", Fault, "everybody may send in the domain's name", "A policy that lets everybody pass is used by spammers, and receivers hold it against the domain."},
	{"spf.several", Fault, "several SPF records", "RFC 7208 section 4.5: more than one is a permanent error; for receivers there is no policy."},
	{"spf.syntax", Fault, "the SPF record cannot be read", "RFC 7208 section 4.6: one bad term makes the whole policy a permanent error."},
	{"spf.include", Fault, "a part of the policy is missing or broken", "RFC 7208 section 5.2: an include or redirect without a sound record makes the whole policy a permanent error."},
	{"spf.lookups", Fault, "the policy asks too much", "RFC 7208 section 4.6.4: after ten lookups receivers stop with a permanent error."},
	{"spf.none", Fault, "no SPF record", "Gmail, Yahoo, Microsoft and Apple want one; without it anybody can send in the domain's name."},
	{"spf.sender", Fault, "an address that sends may not", "Its mail fails SPF; what is not signed besides is refused or called spam."},
	{"spf.void", Warning, "terms that lead to nothing", "RFC 7208 section 4.6.4: after two lookups without an answer receivers may stop with a permanent error."},
	{"spf.open-end", Warning, "the policy does not say no to anybody", "Who is not in the record is neutral: the policy then protects from nothing, and DMARC gains nothing by it."},
	{"spf.ptr", Warning, "the policy uses ptr", "RFC 7208 section 5.5: it should not be used; some receivers skip it, and it is slow for all."},
	{"lists.minor", Warning, "listed on a list that some use", "A few receivers refuse the mail, or count it against it."},
	{"spf.ignored", Note, "terms that nobody looks at", "What was meant by them does not happen."},
	{"lists.refused", Note, "lists that matter refuse to answer us", "Whether they list the server cannot be learned through this resolver."},
	{"lists.unused", Note, "listed on a list that hardly anybody uses", "Next to nobody refuses mail for it."},
	{"spf.huge", Note, "a very large network may send", "Whoever rents an address in there may send in the domain's name."},
	{"spf.private", Note, "a private network is in the policy", "No receiver ever sees such an address."},
	{"spf.covered", Note, "a term that another one covers", "It costs room and perhaps a lookup, and changes nothing."},
	{"spf.long", Note, "the record is long", "An answer over 512 octets comes by TCP or not at all to old resolvers."},
	{"address.several-ptr", Note, "the address has several names", "Receivers look at one of them, and not always at the same."},
	{"address.generic", Warning, "the address has a provider's generic name", "Yahoo and others take such names for home lines and refuse them."},
	{"address.private", Note, "the address is private", "What the world sees is another address: name it, or run the check outside."},
	{"address.helo", Warning, "HELO says another name than the address has", "RFC 5321 section 4.1.1.1: the name given must be the host's; receivers count a difference against the mail."},
	{"address.helo-unresolved", Warning, "the HELO name does not exist", "RFC 5321 section 2.3.5: HELO must be a name that resolves; many receivers refuse one that does not."},
	{"address.helo-syntax", Fault, "the HELO name is none", "A single word, an address without brackets or localhost is refused by many receivers."},
}

// entry is the catalogue's entry of an ID.
func (id ID) entry() entry {
	if n := id.place(); n < len(catalogue) {
		return catalogue[n]
	}
	if id == id.Topic().unknown() {
		return entry{id, Unknown, "not learned", "Nothing is said about it until it can be asked."}
	}
	return entry{id, Fine, "as it should be", ""}
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
