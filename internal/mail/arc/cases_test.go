package arc

import (
	"encoding/base64"
	"fmt"
	"os"
	"slices"
	"strings"

	"postward/internal/mail/canon"
)

// suite is every case of testdata, in its order.
var suite = slices.Concat(chains, structures, messages, keys)

// find is the place of a field of an instance.
func (m *making) find(name string, n int) int {
	i := slices.IndexFunc(m.header, func(f canon.Field) bool { return strings.EqualFold(f.Name, name) && (n == 0 || instance(f) == n) })
	if i < 0 {
		m.t.Fatalf("no field %s of instance %d", name, n)
	}
	return i
}

func (m *making) drop(name string, n int) {
	i := m.find(name, n)
	m.header = slices.Delete(m.header, i, i+1)
}

// change changes the value of a field.
func (m *making) change(name string, n int, from, to string) {
	f := &m.header[m.find(name, n)]
	if !strings.Contains(f.Value, from) {
		m.t.Fatalf("%s of instance %d has no %q", name, n, from)
	}
	f.Value = strings.Replace(f.Value, from, to, 1)
}

// again puts a field at the top once more.
func (m *making) again(name string, n int) { f := m.header[m.find(name, n)]; m.top(f.Name, f.Value) }

// harm changes the signature of a field in one place.
func (m *making) harm(name string, n int) {
	f := &m.header[m.find(name, n)]
	i := strings.LastIndex(f.Value, "b=") + 20
	f.Value = f.Value[:i] + map[bool]string{true: "A", false: "B"}[f.Value[i] != 'A'] + f.Value[i+1:]
}

// footer is what a mailing list does.
func (m *making) footer() { m.body += "-- \r\na list\r\n" }

// sets are a chain of so many sets.
func sets(n int) func(*making) { return func(m *making) { m.seals(n, hop{}) } }

// hops are the sets of a chain.
func hops(all ...hop) func(*making) {
	return func(m *making) {
		for _, h := range all {
			m.seal(h)
		}
	}
}

// then is a chain of sets, and something that is done to it.
func then(n int, do func(*making)) func(*making) {
	return func(m *making) { m.seals(n, hop{}); do(m) }
}

const (
	pass1 = "pass, oldest-pass=0, by one.example"
	pass2 = "pass, oldest-pass=0, by two.example one.example"
	pass3 = "pass, oldest-pass=0, by three.example two.example one.example"
)

