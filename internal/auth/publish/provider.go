package publish

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// RR is a record in the words of libdns: its name below the zone (@ for the zone itself), its type, and its data without quotes.
type RR struct {
	Name string
	TTL  time.Duration
	Type string
	Data string
}

// Provider is what a package of libdns offers for somebody who serves zones; a few lines turn the one into the other. postward
// brings none.
type Provider interface {
	GetRecords(ctx context.Context, zone string) ([]RR, error)
	AppendRecords(ctx context.Context, zone string, records []RR) error
	DeleteRecords(ctx context.Context, zone string, records []RR) error
}

// WriteBy does an update through a provider. Its interface knows no prerequisites: what is there is read just before, and what
// somebody writes between that and our own write is not seen. What goes does so first, for two policies at once are none; when what
// comes cannot be written, what went is put back.
func WriteBy(ctx context.Context, p Provider, u *Update) error {
	fail := func(err error) error { return fmt.Errorf("write into the zone %s by its provider: %w", u.Zone, err) }
	there, err := p.GetRecords(ctx, u.Zone)
	if err != nil {
		return fail(err)
	}
	var gone, come []RR
	for i := range u.Edits {
		g, c, err := u.Edits[i].by(u.Zone, there)
		if err != nil {
			return fail(err)
		}
		gone, come = append(gone, g...), append(come, c...)
	}
	if len(gone) > 0 {
		if err := p.DeleteRecords(ctx, u.Zone, gone); err != nil {
			return fail(err)
		}
	}
	if len(come) == 0 {
		return nil
	}
	err = p.AppendRecords(ctx, u.Zone, come)
	if err == nil {
		return nil
	}
	if back := p.AppendRecords(ctx, u.Zone, gone); len(gone) > 0 && back != nil {
		return fail(fmt.Errorf("%w; and what was taken out could not be put back: %w: put it back by hand: %v", err, back, gone))
	}
	return fail(err)
}

// by is an edit in a provider's words, if the texts at its name still are those that were seen.
func (e *Edit) by(zone string, there []RR) (gone, come []RR, err error) {
	name := below(zone, e.Name)
	var texts []string
	for _, rr := range there {
		if !strings.EqualFold(rr.Name, name) || rr.Type != "TXT" {
			continue
		}
		if texts = append(texts, rr.Data); slices.Contains(e.Remove, rr.Data) {
			gone = append(gone, rr)
		}
	}
	if !e.wildcard && !slices.Equal(sorted(texts), sorted(e.Before)) || e.wildcard && len(texts) > 0 {
		return nil, nil, fmt.Errorf("%s: %w: look again with postward dns diff", e.Name, ErrChanged)
	}
	for _, text := range e.Add {
		come = append(come, RR{name, time.Duration(e.TTL) * time.Second, "TXT", text})
	}
	return gone, come, nil
}
