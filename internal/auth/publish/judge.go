package publish

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"postward/internal/domain/dkimkey"
	"postward/internal/domain/dmarc"
	"postward/internal/domain/mtasts"
	"postward/internal/domain/tlsrpt"
	"postward/internal/wire/dns"
)

// judge says of each item what should be there, and what is to be done.
func (l *look) judge(ctx context.Context) {
	r := l.now()
	mx := r.MX(ctx, l.Domain)
	for _, i := range l.plan.Items {
		switch {
		case i.Act != "": // its zone is not known
		case i.Topic == DKIM:
			l.key(i, &l.Keys[slices.IndexFunc(l.Keys, func(k Record) bool { return keyName(k.Selector, l.Domain) == i.Name })])
		case !i.known():
		case i.Topic == SPF:
			l.spf(ctx, r, i)
		case i.Topic == DMARC:
			l.dmarc(ctx, r, i)
		case i.Topic == TLSRPT:
			l.tlsrpt(i, &mx)
		case i.Topic == MTASTS:
			l.mtasts(ctx, i, &mx)
		}
		i.settle()
	}
	// What is not there and need not be is not worth a line.
	l.plan.Items = slices.DeleteFunc(l.plan.Items, func(i *Item) bool { return i.Act == Keep && i.Want == "" && len(i.Now) == 0 })
}

// known reports whether the name's texts are known; if not, it says so.
func (i *Item) known() bool {
	if i.truth.Outcome.Known() {
		return true
	}
	i.Act = Unknown
	i.Why = append(i.Why, fmt.Sprintf("asked for TXT of %s: %s", i.Name, i.truth.Outcome))
	return false
}

// split parts the texts at the name: those of the item's topic, and the others, of which only the number is kept.
func (i *Item) split(ours func(text string) bool) {
	i.Now = nil
	for _, text := range i.truth.Texts {
		if ours(text) {
			i.Now = append(i.Now, text)
		}
	}
	i.Other = len(i.truth.Texts) - len(i.Now)
}

// replace lets a text take the place of those of its topic that are there.
func (i *Item) replace(want string, why ...string) {
	i.Want, i.Why = want, append(i.Why, why...)
	i.Gone = slices.DeleteFunc(slices.Clone(i.Now), func(text string) bool { return text == want })
}

// hand leaves an item to a person.
func (i *Item) hand(why ...string) {
	i.Act, i.Want, i.Gone, i.Why = Hand, "", nil, append(i.Why, why...)
}

// settle is the act that follows from what is there and what is wanted.
func (i *Item) settle() {
	there := slices.Contains(i.Now, i.Want)
	switch {
	case i.Act != "":
	case len(i.Gone) > 0 && (i.Want == "" || there):
		i.Act = Remove
	case len(i.Gone) > 0:
		i.Act = Change
	case i.Want != "" && !there:
		i.Act = Add
	default:
		i.Act = Keep
	}
	if i.Changes() && i.truth.Alias != "" {
		want := i.Want
		i.hand(fmt.Sprintf("%s is an alias of %s: publish it there, or take the alias out", i.Name, i.truth.Alias))
		i.Want = want
	}
}

// key judges what stands at a selector.
func (l *look) key(i *Item, k *Record) {
	if !i.known() {
		return
	}
	i.split(dkimkey.IsKey)
	own := published(k.Text())
	mine := func(text string) bool { return published(text) == own }
	if k.Retired {
		i.retire(k, mine)
		return
	}
	if foreign := slices.ContainsFunc(i.Now, func(text string) bool { return !mine(text) && used(text) }); foreign {
		i.hand("another key stands at this selector: sign with another selector, or take that key out when nobody signs with it")
		i.Want = k.Text()
		return
	}
	if len(i.Now) == 1 && mine(i.Now[0]) && sound(i.Now[0]) {
		i.Want = i.Now[0] // however it is spelled
		return
	}
	if len(i.Now) > 0 {
		i.Why = append(i.Why, "what stands there is not the key that receivers need, or not alone")
	}
	i.replace(k.Text())
}

// retire takes a key out that is signed with no more, if none but postward can sign with it.
func (i *Item) retire(k *Record, mine func(string) bool) {
	gone := slices.DeleteFunc(slices.Clone(i.Now), func(text string) bool { return !mine(text) })
	if len(gone) > 0 && k.Given {
		i.hand("postward signs with this key no more, and its selector is none of postward's: take it out when nobody else signs with it")
		return
	}
	i.Gone = gone
}

// used reports whether receivers verify something by a record, if only reports (s=tlsrpt, RFC 8460 section 3).
func used(text string) bool {
	is := dkimkey.Parse(text)
	_, bad := is.Has(dkimkey.NoSHA256)
	return is.Usable() && !bad && (is.Type != "rsa" || is.Bits >= dkimkey.MinBits)
}

// sound reports whether receivers verify mail by a record.
func sound(text string) bool {
	is := dkimkey.Parse(text)
	_, bad := is.Has(dkimkey.NotForMail)
	return used(text) && !bad
}

// dmarc judges the policy record. One that holds is kept; one that is to hold from now on begins with p=none, for nobody has read
// reports yet.
func (l *look) dmarc(ctx context.Context, r dns.Resolver, i *Item) {
	i.split(func(text string) bool { return dmarc.IsRecord(text) || dmarc.Almost(text) })
	found := dmarc.Discover(ctx, r, l.Domain)
	own := found.Steps[0].Record
	if own != nil && own.Holds() { // what almost is one is nothing to receivers, and stays
		i.split(dmarc.IsRecord)
	}
	switch {
	case found.Unknown:
		i.Act = Unknown
		i.Why = append(i.Why, "a name above that could have the record did not answer")
	case len(i.Now) == 0 && found.At != "":
		i.Why = append(i.Why, "the record of _dmarc."+found.At+" holds for it")
	case len(i.Now) == 0:
		i.replace("v=DMARC1; p=none; rua=mailto:"+l.reports(), "no record holds for the domain; p=none first: read the reports for some weeks, then say quarantine, then reject")
	case len(i.Now) == 1 && own != nil && own.Holds():
		l.holding(i, own)
	case found.Below():
		i.hand("receivers go by nothing that stands there, so the record of _dmarc." + found.At + " holds for it, and one with p=none would end that policy: take out what stands there, or write what you mean in its place")
	default:
		i.replace(l.beginning(i.Now), "receivers go by nothing that stands there; what is put in its place begins with p=none")
	}
}

