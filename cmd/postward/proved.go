package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"postward/internal/auth/mailauth"
	"postward/internal/guard"
	"postward/internal/log/delivery"
	"postward/internal/run/config"
	"postward/internal/run/proof"
)

// traced is a mail with what was proved of it when it came, or signed when it left.
type traced struct {
	*delivery.Mail
	Proofs []proof.Record `json:"proofs,omitempty"` // one each time that it passed postward
}

// near is how long before and after its first line in the log a mail may have passed postward: queue IDs come again.
const near = 24 * time.Hour

// proved adds to mails what the daemon wrote down of them. That it cannot be read is said, and no reason not to show the rest.
func (a *app) proved(mails []*delivery.Mail) []traced {
	all := make([]traced, len(mails))
	byID := map[string][]int{}
	var from, to time.Time
	for i, m := range mails {
		all[i].Mail = m
		if i == 0 || m.Arrived.Before(from) {
			from = m.Arrived
		}
		if m.Arrived.After(to) {
			to = m.Arrived
		}
		for _, id := range m.IDs {
			byID[id] = append(byID[id], i)
		}
	}
	c, err := config.Load(a.config)
	if err != nil || len(mails) == 0 { // a log from elsewhere
		return all
	}
	err = proof.Find(c.ProofsDir(), from.Add(-near), to.Add(near), func(id string) bool { return byID[id] != nil }, func(r proof.Record) {
		for _, i := range byID[r.QueueID] {
			if r.At.Sub(all[i].Arrived).Abs() < near {
				all[i].Proofs = append(all[i].Proofs, r)
			}
		}
	})
	if err != nil {
		fmt.Fprintf(os.Stderr, "postward: what was proved of mails is not shown: %v (as root it is)\n", err)
	}
	return all
}

// printProofs prints the last of them that there are: a mail that was requeued passed once.
func (a *app) printProofs(all []proof.Record) {
	for _, r := range all[max(len(all)-maxProofs, 0):] {
		what := "proved"
		said := slices.Clone(r.Results)
		if r.Account != "" {
			what, said = "signed", []string{"for " + strings.Join(r.Signed, ", ")}
			if len(r.Signed) == 0 {
				said = []string{"not: " + r.Unsigned}
			}
		}
		if r.Rule != "" {
			said = append(said, consequence(&r)+": "+r.Rule)
		}
		for _, line := range said {
			a.out.line("  %-9s %s", what, oneLine(line))
			what = ""
		}
	}
}

const maxProofs = 3

// consequence is what became of a mail from outside for what was proved of it.
func consequence(r *proof.Record) string {
	switch {
	case r.Action == guard.Reject:
		return "refused"
	case r.Disposition == mailauth.Reject:
		return "would be refused"
	case r.Disposition == mailauth.Accept:
		return "let through"
	}
	return "marked"
}
