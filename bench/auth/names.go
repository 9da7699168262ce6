package main

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
)

// pool is how many pairs of keys the domains share: to make one for each would take minutes, and nobody keeps keys by their value.
const pool = 8

// pair is a domain's two keys, and what its records say of them.
type pair struct {
	rsa     *rsa.PrivateKey
	ed25519 ed25519.PrivateKey

	rsaRecord, ed25519Record string
}

func newPair() (pair, error) {
	var p pair
	var err error
	if p.rsa, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		return p, err
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return p, err
	}
	p.ed25519, p.ed25519Record = private, quoted("v=DKIM1; k=ed25519; p="+base64.StdEncoding.EncodeToString(public))
	der, err := x509.MarshalPKIXPublicKey(p.rsa.Public())
	p.rsaRecord = quoted("v=DKIM1; k=rsa; p=" + base64.StdEncoding.EncodeToString(der))
	return p, err
}

// quoted is a text in the character-strings of a zone file (RFC 1035 section 5.1).
func quoted(text string) string {
	const most = 255
	var b strings.Builder
	for text != "" {
		n := min(len(text), most)
		fmt.Fprintf(&b, " %q", text[:n])
		text = text[n:]
	}
	return b.String()
}

// key of an algorithm, with its selector.
func (p *pair) key(selector string) crypto.Signer {
	if selector == "e" {
		return p.ed25519
	}
	return p.rsa
}

// records of the two keys under a domain.
func (p *pair) records(domain string) string {
	return fmt.Sprintf("r._domainkey.%s. TXT%s\ne._domainkey.%[1]s. TXT%[3]s\n", domain, p.rsaRecord, p.ed25519Record)
}

// clients is where all strangers' mail comes from: addresses for benchmarks (RFC 2544, appendix C.2.2).
var clients = netip.MustParsePrefix("198.18.0.0/15")

// sender is a domain that writes to us, with its one mail server.
type sender struct {
	domain string
	addr   netip.Addr
	keys   *pair
}

func (s *sender) server() string { return "mx." + s.domain }

// sender is the k-th of a post.
func (b *bench) sender(p *post, k int) sender {
	n := p.first + k
	four := clients.Addr().As4()
	four[1], four[2], four[3] = four[1]+byte(n>>16), byte(n>>8), byte(n)
	return sender{domain: p.name(fmt.Sprint("d", k)), addr: netip.AddrFrom4(four), keys: &b.keys[k%pool]}
}

// name is that of an organization in a post.
func (p *post) name(who string) string { return fmt.Sprintf("p%d%s.example", p.number, who) }

func (p *post) list() string { return p.name("list") }

func (p *post) provider(k int) string { return p.name(fmt.Sprint("provider", k%providers)) }

const providers = 5

// zone is the records of all domains that write in a post, of their providers, and of the list that hands on.
func (b *bench) zone(p *post) string {
	var zone strings.Builder
	for j := range providers {
		fmt.Fprintf(&zone, "_spf.%s. TXT \"v=spf1 ip4:%s -all\"\n", p.provider(j), clients)
	}
	zone.WriteString(b.keys[0].records(p.list()))
	for k := range p.domains() {
		b.sender(p, k).records(&zone, p, k)
	}
	return zone.String()
}

// records are those of the k-th domain of a post, of its server and of that one's address.
func (s sender) records(zone *strings.Builder, p *post, k int) {
	policy := "ip4:" + s.addr.String()
	if k%2 == 1 {
		policy = "include:_spf." + p.provider(k)
	}
	four := s.addr.As4()
	fmt.Fprintf(zone, "%s. TXT \"v=spf1 %s -all\"\n%[1]s. MX 10 %[3]s.\n", s.domain, policy, s.server())
	fmt.Fprintf(zone, "%s. A %s\n%[1]s. TXT \"v=spf1 a -all\"\n", s.server(), s.addr)
	fmt.Fprintf(zone, "%d.%d.%d.%d.in-addr.arpa. PTR %s.\n", four[3], four[2], four[1], four[0], s.server())
	fmt.Fprintf(zone, "_dmarc.%s. TXT \"v=DMARC1; p=%s\"\n", s.domain, []string{"none", "quarantine", "reject"}[k%3])
	zone.WriteString(s.keys.records(s.domain))
}
