package dmarc

import (
	"fmt"
	"slices"
	"strings"

	"postward/internal/domain/uri"
)

// Bounds of a record.
const (
	MaxText = 8192
	MaxTags = 64
	MaxURIs = 16
)

// Policy is what the domain's owner wants done with mail that fails (RFC 9989 section 4.7, p).
type Policy string

// The policies, the weakest first. The zero value is none that was said.
const (
	None       Policy = "none"
	Quarantine Policy = "quarantine"
	Reject     Policy = "reject"
)

// Strength is 0 for none and what was not said, 1 for quarantine, 2 for reject.
func (p Policy) Strength() int { return max(0, slices.Index([]Policy{None, Quarantine, Reject}, p)) }

func (p Policy) valid() bool { return p == None || p == Quarantine || p == Reject }

// Alignment is how close a domain must be to the Author Domain (sections 4.7, adkim and aspf).
type Alignment string

// The modes.
const (
	Relaxed Alignment = "r"
	Strict  Alignment = "s"
)

// Record is a DMARC policy record. Fields that were not said, or not rightly, have the RFC's default.
type Record struct {
	Policy      Policy    `json:"p,omitempty"`  // empty: none is said, or one of the three cannot be read (then all are empty); that is p=none
	Subdomain   Policy    `json:"sp,omitempty"` // empty: as Policy
	NonExistent Policy    `json:"np,omitempty"` // empty: as Subdomain
	Test        bool      `json:"t"`            // the policy is to be reported on, and the next weaker applied
	PSD         string    `json:"psd"`          // y: a public suffix; n: an Organizational Domain; u
	DKIM        Alignment `json:"adkim"`
	SPF         Alignment `json:"aspf"`
	Failure     []string  `json:"fo"` // 0, 1, d, s
	Aggregate   []URI     `json:"rua,omitempty"`
	Failures    []URI     `json:"ruf,omitempty"`
	Remarks     []Remark  `json:"remarks,omitempty"`
}

// URI is where reports go.
type URI struct {
	Text string `json:"uri"`
	Host string `json:"host,omitempty"` // of a mailto address, lower case; empty for other schemes
}

// Mark is a fact about a record that is worth saying. The set is closed.
type Mark string

// The marks.
const (
	UnknownTag  Mark = "unknown tag"
	OldTag      Mark = "tag of RFC 7489" // pct, rf, ri: nobody looks at it any more
	TwiceTag    Mark = "tag given twice" // the first counts
	BadTag      Mark = "not a tag"
	BadValue    Mark = "value that is none of the tag's"
	NoPolicy    Mark = "no policy" // without p, which is p=none
	BadURI      Mark = "not a URI"
	OldSize     Mark = "size limit of RFC 7489" // the "!10m" behind a URI
	NotMail     Mark = "not a mail address"     // a scheme that nobody sends to
	TooMuch     Mark = "more than is read"
	NoReports   Mark = "no address for reports"
	NotAtEffect Mark = "no record for anybody" // p, sp or np cannot be read, and there is nobody to report to
)

// Remark is a mark and what it is about, in printable words that may be empty.
type Remark struct {
	Mark Mark   `json:"mark"`
	Text string `json:"text,omitempty"`
}

// Has reports whether the record has a remark.
func (r *Record) Has(m Mark) bool {
	return slices.ContainsFunc(r.Remarks, func(x Remark) bool { return x.Mark == m })
}

func (r *Record) say(m Mark, text string) { r.Remarks = append(r.Remarks, Remark{m, printable(text)}) }

// IsRecord reports whether a text is a DMARC record, well made or not: v=DMARC1 comes first, in these letters (section
// 4.7). What other TXT records say is nobody's business.
func IsRecord(text string) bool {
	name, rest, _ := strings.Cut(text, "=")
	value, _, _ := strings.Cut(rest, ";")
	return trim(name) == "v" && trim(value) == "DMARC1"
}

// Effective is the policy for a name: the domain of the record itself, one below it, or one below it that does not
// exist (section 4.7). Record.Test is not considered.
func (r *Record) Effective(below, exists bool) Policy {
	_, p := r.applies(below, exists)
	return p
}

// applies is the tag that has the policy for a name, and the policy. Without p it is p=none; sp and np say what they say.
func (r *Record) applies(below, exists bool) (tag string, p Policy) {
	switch {
	case below && !exists && r.NonExistent != "":
		return "np", r.NonExistent
	case below && r.Subdomain != "":
		return "sp", r.Subdomain
	case r.Policy.valid():
		return "p", r.Policy
	}
	return "p", None
}

// Holds reports whether receivers go by the record: a policy that can be read, or somebody to report to.
func (r *Record) Holds() bool { return !r.Has(NotAtEffect) }