// chains are those that are well, or none.
var chains = []suiteCase{
	{name: "no-chain", section: "5.2 step 1", shows: "a mail that nobody sealed", make: func(*making) {}, want: "none"},
	{name: "dkim-is-no-chain", section: "4.1", shows: "the fields of DKIM and Authentication-Results are none of ARC's",
		make: func(m *making) {
			m.top("DKIM-Signature", " v=1; a=rsa-sha256; d=author.example; s=x; h=from; bh=AAAA; b=AAAA")
			m.top("Authentication-Results", " mx.example; arc=pass")
			m.top("X-ARC-Seal", " i=1; cv=fail")
		}, want: "none"},
	{name: "one-set", section: "5.2 step 7", shows: "the shortest chain", make: sets(1), want: pass1},
	{name: "two-sets", section: "5.2 step 7", shows: "two sealers", make: sets(2), want: pass2},
	{name: "three-sets", section: "5.2 step 7", shows: "three sealers", make: sets(3), want: pass3},
	{name: "fifty-sets", section: "4.2.1", shows: "the longest chain; of older sets ten are looked at",
		make: func(m *making) { m.seals(50, hop{key: "ed25519"}) },
		want: "pass, oldest-pass=40, by" + strings.Repeat(" two.example one.example zero.example five.example four.example three.example", 8) + " two.example one.example"},
	{name: "ed25519", section: "RFC 8463 3", shows: "an Ed25519 key", make: hops(hop{key: "ed25519"}), want: pass1},
	{name: "both-key-types", section: "4.2.1", shows: "sealers with different keys", make: hops(hop{}, hop{key: "ed25519"}, hop{key: "rsa4096"}), want: pass3},
	{name: "rsa-1024", section: "RFC 8301 3.2", shows: "the shortest RSA key that is taken", make: hops(hop{key: "rsa1024"}), want: pass1},
	{name: "rsa-4096", section: "RFC 8301 3.2", shows: "the longest", make: hops(hop{key: "rsa4096"}), want: pass1},
	{name: "list-wrote-footer", section: "5.2 step 5", shows: "the first signature need not hold; the mail is unchanged since the second set",
		make: func(m *making) { m.seal(hop{}); m.footer(); m.seal(hop{}) }, want: "pass, oldest-pass=2, by two.example one.example"},
	{name: "list-wrote-subject", section: "5.2 step 5", shows: "the first two do not hold",
		make: func(m *making) { m.seals(2, hop{}); m.change("Subject", 0, "a ", "[list] a "); m.seals(2, hop{}) },
		want: "pass, oldest-pass=3, by four.example three.example two.example one.example"},
	{name: "older-signature-unreadable", section: "5.2 step 5", shows: "nor need it be readable: its seal covers it as it is",
		make: hops(hop{ams: []string{"bh"}}, hop{}), want: "pass, oldest-pass=2, by two.example one.example",
		dkimpy: "fail", because: "it wants all tags of every set; step 4 wants the newest signature, step 5 lets older ones fail"},
	{name: "older-key-gone", section: "5.2 step 5", shows: "a key of an older signature that is gone changes nothing",
		make: hops(hop{ams: []string{"s=gone"}}, hop{}), want: "pass, oldest-pass=2, by two.example one.example"},
	{name: "older-key-not-asked", section: "5.2 step 5", shows: "nor one that could not be asked for",
		make: func(m *making) {
			m.seal(hop{ams: []string{"s=away"}})
			m.fails = []string{"away._domainkey.one.example failure"}
			m.seal(hop{})
		}, want: "pass, oldest-pass=2, by two.example one.example"},
	{name: "signed-simple", section: "4.1.2", shows: "c=simple/simple", make: hops(hop{ams: []string{"c=simple/simple"}}), want: pass1},
	{name: "signed-without-c", section: "4.1.2", shows: "without c= it is simple/simple, as in DKIM", make: hops(hop{ams: []string{"c"}}), want: pass1,
		dkimpy: "fail", because: "it reads a missing c= as relaxed/relaxed; RFC 8617 lists three differences to DKIM, and the default of c= is none of them"},
	{name: "signed-c-relaxed", section: "RFC 6376 3.5", shows: "c=relaxed leaves the body simple", make: hops(hop{ams: []string{"c=relaxed"}}), want: pass1},
	{name: "signed-simple-relaxed", section: "RFC 6376 3.5", shows: "c=simple/relaxed", make: hops(hop{ams: []string{"c=simple/relaxed"}}), want: pass1},
	{name: "forms-of-each-set", section: "5.2 step 5", shows: "each set has its own form of the body", make: hops(hop{ams: []string{"c=simple/simple"}}, hop{}, hop{ams: []string{"c=relaxed/simple"}}), want: pass3},
	{name: "fields-in-any-order", section: "5.1.1", shows: "where the fields stand says nothing",
		make: then(3, func(m *making) {
			for _, n := range []int{2, 1, 3} {
				for _, name := range []string{"ARC-Message-Signature", "ARC-Authentication-Results", "ARC-Seal"} {
					i := m.find(name, n)
					f := m.header[i]
					m.header = append(slices.Delete(m.header, i, i+1), f)
				}
			}
		}), want: pass3,
		dkimpy: "fail", because: "it takes like fields from the bottom up, whatever their instance; section 5.1.1 orders them by instance"},
	{name: "fields-folded-anew", section: "4.1.3", shows: "a relay folded the fields of ARC otherwise, and wrote their names otherwise",
		make: then(2, func(m *making) {
			for i := range m.header {
				f := &m.header[i]
				if strings.HasPrefix(f.Name, "ARC-") {
					f.Name, f.Value = strings.ToUpper(f.Name), strings.ReplaceAll(strings.ReplaceAll(f.Value, "\r\n\t", " "), "; ", ";\r\n  \t")
				}
			}
		}), want: pass2},
	{name: "signature-folded", section: "RFC 6376 3.5", shows: "white space in b= of the newest seal is none of it",
		make: then(1, func(m *making) {
			for i := range m.header[:1] {
				at := len(m.header[i].Value) - 40
				m.header[i].Value = m.header[i].Value[:at] + "\r\n \t" + m.header[i].Value[at:] + " "
			}
		}), want: pass1},
	{name: "instance-last", section: "4.1.3", shows: "early sealers wrote the instance behind the other tags", make: func(m *making) { m.seals(2, hop{old: true}) }, want: pass2},
	{name: "instance-with-comments", section: "3.9", shows: "the instance may have comments around it",
		make: func(m *making) {
			m.seal(hop{aar: " (a;b) i = (d) 1 (e(f)) ; mx.one.example; none", ams: []string{"i= (x) 1 (y;z) "}, as: []string{"i= 1(z)"}})
		}, want: pass1,
		dkimpy: "fail", because: "it knows no comments; the grammar of section 3.9 has them around the instance"},
	{name: "instance-with-zero", section: "3.9", shows: "position is one or two digits", make: hops(hop{aar: " i=01; mx.one.example; none", ams: []string{"i=01"}, as: []string{"i=01"}}), want: pass1},
	{name: "signs-results-too", section: "4.1.2", shows: "ARC-Authentication-Results in h= must not be, and was for years", make: hops(hop{covers: "from:subject:arc-authentication-results"}), want: pass1},
	{name: "signs-older-signatures", section: "RFC 6376 3.7", shows: "ARC-Message-Signature in h= is one of the others, never itself", make: hops(hop{}, hop{covers: "from:arc-message-signature:arc-message-signature"}), want: pass2,
		dkimpy: "fail", because: "it takes the field that it verifies for one of those that are named"},
	{name: "version-ignored", section: "4.1.2", shows: "v= is passed over in ARC-Message-Signature", make: hops(hop{ams: []string{"v=2"}}), want: pass1,
		dkimpy: "fail", because: "it wants v=1 as in DKIM; section 4.1.2: a version tag must be ignored"},
	{name: "unknown-tags", section: "RFC 6376 3.2", shows: "unknown tags are passed over", make: hops(hop{ams: []string{"zz=1", "r_2=;"[:4]}, as: []string{"zz=(x)", "x=1"}}), want: pass1,
		dkimpy: "fail", because: "it heeds x= in ARC-Seal; section 4.1.3 has no such tag there"},
	{name: "u-label", section: "4.1.4", shows: "d= and s= may be U-labels", make: func(m *making) {
		m.seal(hop{domain: "bücher.example", selector: "schlüssel"})
		m.zone = map[string][]string{"xn--schlssel-95a._domainkey.xn--bcher-kva.example": {record(m.t, "rsa2048")}}
	}, want: "pass, oldest-pass=0, by xn--bcher-kva.example",
		dkimpy: "fail", because: "it asks for the name as it stands, in UTF-8"},
	{name: "two-domains-in-a-set", section: "4.1.2", shows: "no demand on the domain of either signature",
		make: func(m *making) {
			m.zone["other._domainkey.six.example"] = []string{record(m.t, "rsa2048")}
			m.seal(hop{ams: []string{"d=six.example", "s=other"}})
		}, want: pass1},
	{name: "empty-body", section: "RFC 6376 3.4.4", shows: "no body", make: func(m *making) { m.body = ""; m.seal(hop{}); m.seal(hop{ams: []string{"c=relaxed/simple"}}) }, want: pass2},
	{name: "blank-lines-at-the-end", section: "RFC 6376 3.4.3", shows: "blank lines at the end of the body do not count",
		make: func(m *making) { m.seal(hop{ams: []string{"c=simple/simple"}}); m.body += "\r\n\r\n"; m.seal(hop{}) }, want: pass2},
	{name: "one-name-too-many", section: "RFC 6376 5.4.2", shows: "names of fields that are not there", make: hops(hop{covers: "from:from:subject:cc:x-none:subject"}), want: pass1},
	{name: "field-twice", section: "RFC 6376 5.4.2", shows: "of two like fields the lower is taken first",
		make: func(m *making) {
			m.bottom("Comments: low")
			m.seal(hop{covers: "from:comments"})
			m.top("Comments", " high")
		}, want: pass1},
	{name: "second-from", section: "RFC 6376 5.4.2", shows: "a From that is put on top is not signed, when its absence was not",
		make: then(1, func(m *making) { m.top("From", " Eve <eve@evil.example>") }), want: pass1,
		dkimpy: "fail", because: "it tries as if From was named once more; RFC 6376 leaves it to others to refuse two From fields, and so do we (message.Facts.Froms)"},
	{name: "names-with-blanks", section: "RFC 6376 3.5", shows: "white space around the colons of h=, and names in any case", make: hops(hop{covers: "From : TO:\r\n\t subject"}), want: pass1},
	{name: "cv-in-capitals", section: "3.9", shows: "chain-status is a literal of the grammar, in any case", make: hops(hop{as: []string{"cv=NONE"}}, hop{as: []string{"cv=Pass"}}), want: pass2,
		dkimpy: "fail", because: "it compares octets; a literal of RFC 5234 has no case, and only i and cv themselves are marked as having one"},
	{name: "utf8-header", section: "4.1.4", shows: "a header in UTF-8", make: func(m *making) {
		m.header[2].Value = " Grüße"
		m.seal(hop{aar: " i=1; mx.one.example; spf=pass smtp.mailfrom=jürgen@bücher.example"})
	}, want: pass1},
	{name: "expires-later", section: "RFC 6376 3.5", shows: "x= that is not over", make: hops(hop{ams: []string{"x=4102444800"}}), want: pass1},
	{name: "t-missing", section: "4.1.3", shows: "a signature without t=", make: hops(hop{ams: []string{"t"}, as: []string{"t"}}), want: pass1},
	{name: "clock-ahead", section: "RFC 6376 3.5", shows: "a sealer whose clock is an hour ahead", make: hops(hop{as: []string{fmt.Sprintf("t=%d", now.Unix()+3600)}}), want: pass1},
	{name: "results-none", section: "4.1.1", shows: "a sealer who found nothing", make: hops(hop{aar: " i=1; mx.one.example; none"}), want: pass1},
	{name: "set-of-another-mail", section: "5.2 step 6", shows: "a thief puts a set that another mail had below his own: it passes, for a seal covers no mail; see Result.Vouched",
		make: func(m *making) {
			other := newMaking(m.t)
			other.change("From", 0, "Anna <anna", "Bert <bert")
			other.seal(hop{})
			m.header, m.zone = append(slices.Clone(other.header[:3]), m.header...), other.zone
			m.seal(hop{domain: "evil.example"})
		}, want: "pass, oldest-pass=2, by evil.example one.example"},
	{name: "results-in-no-grammar", section: "4.1.1", shows: "results that cannot be read are sealed all the same; who reads them finds none",
		make: hops(hop{aar: " i=1; \"mx; (("}), want: pass1},
}

