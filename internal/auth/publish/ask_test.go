package publish

import (
	"slices"
	"testing"

	mdns "github.com/miekg/dns"

	"postward/internal/wire/dns"
)

func TestWhatAReplySaysOfAName(t *testing.T) {
	const name = "_dmarc.example.org"
	rr := func(line string) mdns.RR {
		r, err := mdns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	text, alias := rr(name+`. 60 TXT "v=DMARC1; " "p=none"`), rr(name+". CNAME _dmarc.far.example.")
	for _, c := range []struct {
		what          string
		rcode         int
		authoritative bool
		answer        []mdns.RR
		outcome       dns.Outcome
		alias         string
		texts         []string
	}{
		{"a text", mdns.RcodeSuccess, true, []mdns.RR{text}, dns.Answered, "", []string{"v=DMARC1; p=none"}},
		{"a text out of somebody's memory", mdns.RcodeSuccess, false, []mdns.RR{text}, dns.Failure, "", nil},
		{"nothing, by somebody who does not know", mdns.RcodeNameError, false, nil, dns.Failure, "", nil},
		{"a referral", mdns.RcodeSuccess, false, nil, dns.Failure, "", nil},
		{"no text", mdns.RcodeSuccess, true, nil, dns.NoData, "", nil},
		{"no name", mdns.RcodeNameError, true, nil, dns.NoName, "", nil},
		{"an alias", mdns.RcodeSuccess, true, []mdns.RR{alias}, dns.Answered, "_dmarc.far.example", nil},
		{"an alias that leads nowhere", mdns.RcodeNameError, true, []mdns.RR{alias}, dns.Answered, "_dmarc.far.example", nil},
		{"an alias and the text that it leads to", mdns.RcodeSuccess, true, []mdns.RR{alias, rr(`_dmarc.far.example. TXT "x"`)}, dns.Answered, "_dmarc.far.example", nil},
		{"another name's text", mdns.RcodeSuccess, true, []mdns.RR{rr(`other.example.org. TXT "x"`)}, dns.NoData, "", nil},
		{"a refusal", mdns.RcodeRefused, true, []mdns.RR{text}, dns.Refused, "", nil},
		{"a failure", mdns.RcodeServerFailure, true, nil, dns.Failure, "", nil},
	} {
		reply := &mdns.Msg{Answer: c.answer}
		reply.Rcode, reply.Authoritative = c.rcode, c.authoritative
		var s Seen
		if s.read(reply, name); s.Outcome != c.outcome || s.Alias != c.alias || !slices.Equal(s.Texts, c.texts) {
			t.Errorf("%s: %+v", c.what, s)
		}
	}
}
