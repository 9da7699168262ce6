package dkim

// second is the opinion of another program: pass or fail for each signature, and why it is another than ours.
type second struct{ who, says, because string }

const (
	gm = "go-msgauth"
	py = "dkimpy"

	asWritten = "it compares with regard to case; literals of the grammar have none (RFC 5234 section 2.3)"
	uLabel    = "it asks for the name as it is written; RFC 8616 section 5 wants A-labels"
	lineEnds  = "it makes CRLF of it before it hashes; section 5.3 has signers do that, before they sign"
	blankCR   = "it takes a CR for white space; in section 2.8 it is none without an LF"
	oneFrom   = "section 8.15 is for whoever shows the mail; no mail that is well has two From fields, so nothing is lost when we look"
	itself    = "it takes the field itself for one that h= names; section 3.7 hashes that one last, with nothing in b="
	noQP      = "it does not decode i= (section 2.11)"
	noStrict  = "it does not know the flag s (section 3.6.1)"
	ahead     = "section 3.5 says that a verifier may; a day is more than any clock is wrong"
	vFirst    = "section 3.6.1: v= must be the first tag of the record"
	oneRecord = "section 6.1.2 step 3 lets a verifier take one record or try all; a domain that changes its key may have two for a day"
	bound     = "a bound of ours, far from what anybody needs"
	anyFrom   = "it does not look whether From is signed, which section 6.1.1 wants"
)

// otherwise is who judges a case otherwise than we do. All others judge all cases as we do.
var otherwise = map[string][]second{
	"c-in-capitals":          {{gm, "fail", asWritten}, {py, "fail", asWritten}},
	"u-label":                {{gm, "fail", uLabel}, {py, "fail", uLabel}},
	"header-only-relaxed":    {{gm, "", "it reads no mail without the line behind the header; RFC 5322 section 3.5 has none when there is no body"}},
	"header-only-simple":     {{gm, "", "the same"}},
	"bare-cr-in-body":        {{gm, "fail", lineEnds}},
	"bare-lf-in-body":        {{gm, "fail", lineEnds}, {py, "fail", lineEnds}},
	"l":                      {{py, "pass", "section 8.2 lets a verifier refuse l=, and we do"}},
	"l-and-more":             {{py, "pass", "this is why"}},
	"l-zero":                 {{py, "pass", "and this"}},
	"blank-before-colon":     {{py, "", "it reads no such mail; RFC 5322 section 4.5 has readers take it"}},
	"bare-cr-in-field":       {{gm, "fail", blankCR}},
	"bare-cr-added-to-field": {{gm, "pass", blankCR}, {py, "pass", blankCR}},
	"from-added":             {{gm, "pass", oneFrom}},
	"from-added-with-blank":  {{gm, "pass", oneFrom}, {py, "pass", "it does not take it for a From; RFC 5322 section 4.5 does"}},
	"from-not-signed":        {{py, "pass", anyFrom}},
	"from-in-a-name":         {{py, "pass", anyFrom}},
	"h-empty":                {{py, "pass", anyFrom}},
	"signs-its-own-name":     {{gm, "fail", itself}, {py, "fail", itself}},
	"bare-cr-between-tags":   {{gm, "pass", blankCR}},
	"no-tag-name":            {{gm, "pass", "it does not look at names of tags (section 3.2)"}},
	"a-ed25519-of-rsa":       {{py, "pass", "it goes by the k= of the key alone; section 6.1.2 step 6 wants a= to fit"}},
	"a-in-capitals":          {{gm, "fail", asWritten}, {py, "fail", asWritten}},
	"q-one-of-two":           {{py, "fail", "it reads no list in q= (section 3.5)"}},
	"i-in-capitals":          {{gm, "fail", "it compares domains with regard to case"}},
	"i-quoted-printable":     {{gm, "fail", "it takes b= in the middle of i= for the tag b="}},
	"i-bad-quoted-printable": {{gm, "pass", noQP}, {py, "pass", noQP}},
	"i-control":              {{gm, "pass", noQP}, {py, "pass", noQP}},
	"strict-key-below":       {{gm, "pass", noStrict}, {py, "pass", noStrict}},
	"t-ahead":                {{gm, "pass", ahead}},
	"t-negative":             {{gm, "pass", "section 3.5: t= has digits alone"}},
	"t-long":                 {{gm, "pass", "it is in the future, too"}},
	"key-v-not-first":        {{gm, "pass", vFirst}, {py, "pass", vFirst}},
	"key-v-behind-its-like":  {{gm, "pass", vFirst}, {py, "pass", vFirst}},
	"key-h-sha1":             {{py, "pass", "it does not look at h= of the key (section 6.1.2 step 5)"}},
	"key-no-base64":          {{py, "pass", "it passes over what is no base64"}},
	"keys-and-other-text":    {{gm, "fail", oneRecord}, {py, "fail", oneRecord}},
	"keys-two":               {{gm, "fail", oneRecord}, {py, "fail", oneRecord}},
	"keys-of-both-types":     {{gm, "fail", oneRecord}, {py, "fail", oneRecord}},
	"key-too-long":           {{gm, "pass", bound}, {py, "pass", bound}},
	"nine":                   {{gm, "pass pass pass pass pass pass pass pass pass", bound}, {py, "pass pass pass pass pass pass pass pass pass", bound}},
	"field-too-large":        {{gm, "pass", bound}, {py, "pass", bound}},
}