// structures are chains that are broken before anything is verified.
var structures = []suiteCase{
	{name: "seal-twice", section: "5.2 step 3.1", shows: "the newest ARC-Seal twice", make: then(2, func(m *making) { m.again("ARC-Seal", 2) }), want: "fail: a field twice, i=2, ARC-Seal"},
	{name: "older-seal-twice", section: "5.2 step 3.1", shows: "an older one", make: then(2, func(m *making) { m.again("ARC-Seal", 1) }), want: "fail: a field twice, i=1, ARC-Seal"},
	{name: "signature-twice", section: "5.2 step 3.1", shows: "ARC-Message-Signature twice", make: then(2, func(m *making) { m.again("ARC-Message-Signature", 2) }), want: "fail: a field twice, i=2, ARC-Message-Signature"},
	{name: "results-twice", section: "5.2 step 3.1", shows: "ARC-Authentication-Results twice", make: then(1, func(m *making) { m.again("ARC-Authentication-Results", 1) }), want: "fail: a field twice, i=1, ARC-Authentication-Results"},
	{name: "set-twice", section: "5.2 step 3.2", shows: "a whole set twice, by another sealer", make: func(m *making) { m.seal(hop{}); m.seal(hop{n: 1, domain: "two.example"}) }, want: "fail: a field twice, i=1, ARC-Seal"},
	{name: "two-algorithms", section: "4.2.1", shows: "two signatures of one set, with two algorithms: ARC-MULTI never became an RFC",
		make: func(m *making) {
			m.seal(hop{})
			m.top("ARC-Seal", strings.Replace(m.header[0].Value, "rsa-sha256", "ed25519-sha256", 1))
		}, want: "fail: a field twice, i=1, ARC-Seal"},
	{name: "no-results", section: "5.2 step 3.1", shows: "ARC-Authentication-Results is missing", make: then(2, func(m *making) { m.drop("ARC-Authentication-Results", 2) }), want: "fail: a field is missing, i=2, ARC-Authentication-Results"},
	{name: "no-signature", section: "5.2 step 3.1", shows: "ARC-Message-Signature is missing", make: then(2, func(m *making) { m.drop("ARC-Message-Signature", 2) }), want: "fail: a field is missing, i=2, ARC-Message-Signature"},
	{name: "no-seal", section: "5.2 step 3.1", shows: "the newest ARC-Seal is missing", make: then(2, func(m *making) { m.drop("ARC-Seal", 2) }), want: "fail: a field is missing, i=2, ARC-Seal"},
	{name: "no-older-seal", section: "5.2 step 3.1", shows: "an ARC-Seal in the middle is missing", make: then(3, func(m *making) { m.drop("ARC-Seal", 2) }), want: "fail: a field is missing, i=2, ARC-Seal"},
	{name: "only-results", section: "5.2 step 3.1", shows: "one field and nothing else", make: func(m *making) { m.top("ARC-Authentication-Results", " i=1; mx.one.example; arc=pass") }, want: "fail: a field is missing, i=1, ARC-Message-Signature"},
	{name: "gap", section: "5.2 step 3.2", shows: "a whole set in the middle is missing",
		make: then(3, func(m *making) {
			for _, name := range names {
				m.drop(name, 2)
			}
		}), want: "fail: a field is missing, i=2, ARC-Authentication-Results"},
	{name: "begins-with-two", section: "5.2 step 3.2", shows: "the first set is missing", make: hops(hop{n: 2}), want: "fail: a field is missing, i=1, ARC-Authentication-Results"},
	{name: "newest-taken-off", section: "5.2 step 4", shows: "the newest set was taken off, and the mail was changed",
		make: func(m *making) {
			m.seal(hop{})
			m.footer()
			m.seal(hop{})
			for _, name := range names {
				m.drop(name, 2)
			}
		}, want: "fail: the body was changed, i=1, ARC-Message-Signature"},
	{name: "fifty-one-sets", section: "5.2 step 1", shows: "one set too many", make: func(m *making) { m.seals(51, hop{key: "ed25519"}) }, want: "fail: more than 50 sets",
		dkimpy: "pass", because: "it has the limit of 50 when it seals, and none when it verifies"},
	{name: "instance-51", section: "4.2.1", shows: "an instance beyond 50", make: hops(hop{n: 51}), want: "fail: more than 50 sets, ARC-Seal"},
	{name: "instance-0", section: "4.2.1", shows: "an instance below 1", make: hops(hop{n: 1, aar: " i=0; mx.one.example; none", ams: []string{"i=0"}, as: []string{"i=0"}}), want: "fail: a field without an instance, ARC-Seal",
		dkimpy: "none", because: "it takes the highest instance 0 for no chain"},
	{name: "instance-huge", section: "4.2.1", shows: "an instance of twelve digits", make: hops(hop{n: 999999999999}), want: "fail: more than 50 sets, ARC-Seal"},
	{name: "instance-missing", section: "4.2.1", shows: "a set without instances", make: hops(hop{n: 1, aar: " mx.one.example; none", ams: []string{"i"}, as: []string{"i"}}), want: "fail: a field without an instance, ARC-Seal",
		dkimpy: "none", because: "it passes over fields without an instance"},
	{name: "instance-no-number", section: "3.9", shows: "an instance that is no number", make: then(1, func(m *making) { m.change("ARC-Seal", 1, "i=1", "i=a") }), want: "fail: a field without an instance, ARC-Seal"},
	{name: "instance-three-digits", section: "3.9", shows: "an instance of three digits", make: then(1, func(m *making) { m.change("ARC-Seal", 1, "i=1", "i=001") }), want: "fail: a field without an instance, ARC-Seal"},
	{name: "instance-negative", section: "3.9", shows: "an instance with a sign", make: then(1, func(m *making) { m.change("ARC-Seal", 1, "i=1", "i=-1") }), want: "fail: a field without an instance, ARC-Seal"},
	{name: "one-seal-more", section: "4.2.1", shows: "beside a whole chain a seal that belongs to no set", make: then(1, func(m *making) { m.top("ARC-Seal", " a=rsa-sha256; b=AAAA; cv=none; d=x.example; s=x") }), want: "fail: a field without an instance, ARC-Seal",
		dkimpy: "pass", because: "it passes over fields without an instance; we say with section 5.2.1 that any error is a failure"},
	{name: "results-instance-not-first", section: "4.1.1", shows: "the instance of ARC-Authentication-Results must be first", make: hops(hop{aar: " mx.one.example; i=1; spf=pass"}), want: "fail: a field without an instance, ARC-Authentication-Results",
		dkimpy: "pass", because: "it looks for i= anywhere; the grammar of section 4.1.1 has it first, and results may hold an i= of their own"},
	{name: "sealed-as-failed", section: "5.2 step 2", shows: "the newest seal says that the chain has failed", make: hops(hop{}, hop{cv: "fail", alone: true}), want: "fail: sealed as failed, i=2, ARC-Seal"},
	{name: "first-sealed-as-failed", section: "5.2 step 2", shows: "and so may the first", make: hops(hop{cv: "fail"}), want: "fail: sealed as failed, i=1, ARC-Seal"},
	{name: "failed-then-passed", section: "5.2 step 3.3", shows: "after cv=fail nothing passes any more", make: hops(hop{}, hop{cv: "fail", alone: true}, hop{}), want: "fail: its cv is not what it must be, i=2, ARC-Seal"},
	{name: "failed-then-none", section: "5.2 step 3.3", shows: "nor begins anew", make: hops(hop{}, hop{cv: "fail", alone: true}, hop{cv: "none", alone: true}), want: "fail: its cv is not what it must be, i=2, ARC-Seal"},
	{name: "failed-then-failed", section: "5.1.3", shows: "nor is anything but failed", make: hops(hop{cv: "fail"}, hop{cv: "fail", alone: true}), want: "fail: sealed as failed, i=2, ARC-Seal"},
	{name: "failed-and-twice", section: "5.2 step 2", shows: "what says itself that it has failed is not looked at further", make: func(m *making) { m.seal(hop{}); m.again("ARC-Seal", 1); m.seal(hop{cv: "fail", alone: true}) }, want: "fail: sealed as failed, i=2, ARC-Seal"},
	{name: "second-says-none", section: "5.2 step 3.3", shows: "cv=none in the second set", make: hops(hop{}, hop{cv: "none"}), want: "fail: its cv is not what it must be, i=2, ARC-Seal"},
	{name: "first-says-pass", section: "5.2 step 3.3", shows: "cv=pass in the first set", make: hops(hop{cv: "pass"}), want: "fail: its cv is not what it must be, i=1, ARC-Seal"},
	{name: "cv-missing", section: "4.1.3", shows: "no cv=", make: hops(hop{as: []string{"cv"}}), want: "fail: its cv is not what it must be, i=1, ARC-Seal"},
	{name: "cv-unknown", section: "3.9", shows: "a cv= of another word", make: hops(hop{cv: "temperror"}), want: "fail: its cv is not what it must be, i=1, ARC-Seal"},
	{name: "seal-names-fields", section: "4.1.3", shows: "h= in an ARC-Seal", make: hops(hop{as: []string{"h=from:arc-message-signature"}}), want: "fail: a seal that names fields, i=1, ARC-Seal"},
	{name: "seal-tag-twice", section: "RFC 6376 3.2", shows: "a tag twice makes all of them invalid", make: hops(hop{as: []string{"d=one.example; d=one.example"}}), want: "fail: its tags cannot be read, i=1, ARC-Seal"},
	{name: "seal-no-tags", section: "RFC 6376 3.2", shows: "a seal that is no list of tags", make: then(1, func(m *making) { m.header[0].Value = " i=1; hello" }), want: "fail: its tags cannot be read, i=1, ARC-Seal"},
	{name: "seal-instance-twice", section: "4.1.3", shows: "the instance first, and once more", make: then(1, func(m *making) { m.change("ARC-Seal", 1, "cv=", "i=2; cv=") }), want: "fail: its tags cannot be read, i=1, ARC-Seal"},
	{name: "seal-sha1", section: "RFC 8301 3.1", shows: "a seal with SHA-1", make: hops(hop{as: []string{"a=rsa-sha1"}}), want: "fail: an algorithm that is not taken, i=1, ARC-Seal"},
	{name: "seal-no-b", section: "RFC 6376 3.5", shows: "a seal without a signature", make: hops(hop{as: []string{"b"}}), want: "fail: a tag is missing, or says nothing, i=1, ARC-Seal"},
	{name: "seal-no-d", section: "RFC 6376 3.5", shows: "a seal of no domain", make: hops(hop{as: []string{"d"}}), want: "fail: its domain or selector is none, i=1, ARC-Seal"},
	{name: "seal-bad-d", section: "RFC 6376 3.5", shows: "a seal of what is no domain", make: hops(hop{as: []string{"d=one..example"}}), want: "fail: its domain or selector is none, i=1, ARC-Seal"},
	{name: "seal-no-s", section: "RFC 6376 3.5", shows: "a seal without a selector", make: hops(hop{as: []string{"s="}}), want: "fail: its domain or selector is none, i=1, ARC-Seal"},
	{name: "field-too-large", section: "9.1", shows: "a field of more than 64 KiB", make: hops(hop{aar: " i=1; mx.one.example; x=pass (" + strings.Repeat("x\r\n\t", 20000) + ")"}), want: "fail: more than is looked at, ARC-Authentication-Results",
		dkimpy: "pass", because: "the limit is ours"},
}