// Parse reads a record, which IsRecord.
func Parse(text string) Record {
	r := Record{PSD: "u", DKIM: Relaxed, SPF: Relaxed, Failure: []string{"0"}}
	if len(text) > MaxText {
		r.say(TooMuch, "the text is longer than 8192 octets")
		text = text[:MaxText]
	}
	seen := map[string]bool{"v": true}
	tags := strings.SplitN(text, ";", MaxTags+2)
	for i, tag := range tags[1:] {
		switch name, value, is := strings.Cut(tag, "="); {
		case trim(tag) == "":
		case i == MaxTags:
			r.say(TooMuch, "more than 64 tags")
		case !is || trim(name) == "":
			r.say(BadTag, trim(tag))
		case seen[strings.ToLower(trim(name))]:
			r.say(TwiceTag, trim(tag))
		default:
			seen[strings.ToLower(trim(name))] = true
			r.tag(strings.ToLower(trim(name)), trim(value))
		}
	}
	r.conclude()
	return r
}

// tag takes one tag. Names and values do not depend on case (section 4.8), URIs do.
func (r *Record) tag(name, value string) {
	low := strings.ToLower(value)
	fits := true
	switch name {
	case "p":
		r.Policy, fits = policy(low)
	case "sp":
		r.Subdomain, fits = policy(low)
	case "np":
		r.NonExistent, fits = policy(low)
	case "adkim":
		r.DKIM, fits = alignment(low)
	case "aspf":
		r.SPF, fits = alignment(low)
	case "t":
		r.Test, fits = low == "y", low == "y" || low == "n"
	case "psd":
		if fits = low == "y" || low == "n" || low == "u"; fits {
			r.PSD = low
		}
	case "fo":
		fits = r.options(low)
	case "rua":
		r.Aggregate = r.addresses(value)
	case "ruf":
		r.Failures = r.addresses(value)
	case "pct", "rf", "ri":
		r.say(OldTag, name+"="+value)
	default:
		r.say(UnknownTag, name+"="+value)
	}
	if !fits {
		r.say(BadValue, name+"="+value)
	}
}

func policy(value string) (Policy, bool) {
	if p := Policy(value); p.valid() {
		return p, true
	}
	return "", false
}

func alignment(value string) (Alignment, bool) {
	if a := Alignment(value); a == Relaxed || a == Strict {
		return a, true
	}
	return Relaxed, false
}

func (r *Record) options(value string) bool {
	var all []string
	for option := range strings.SplitSeq(value, ":") {
		if o := trim(option); slices.Contains([]string{"0", "1", "d", "s"}, o) && !slices.Contains(all, o) {
			all = append(all, o)
		} else {
			return false
		}
	}
	r.Failure = all
	return true
}

// addresses reads a list of URIs. Old records have a size behind them, "!10m".
func (r *Record) addresses(value string) (all []URI) {
	for i, text := range strings.SplitN(value, ",", MaxURIs+1) {
		if i == MaxURIs {
			r.say(TooMuch, "more than 16 URIs")
			break
		}
		text = trim(text)
		if plain, _, is := strings.Cut(text, "!"); is {
			r.say(OldSize, text)
			text = plain
		}
		switch scheme, host := uri.Scheme(text), uri.Host(text); {
		case scheme == "":
			r.say(BadURI, text)
		case scheme != "mailto":
			r.say(NotMail, text)
			all = append(all, URI{Text: text})
		default:
			all = append(all, URI{text, host})
		}
	}
	return all
}

// conclude says what is so about the record as a whole.
func (r *Record) conclude() {
	bad := slices.ContainsFunc(r.Remarks, func(x Remark) bool {
		return x.Mark == BadValue && (strings.HasPrefix(x.Text, "p=") || strings.HasPrefix(x.Text, "sp=") || strings.HasPrefix(x.Text, "np="))
	})
	if r.Policy == "" && !bad {
		r.say(NoPolicy, "")
	}
	if bad {
		r.Policy, r.Subdomain, r.NonExistent = "", "", ""
	}
	if len(r.Aggregate) == 0 {
		r.say(NoReports, "")
		if bad {
			r.say(NotAtEffect, "")
		}
	}
}

func trim(s string) string { return strings.Trim(s, " \t") }

// printable writes octets other than printable ASCII as \DDD, at most 200 of them.
func printable(s string) string {
	var b strings.Builder
	for i := range min(len(s), 200) {
		if c := s[i]; c >= ' ' && c <= '~' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, `\%03d`, c)
		}
	}
	return b.String()
}

// String is the record as it is published, with what the defaults say left out.
func (r *Record) String() string {
	tags := []string{"v=DMARC1"}
	add := func(name, value, usual string) {
		if value != "" && value != usual {
			tags = append(tags, name+"="+value)
		}
	}
	p := r.Policy
	if p == "" {
		p = None
	}
	add("p", string(p), "")
	add("sp", string(r.Subdomain), "")
	add("np", string(r.NonExistent), "")
	add("adkim", string(r.DKIM), string(Relaxed))
	add("aspf", string(r.SPF), string(Relaxed))
	if r.Test {
		add("t", "y", "n")
	}
	add("psd", r.PSD, "u")
	add("fo", strings.Join(r.Failure, ":"), "0")
	add("rua", uris(r.Aggregate), "")
	add("ruf", uris(r.Failures), "")
	return strings.Join(tags, "; ")
}

func uris(all []URI) string {
	var texts []string
	for _, u := range all {
		texts = append(texts, u.Text)
	}
	return strings.Join(texts, ",")
}
