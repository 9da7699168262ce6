package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"postward/internal/mail/arc"
	"postward/internal/mail/canon"
	"postward/internal/mail/dkim"
	"postward/internal/wire/dns"
)

// TestWhatStrangersSendVerifies: a mail whose signatures do not hold would cost less to look at.
func TestWhatStrangersSendVerifies(t *testing.T) {
	key, err := newPair()
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{}
	for range pool {
		b.keys = append(b.keys, key)
	}
	p := &post{direction: in, number: 3, octets: 5000, count: 40, first: 300}
	if err := b.write(p); err != nil {
		t.Fatal(err)
	}
	zone, err := dns.ParseZone(strings.NewReader("$TTL 3600\n"+b.zone(p)), ".", "the names of a post")
	if err != nil {
		t.Fatal(err)
	}
	domains, chains := map[int]bool{}, 0
	for i := range p.mails {
		domains[p.from[i]] = true
		header, text := parsed([]byte(p.mails[i].Text()))
		signatures, chain := dkim.Read(header), arc.Read(header)
		hashed := canon.NewBody(append(signatures.Forms(), chain.Forms()...)...)
		_, _ = hashed.Write([]byte(text))
		results := signatures.Verify(context.Background(), signatures.Ask(context.Background(), zone), hashed, time.Now())
		if len(results) != 2 || results[0].Status != dkim.Pass || results[1].Status != dkim.Pass || results[0].Algorithm == results[1].Algorithm {
			t.Errorf("mail %d: %v", i, results)
		}
		if chain.Len() == 0 {
			continue
		}
		chains++
		if r := chain.Validate(context.Background(), zone, hashed, time.Now()); r.Status != arc.Pass {
			t.Errorf("mail %d: %s", i, r)
		}
	}
	if len(domains) != 10 || chains != 10 {
		t.Errorf("%d domains and %d chains, not 10", len(domains), chains)
	}
}