// messages are chains of which a signature does not hold.
var messages = []suiteCase{
	{name: "body-changed", section: "5.2 step 4", shows: "the body was changed after the newest set", make: then(2, (*making).footer), want: "fail: the body was changed, i=2, ARC-Message-Signature"},
	{name: "subject-changed", section: "5.2 step 4", shows: "a signed field was changed", make: then(2, func(m *making) { m.change("Subject", 0, "test", "trick") }), want: "fail: the signature does not match, i=2, ARC-Message-Signature"},
	{name: "field-taken-out", section: "5.2 step 4", shows: "a signed field was taken out", make: then(1, func(m *making) { m.drop("To", 0) }), want: "fail: the signature does not match, i=1, ARC-Message-Signature"},
	{name: "oversigned-from", section: "RFC 6376 8.15", shows: "a second From, where its absence was signed", make: func(m *making) { m.seal(hop{covers: "from:from:subject"}); m.top("From", " Eve <eve@evil.example>") }, want: "fail: the signature does not match, i=1, ARC-Message-Signature"},
	{name: "simple-folded-anew", section: "RFC 6376 3.4.1", shows: "c=simple bears no change at all", make: func(m *making) {
		m.seal(hop{ams: []string{"c=simple/simple"}})
		m.change("Subject", 0, "a  test", "a test")
	}, want: "fail: the signature does not match, i=1, ARC-Message-Signature"},
	{name: "signature-harmed", section: "5.2 step 4", shows: "b= of the newest signature was changed", make: func(m *making) { m.seal(hop{}); m.harm("ARC-Message-Signature", 1) }, want: "fail: the signature does not match, i=1, ARC-Message-Signature"},
	{name: "seal-harmed", section: "5.2 step 6", shows: "the newest seal is broken", make: then(3, func(m *making) { m.harm("ARC-Seal", 3) }), want: "fail: the signature does not match, i=3, ARC-Seal"},
	{name: "seal-harmed-in-the-middle", section: "5.2 step 6", shows: "a seal in the middle was broken before the next was made", make: func(m *making) { m.seals(2, hop{}); m.harm("ARC-Seal", 2); m.seal(hop{}) }, want: "fail: the signature does not match, i=2, ARC-Seal"},
	{name: "seal-harmed-first", section: "5.2 step 6", shows: "the first seal was broken, and others sealed over it", make: func(m *making) { m.seal(hop{}); m.harm("ARC-Seal", 1); m.seals(2, hop{}) }, want: "fail: the signature does not match, i=1, ARC-Seal"},
	{name: "seal-harmed-afterwards", section: "5.2 step 6", shows: "an older seal was changed afterwards: the newest does not cover it any more", make: then(2, func(m *making) { m.harm("ARC-Seal", 1) }), want: "fail: the signature does not match, i=2, ARC-Seal"},
	{name: "results-changed", section: "4.1.3", shows: "somebody changed what an older sealer found", make: then(2, func(m *making) { m.change("ARC-Authentication-Results", 1, "author.example", "evil.example") }), want: "fail: the signature does not match, i=2, ARC-Seal"},
	{name: "older-signature-changed", section: "4.1.3", shows: "an older ARC-Message-Signature was changed", make: then(2, func(m *making) { m.harm("ARC-Message-Signature", 1) }), want: "fail: the signature does not match, i=2, ARC-Seal"},
	{name: "sets-renumbered", section: "5.1.1", shows: "a chain that somebody put into another order", make: then(2, func(m *making) {
		for i := range m.header[:6] {
			v := &m.header[i].Value
			*v = strings.NewReplacer("i=1;", "i=2;", "i=2;", "i=1;", "cv=none", "cv=pass", "cv=pass", "cv=none").Replace(*v)
		}
	}), want: "fail: the signature does not match, i=2, ARC-Message-Signature"},
	{name: "foreign-set-on-top", section: "5.1.1", shows: "a set that was made for another mail's chain", make: func(m *making) {
		other := newMaking(m.t)
		other.seals(2, hop{key: "ed25519"})
		m.seal(hop{})
		m.header = append(slices.Clone(other.header[:3]), m.header...)
		m.zone["arc._domainkey.two.example"] = other.zone["arc._domainkey.two.example"]
	}, want: "fail: the signature does not match, i=2, ARC-Seal"},
	{name: "seal-of-its-set-alone", section: "5.1.1", shows: "a seal that covers its own set alone, where the chain is said to pass", make: hops(hop{}, hop{alone: true}), want: "fail: the signature does not match, i=2, ARC-Seal"},
	{name: "from-not-signed", section: "RFC 6376 5.4", shows: "From must be signed", make: hops(hop{covers: "to:subject"}), want: "fail: it does not sign From, i=1, ARC-Message-Signature",
		dkimpy: "pass", because: "it checks that for signing only"},
	{name: "signs-a-seal", section: "4.1.2", shows: "ARC-Seal in h=", make: hops(hop{covers: "from:arc-seal"}), want: "fail: it signs an ARC-Seal, i=1, ARC-Message-Signature"},
	{name: "part-of-body", section: "RFC 6376 8.2", shows: "l=", make: hops(hop{ams: []string{"l=1000"}}), want: "fail: it signs a part of the body, i=1, ARC-Message-Signature",
		dkimpy: "pass", because: "it lets l= be; to refuse it is allowed, and ours"},
	{name: "expired", section: "RFC 6376 3.5", shows: "x= that is over", make: hops(hop{ams: []string{"x=1767225700"}}), want: "fail: expired, i=1, ARC-Message-Signature"},
	{name: "signed-ahead", section: "RFC 6376 3.5", shows: "t= that is far in the future", make: hops(hop{ams: []string{"t=4102444800"}}), want: "fail: signed in the future, i=1, ARC-Message-Signature"},
	{name: "sealed-ahead", section: "RFC 6376 3.5", shows: "t= of a seal that is far in the future", make: hops(hop{as: []string{"t=4102444800"}}, hop{}), want: "fail: signed in the future, i=1, ARC-Seal"},
	{name: "expires-before", section: "RFC 6376 3.5", shows: "x= that is not after t=", make: hops(hop{ams: []string{"t=1767225700", "x=1767225700"}}), want: "fail: its times cannot be, i=1, ARC-Message-Signature"},
	{name: "t-no-number", section: "RFC 6376 3.5", shows: "t= that is no number", make: hops(hop{as: []string{"t=yesterday"}}), want: "fail: its times cannot be, i=1, ARC-Seal"},
	{name: "sha1", section: "RFC 8301 3.1", shows: "rsa-sha1", make: hops(hop{ams: []string{"a=rsa-sha1"}}), want: "fail: an algorithm that is not taken, i=1, ARC-Message-Signature"},
	{name: "unknown-algorithm", section: "RFC 6376 3.3.4", shows: "an algorithm that nobody knows", make: hops(hop{ams: []string{"a=rsa-sha3"}}), want: "fail: an algorithm that is not taken, i=1, ARC-Message-Signature"},
	{name: "no-algorithm", section: "RFC 6376 3.5", shows: "no a=", make: hops(hop{ams: []string{"a"}}), want: "fail: a tag is missing, or says nothing, i=1, ARC-Message-Signature"},
	{name: "b-no-base64", section: "RFC 6376 3.5", shows: "b= that is not base64", make: then(1, func(m *making) { v := &m.header[1].Value; *v = (*v)[:len(*v)-8] + "!!" }), want: "fail: a tag is missing, or says nothing, i=1, ARC-Message-Signature"},
	{name: "bh-missing", section: "RFC 6376 3.5", shows: "no bh=", make: hops(hop{ams: []string{"bh"}}), want: "fail: a tag is missing, or says nothing, i=1, ARC-Message-Signature"},
	{name: "bh-short", section: "RFC 6376 3.5", shows: "bh= of another length", make: hops(hop{ams: []string{"bh=AAAA"}}), want: "fail: a tag is missing, or says nothing, i=1, ARC-Message-Signature"},
	{name: "h-missing", section: "RFC 6376 3.5", shows: "no h=", make: hops(hop{ams: []string{"h"}}), want: "fail: a tag is missing, or says nothing, i=1, ARC-Message-Signature"},
	{name: "d-missing", section: "RFC 6376 3.5", shows: "no d=", make: hops(hop{ams: []string{"d"}}), want: "fail: its domain or selector is none, i=1, ARC-Message-Signature"},
	{name: "s-missing", section: "RFC 6376 3.5", shows: "no s=", make: hops(hop{ams: []string{"s"}}), want: "fail: its domain or selector is none, i=1, ARC-Message-Signature"},
	{name: "c-unknown", section: "RFC 6376 3.5", shows: "an unknown canonicalization", make: hops(hop{ams: []string{"c=nofws"}}), want: "fail: an unknown canonicalization, i=1, ARC-Message-Signature"},
	{name: "tag-twice", section: "RFC 6376 3.2", shows: "a tag twice", make: hops(hop{ams: []string{"c=relaxed/relaxed; c=relaxed/relaxed"}}), want: "fail: its tags cannot be read, i=1, ARC-Message-Signature"},
	{name: "other-query", section: "RFC 6376 3.5", shows: "q= without dns/txt", make: hops(hop{ams: []string{"q=http/get"}}), want: "fail: its key is not in the DNS, i=1, ARC-Message-Signature"},
}

