package publish

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	mdns "github.com/miekg/dns"

	"postward/internal/wire/dns"
)

// fudge is how far the clocks may be apart, in seconds (RFC 8945 section 10).
const fudge = 300

// Edit is what an update does at one name: it is done only when the texts there are those that were seen.
type Edit struct {
	Name   string   `json:"name"`
	Before []string `json:"before"`
	Remove []string `json:"remove,omitempty"`
	Add    []string `json:"add,omitempty"`
	TTL    uint32   `json:"ttl"`

	records  []*mdns.TXT // Before, as they came
	wildcard bool        // Before is made up of a wildcard: there is nothing at the name itself
}

// Update is all that is to be done in one zone, at once or not at all.
type Update struct {
	Zone   string `json:"zone"`
	Server Server `json:"server"` // the primary
	Edits  []Edit `json:"edits"`
}

// Updates are what is to be sent for the plan, one for each zone. The error names what cannot be sent.
func (p *Plan) Updates(ctx context.Context) ([]Update, error) {
	var all []Update
	for _, i := range p.Items {
		if !i.Changes() {
			continue
		}
		z := p.Zones[i.Zone]
		if !z.Primary.Addr.IsValid() {
			return nil, fmt.Errorf("update the zone %s: its primary server is not to be had: name it with --server ADDRESS", i.Zone)
		}
		e, err := i.edit(ctx, z)
		if err != nil {
			return nil, err
		}
		n := slices.IndexFunc(all, func(u Update) bool { return u.Zone == i.Zone })
		if n < 0 {
			n, all = len(all), append(all, Update{Zone: i.Zone, Server: z.Primary})
		}
		all[n].Edits = append(all[n].Edits, e)
	}
	return all, nil
}

// edit is what is to be done for an item, if it was judged by what the primary says.
func (i *Item) edit(ctx context.Context, z *Zone) (Edit, error) {
	seen := i.Seen[0]
	if seen.Addr != z.Primary.Addr.String() || !seen.Outcome.Known() {
		return Edit{}, fmt.Errorf("update %s: the primary server %s does not answer for it (%s): look whether it has the zone %s, or name another one with --server ADDRESS", i.Name, z.Primary, seen.Outcome, i.Zone)
	}
	e := Edit{Name: i.Name, Before: seen.Texts, Remove: i.Gone, TTL: i.TTL, records: seen.records}
	if i.Want != "" && !slices.Contains(i.Now, i.Want) {
		e.Add = []string{i.Want}
	}
	if len(seen.records) > 0 && i.Name != z.Apex && wildcard(ctx, z.Primary, z.Apex, &seen, i.Name) {
		e.wildcard, e.Remove, e.TTL = true, nil, DefaultTTL
	}
	return e, nil
}