// holding judges a record that receivers go by. Nothing about its policy is changed.
func (l *look) holding(i *Item, own *dmarc.Record) {
	text := i.Now[0]
	i.Want = text
	var wrong []string
	for _, mark := range []dmarc.Mark{dmarc.BadValue, dmarc.BadTag, dmarc.BadURI, dmarc.TwiceTag} {
		if own.Has(mark) {
			wrong = append(wrong, string(mark))
		}
	}
	if len(wrong) == 0 && (l.Reports == "" || len(own.Aggregate) > 0) {
		return
	}
	better := dmarc.Mended(text)
	is := dmarc.Parse(better)
	if len(is.Aggregate) == 0 && l.Reports != "" {
		better, wrong = better+"; rua=mailto:"+l.Reports, append(wrong, "no address for reports")
	}
	for _, exists := range []bool{true, false} {
		if is.Effective(true, exists).Strength() != own.Effective(true, exists).Strength() || is.Effective(false, true).Strength() != own.Effective(false, true).Strength() {
			i.hand(strings.Join(wrong, ", ") + ": the record that was meant would be another policy than the one that holds; write it yourself: " + better)
			return
		}
	}
	i.replace(better, strings.Join(wrong, ", "))
}

// beginning is what was meant by texts that receivers do not go by, with the policy none.
func (l *look) beginning(texts []string) string {
	best := ""
	for _, text := range texts {
		if mended := dmarc.Mended(text, "p", "sp", "np"); best == "" || strings.Contains(mended, "rua=") && !strings.Contains(best, "rua=") {
			best = mended
		}
	}
	if !strings.Contains(best, "rua=") {
		best += "; rua=mailto:" + l.reports()
	}
	return best
}

// receives reports whether a domain takes mail by exchangers.
func receives(mx *dns.Answer) bool {
	return mx.Outcome == dns.Answered && !slices.ContainsFunc(mx.Exchangers, func(x dns.Exchanger) bool { return x.Host == "." })
}

// tlsrpt judges where reports about TLS go.
func (l *look) tlsrpt(i *Item, mx *dns.Answer) {
	i.split(func(text string) bool { return tlsrpt.Is(text) || tlsrpt.Almost(text) })
	sound := len(i.Now) == 1 && tlsrpt.Is(i.Now[0])
	if sound {
		_, err := tlsrpt.Parse(i.Now[0])
		sound = err == nil
	}
	switch {
	case sound:
		i.Want = i.Now[0]
	case len(i.Now) == 0 && !mx.Outcome.Known():
		i.Act, i.Why = Unknown, append(i.Why, "asked for MX of "+l.Domain+": "+mx.Outcome.String())
	case len(i.Now) == 0 && !receives(mx):
	case len(i.Now) == 0:
		i.replace("v=TLSRPTv1; rua=mailto:"+l.reports(), "nobody tells when TLS to the domain fails")
	default:
		want := tlsrpt.Mended(i.Now...)
		if want == "" {
			want = "v=TLSRPTv1; rua=mailto:" + l.reports()
		}
		i.replace(want, "senders read one record that can be read, or none")
	}
}

// mtasts judges the record by which senders learn of a policy. With a policy of ours its id is that policy's.
func (l *look) mtasts(ctx context.Context, i *Item, mx *dns.Answer) {
	i.split(mtasts.IsRecord)
	if l.Site.MTASTS != "" {
		l.policy(ctx, i, mx)
		return
	}
	switch {
	case len(i.Now) == 0:
	case len(i.Now) == 1 && parses(i.Now[0]):
		i.Want = i.Now[0]
	default:
		i.replace("v=STSv1; id="+l.Config.Now.UTC().Format("20060102150405"), "senders read one record that can be read, or none")
	}
}

func parses(text string) bool {
	_, err := mtasts.ParseRecord(text)
	return err == nil
}

// policy writes our policy, and the record that goes with it. An ID that comes before its policy is served lets senders fetch the old
// one under it, and keep that (RFC 8461 section 8.1).
func (l *look) policy(ctx context.Context, i *Item, mx *dns.Answer) {
	switch {
	case !mx.Outcome.Known():
		i.Act, i.Why = Unknown, append(i.Why, "asked for MX of "+l.Domain+": "+mx.Outcome.String())
		return
	case !receives(mx):
		i.hand("the domain takes no mail by exchangers (MX), so no policy can name them")
		return
	}
	var hosts []string
	for _, x := range mx.Exchangers {
		hosts = append(hosts, x.Host)
	}
	text := PolicyFile(l.Site.MTASTS, hosts)
	l.plan.Policy = text
	want := "v=STSv1; id=" + PolicyID(text)
	if len(i.Now) == 1 && parses(i.Now[0]) {
		if id, _ := mtasts.ParseRecord(i.Now[0]); id == PolicyID(text) {
			want = i.Now[0]
		}
	}
	i.replace(want)
	if len(i.Gone) == 0 && len(i.Now) > 0 {
		return
	}
	if why := l.unserved(ctx, text); why != "" {
		i.hand(why)
		i.Want = want
	}
}