// published is a chain of one set with a key record of its own.
func published(key string, record func(m *making) string) func(*making) {
	return func(m *making) { m.seal(hop{key: key, record: record(m)}) }
}

// literally is a record as it stands.
func literally(text string) func(*making) string { return func(*making) string { return text } }

// with is a good record in which something is changed.
func with(key, from, to string) func(*making) string {
	return func(m *making) string { return strings.Replace(record(m.t, key), from, to, 1) }
}

// foreign is a record of a key of which there is only the public part here.
func foreign(name string) func(*making) string {
	return func(m *making) string {
		text, err := os.ReadFile("testdata/keys/" + name + ".pub")
		if err != nil {
			m.t.Fatal(err)
		}
		return "v=DKIM1; k=rsa; p=" + string(text)
	}
}

// bare is a record with an RSAPublicKey, as RFC 6376 section 3.6.1 means it.
func bare(m *making) string {
	text := record(m.t, "rsa2048")
	at := strings.Index(text, "p=") + 2
	der, err := base64.StdEncoding.DecodeString(text[at:])
	if err != nil {
		m.t.Fatal(err)
	}
	return text[:at] + base64.StdEncoding.EncodeToString(der[24:]) // what is before it names the algorithm
}

const newest = ", i=1, ARC-Message-Signature"