// message is the update (RFC 2136): the prerequisites first, then what goes, then what comes.
func (u *Update) message() (*mdns.Msg, error) {
	m := new(mdns.Msg).SetUpdate(mdns.Fqdn(u.Zone))
	for i := range u.Edits {
		if err := u.Edits[i].into(m); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// into writes an edit. An alias at the name would let a server pass over the new text in silence (section 3.4.2.2).
func (e *Edit) into(m *mdns.Msg) error {
	header := mdns.RR_Header{Name: mdns.Fqdn(e.Name), Class: mdns.ClassINET}
	none := func(t uint16) mdns.RR {
		header.Rrtype = t
		return &mdns.ANY{Hdr: header}
	}
	m.RRsetNotUsed([]mdns.RR{none(mdns.TypeCNAME)})
	if len(e.records) == 0 || e.wildcard {
		m.RRsetNotUsed([]mdns.RR{none(mdns.TypeTXT)})
	}
	for _, rr := range e.records {
		if e.wildcard {
			break
		}
		m.Used([]mdns.RR{mdns.Copy(rr)})
		if slices.Contains(e.Remove, joined(rr)) {
			m.Remove([]mdns.RR{mdns.Copy(rr)})
		}
	}
	for _, text := range e.Add {
		rr, err := record(e.Name, text, e.TTL)
		if err != nil {
			return err
		}
		m.Insert([]mdns.RR{rr})
	}
	return nil
}

// Send sends the update to the primary, signed, over TCP. It is done as a whole or not at all; the error says which step comes
// next.
func (u *Update) Send(ctx context.Context, key *TSIG, now time.Time) error {
	m, err := u.message()
	if err != nil {
		return err
	}
	c := mdns.Client{Net: "tcp", Timeout: 10 * time.Second}
	if key != nil {
		m.SetTsig(key.Name, key.Algorithm, fudge, now.Unix())
		c.TsigSecret = map[string]string{key.Name: key.secret}
	}
	reply, _, err := c.ExchangeContext(ctx, m, u.Server.Addr.String())
	if err := u.answered(key, reply, err, now); err != nil {
		return fmt.Errorf("update the zone %s at %s: %w", u.Zone, u.Server, err)
	}
	return nil
}

// answered reads the reply to an update. What is wrong with the key is looked at first: such a reply may not be signed.
func (u *Update) answered(key *TSIG, reply *mdns.Msg, err error, now time.Time) error {
	if reply == nil {
		return fmt.Errorf("%w: look whether the server takes TCP on port 53 from here, and name another one with --server ADDRESS", err)
	}
	signature := reply.IsTsig()
	if key != nil && reply.Rcode == mdns.RcodeNotAuth && signature != nil && signature.Error != mdns.RcodeSuccess {
		return key.refused(signature, now)
	}
	if reply.Rcode != mdns.RcodeSuccess {
		return u.refused(key, reply.Rcode)
	}
	switch {
	case err != nil:
		return fmt.Errorf("the reply cannot be trusted: %w: ask with postward dns diff whether it was done", err)
	case key != nil && signature == nil:
		return errors.New("the reply is not signed: somebody stands in between, or the server knows no TSIG: ask with postward dns diff whether it was done")
	}
	return nil
}

// refused is what is wrong with the key or the clock (RFC 8945 section 5.2).
func (k *TSIG) refused(s *mdns.TSIG, now time.Time) error {
	switch s.Error {
	case mdns.RcodeBadKey:
		return fmt.Errorf("BADKEY: the server knows no key %s: put the same key statement into its configuration, under the same name and algorithm, and reload it", k)
	case mdns.RcodeBadSig:
		return fmt.Errorf("BADSIG: the server has another secret for the key %s: copy the key file anew", k)
	case mdns.RcodeBadTime:
		return fmt.Errorf("BADTIME: %s: set the clocks (chronyc tracking, timedatectl); they may be %d s apart", apart(s, now), fudge)
	}
	return fmt.Errorf("%s: the key %s was not taken: look into the log of the name server", mdns.RcodeToString[int(s.Error)], k)
}

// apart says what the server's clock shows, as far as it tells (section 5.2.3).
func apart(s *mdns.TSIG, now time.Time) string {
	var theirs int64
	if _, err := fmt.Sscanf(s.OtherData, "%012x", &theirs); err != nil || len(s.OtherData) != 12 {
		return "this host's clock and the server's differ"
	}
	return fmt.Sprintf("this host's clock and the server's are %s apart (here %s, there %s)", now.Sub(time.Unix(theirs, 0)).Abs().Round(time.Second),
		now.UTC().Format(time.RFC3339), time.Unix(theirs, 0).UTC().Format(time.RFC3339))
}

// ErrChanged is that the zone is not any more as it was when the plan was made.
var ErrChanged = errors.New("somebody changed the zone meanwhile, so nothing was written")

// refused is what a server says of an update (RFC 2136 section 2.2).
func (u *Update) refused(key *TSIG, rcode int) error {
	word := mdns.RcodeToString[rcode]
	switch rcode {
	case mdns.RcodeNXRrset, mdns.RcodeYXRrset, mdns.RcodeNameError, mdns.RcodeYXDomain:
		return fmt.Errorf("%s: %w: look again with postward dns diff", word, ErrChanged)
	case mdns.RcodeRefused:
		return fmt.Errorf("REFUSED: the server lets nobody, or not %s, write into the zone: %s", u.who(key), u.grant(key))
	case mdns.RcodeNotAuth, mdns.RcodeNotZone:
		return fmt.Errorf("%s: the server is not the primary of the zone %s: name the one that is with --server ADDRESS", word, u.Zone)
	case mdns.RcodeNotImplemented, mdns.RcodeFormatError:
		return fmt.Errorf("%s: the server takes no updates: put the lines of postward dns show into the zone by hand", word)
	case mdns.RcodeServerFailure:
		return fmt.Errorf("SERVFAIL: the server could not write: look into its log; it must be able to write the zone's file and the journal beside it")
	}
	return fmt.Errorf("%s: look into the log of the name server", word)
}

func (u *Update) who(key *TSIG) string {
	if key == nil {
		return "somebody without a key"
	}
	return "the key " + key.String()
}

// grant is what lets a key write into a zone, as BIND has it.
func (u *Update) grant(key *TSIG) string {
	if key == nil {
		return "give postward a key: tsig-keygen postward, then dns.key_file in postward.toml"
	}
	return fmt.Sprintf("in BIND, say update-policy { %s }; in the zone's statement and reload it; some servers call that allow-update or an ACL. If it is a secondary of the zone, name the primary with --server ADDRESS",
		strings.Join(u.grants(key), " "))
}

// grants are the names that the update writes, each once, and with a key's all keys beside it.
func (u *Update) grants(key *TSIG) (all []string) {
	for i := range u.Edits {
		scope := "name " + u.Edits[i].Name
		if _, domain, is := strings.Cut(u.Edits[i].Name, "._domainkey."); is {
			scope = "subdomain _domainkey." + domain
		}
		if one := fmt.Sprintf("grant %q %s TXT;", strings.TrimSuffix(key.Name, "."), scope); !slices.Contains(all, one) {
			all = append(all, one)
		}
	}
	return all
}

// Pending is a server that does not show a record yet that was written.
type Pending struct {
	Server string      `json:"server"`
	Name   string      `json:"name"`
	Says   dns.Outcome `json:"says"`
}

// Settle asks every authoritative server for what was written until each shows it, or the context ends: then who does not is
// named. Resolvers may go on showing the old text for as long as its TTL says.
func (p *Plan) Settle(ctx context.Context, updates []Update) (late []Pending) {
	for asked := false; ; asked = true {
		now := p.late(ctx, updates)
		if asked && ctx.Err() != nil {
			return late // who had no time to answer is not late for that
		}
		if late = now; len(late) == 0 || ctx.Err() != nil {
			return late
		}
		select {
		case <-ctx.Done():
			return late
		case <-time.After(250 * time.Millisecond):
		}
	}
}

// late are the servers that do not show every edit.
func (p *Plan) late(ctx context.Context, updates []Update) (all []Pending) {
	for _, u := range updates {
		for _, s := range p.Zones[u.Zone].all() {
			for i := range u.Edits {
				if seen := askServer(ctx, s, u.Edits[i].Name); !u.Edits[i].shown(&seen) {
					all = append(all, Pending{s.String(), u.Edits[i].Name, seen.Outcome})
				}
			}
		}
	}
	return all
}

// shown reports whether a server has what an edit leaves behind.
func (e *Edit) shown(s *Seen) bool {
	after := slices.DeleteFunc(slices.Clone(e.Before), func(text string) bool { return e.wildcard || slices.Contains(e.Remove, text) })
	after = append(after, e.Add...)
	return s.Outcome.Known() && slices.Equal(sorted(after), sorted(s.Texts))
}