// keys are chains of one set, and what is published.
var keys = []suiteCase{
	{name: "key-with-all-tags", section: "RFC 6376 3.6.1", shows: "a record that says all it can", make: published("rsa2048", with("rsa2048", "k=rsa;", "h=sha1:sha256; k=rsa; n=note; s=email; t=y:s;")), want: pass1},
	{name: "key-without-tags", section: "RFC 6376 3.6.1", shows: "a record that says only its key", make: published("rsa2048", with("rsa2048", "v=DKIM1; k=rsa; ", "")), want: pass1},
	{name: "key-bare", section: "RFC 6376 3.6.1", shows: "a key without the name of its algorithm", make: published("rsa2048", bare), want: pass1},
	{name: "key-beside-others", section: "RFC 6376 6.1.2", shows: "other texts at the name of the key", make: func(m *making) {
		m.zone["arc._domainkey.one.example"] = []string{"v=spf1 -all", record(m.t, "ed25519")}
		m.seal(hop{})
	}, want: pass1, dkimpy: "fail", because: "it reads the first record only; RFC 6376 leaves it to each"},
	{name: "no-key", section: "RFC 6376 6.1.2", shows: "no such name", make: hops(hop{record: "-"}), want: "fail: there is no key" + newest},
	{name: "no-key-there", section: "RFC 6376 6.1.2", shows: "a name without a key", make: published("rsa2048", literally("v=spf1 -all")), want: "fail: there is no key" + newest},
	{name: "key-revoked", section: "RFC 6376 3.6.1", shows: "p= with nothing", make: published("rsa2048", literally("v=DKIM1; k=rsa; p=")), want: "fail: the key is revoked" + newest},
	{name: "key-garbage", section: "RFC 6376 6.1.2", shows: "p= that is no key", make: published("rsa2048", literally("v=DKIM1; k=rsa; p=AAAA")), want: "fail: the key is none" + newest},
	{name: "key-no-base64", section: "RFC 6376 6.1.2", shows: "p= that is not base64", make: published("rsa2048", literally("v=DKIM1; k=rsa; p=!!")), want: "fail: the key is none" + newest},
	{name: "key-512", section: "RFC 8301 3.2", shows: "an RSA key of 512 bits", make: published("rsa2048", foreign("short")), want: "fail: an RSA key of less than 1024 or of over 4096" + newest},
	{name: "key-8192", section: "RFC 8301 3.2", shows: "an RSA key of 8192 bits", make: published("rsa2048", foreign("long")), want: "fail: an RSA key of less than 1024 or of over 4096" + newest},
	{name: "key-of-another", section: "RFC 6376 6.1.3", shows: "the key of somebody else, and a text that is none: what is told is of the key", make: func(m *making) {
		m.zone["arc._domainkey.one.example"] = []string{record(m.t, "rsa4096"), "v=spf1 -all"}
		m.seal(hop{record: "-"})
	}, want: "fail: the signature does not match" + newest},
	{name: "key-of-another-type", section: "RFC 6376 6.1.2", shows: "an Ed25519 key for a signature with RSA", make: published("rsa2048", with("ed25519", "", "")), want: "fail: the key is for something else" + newest},
	{name: "rsa-called-ed25519", section: "RFC 8463 4", shows: "an RSA key that is called Ed25519", make: published("ed25519", with("rsa2048", "k=rsa", "k=ed25519")), want: "fail: the key is none" + newest},
	{name: "key-unknown-type", section: "RFC 6376 3.6.1", shows: "k= that nobody knows", make: published("rsa2048", with("rsa2048", "k=rsa", "k=dsa")), want: "fail: the key is for something else" + newest},
	{name: "key-not-for-mail", section: "RFC 6376 3.6.1", shows: "s= without email", make: published("rsa2048", with("rsa2048", "k=rsa;", "k=rsa; s=tlsrpt;")), want: "fail: the key is for something else" + newest},
	{name: "key-for-sha1", section: "RFC 6376 3.6.1", shows: "h= without sha256", make: published("rsa2048", with("rsa2048", "k=rsa;", "k=rsa; h=sha1;")), want: "fail: the key is for something else" + newest,
		dkimpy: "pass", because: "it does not read h= of a key"},
	{name: "key-other-version", section: "RFC 6376 3.6.1", shows: "another version", make: published("rsa2048", with("rsa2048", "DKIM1", "DKIM2")), want: "fail: there is no key" + newest},
	{name: "key-version-last", section: "RFC 6376 3.6.1", shows: "v= must be first", make: published("rsa2048", func(m *making) string { return with("rsa2048", "v=DKIM1; ", "")(m) + "; v=DKIM1" }), want: "fail: there is no key" + newest,
		dkimpy: "pass", because: "it does not look where v= stands"},
	{name: "key-tag-twice", section: "RFC 6376 3.2", shows: "a tag twice in the record", make: published("rsa2048", with("rsa2048", "k=rsa;", "k=rsa; k=rsa;")), want: "fail: there is no key" + newest},
	{name: "key-server-fails", section: "5.2.1", shows: "a key that could not be asked for: RFC 8617 says fail, we keep it apart", make: then(1, func(m *making) { m.fails = []string{"arc._domainkey.one.example failure"} }), want: "temperror: its key could not be asked for" + newest,
		dkimpy: "fail", because: "all failures are permanent by section 5.2.1; see the package's doc"},
	{name: "key-server-silent", section: "5.2.1", shows: "the key of an older seal", make: then(3, func(m *making) { m.fails = []string{"arc._domainkey.one.example timeout"} }), want: "temperror: its key could not be asked for, i=1, ARC-Seal",
		dkimpy: "fail", because: "all failures are permanent by section 5.2.1; see the package's doc"},
	{name: "broken-beyond-the-silent", section: "5.2 step 6", shows: "the newest seal that does not hold is told, though an older key is silent", make: then(3, func(m *making) { m.harm("ARC-Seal", 3); m.fails = []string{"arc._domainkey.one.example timeout"} }), want: "fail: the signature does not match, i=3, ARC-Seal"},
	{name: "changed-and-silent", section: "5.2 step 4", shows: "a changed body needs no key", make: then(1, func(m *making) { m.footer(); m.fails = []string{"arc._domainkey.one.example failure"} }), want: "fail: the body was changed" + newest},
	{name: "older-key-gone-for-good", section: "5.2 step 6", shows: "an older sealer published its key no more", make: then(2, func(m *making) { delete(m.zone, "arc._domainkey.one.example") }), want: "fail: there is no key, i=1, ARC-Seal"},
}
