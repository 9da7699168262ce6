package investigate

import (
	"cmp"
	"slices"
	"strings"

	"postward/internal/log/delivery"
	"postward/internal/log/maillog"
	"postward/internal/mail/message"
)

// Receiver is what one domain's servers answered.
type Receiver struct {
	Domain   string `json:"domain"`
	Taken    int    `json:"taken"`
	Deferred int    `json:"deferred"`
	Refused  int    `json:"refused"`
	Policy   int    `json:"refused_by_policy"` // with an enhanced status code of 5.7.x
	Sample   string `json:"sample,omitempty"`  // the last words of a refusal

	asked int // recipients, whatever was answered
}

// count takes what became of one recipient. What this site's own Postfix or a filter of it says is no refusal of theirs.
func (r *Receiver) count(d *delivery.Delivery) {
	answered := d.Said()
	switch d.Status {
	case maillog.StatusSent:
		r.Taken++
	case maillog.StatusDeferred:
		r.Deferred++
		if answered {
			r.Sample = d.Reply
		}
	case maillog.StatusBounced:
		if !answered {
			return
		}
		r.Refused++
		r.Sample = d.Reply
		if strings.HasPrefix(d.DSN, "5.7.") {
			r.Policy++
		}
	}
}

// with returns a Receiver together with another of the same domain, which may be nil.
func (r *Receiver) with(x *Receiver) *Receiver {
	if x == nil {
		copied := *r
		return &copied
	}
	x.Taken, x.Deferred, x.Refused, x.Policy, x.asked = x.Taken+r.Taken, x.Deferred+r.Deferred, x.Refused+r.Refused, x.Policy+r.Policy, x.asked+r.asked
	x.Sample = cmp.Or(x.Sample, r.Sample)
	return x
}

// received takes what became of an account's mail: at each server, and for each recipient that the account named. One that was
// expanded to many got it when one of them did.
func (i *Investigation) received(a *Account, m *delivery.Mail) {
	became := map[string]maillog.Status{}
	for k := range m.Deliveries {
		d := &m.Deliveries[k]
		if d.Status != maillog.StatusDiscarded { // nobody got it, so nobody said anything
			i.receiverOf(domainOf(d)).count(d)
		}
		name := message.Canonical(d.Name())
		if i.replay.copies.is(name) && len(m.Deliveries) > 1 {
			continue
		}
		if better(d.Status, became[name]) {
			became[name] = d.Status
		}
	}
	for _, s := range became {
		switch s {
		case maillog.StatusDiscarded:
			a.Discarded++
		case maillog.StatusSent:
			a.Delivered++
		case maillog.StatusBounced:
			a.Bounced++
		}
	}
}

// ends are what becomes of a recipient, the worst first.
var ends = []maillog.Status{maillog.StatusBounced, maillog.StatusDiscarded, maillog.StatusSent}

func better(a, b maillog.Status) bool { return slices.Index(ends, a) > slices.Index(ends, b) }

// receiverOf returns what a domain answered; one that is not kept when there is no room.
func (i *Investigation) receiverOf(domain string) *Receiver {
	r := i.report.replies[domain]
	if r == nil {
		r = &Receiver{Domain: domain}
		if len(i.report.replies) < maxReceivers {
			i.report.replies[domain] = r
		}
	}
	return r
}

// relayed adds what a domain answered to mail without a login.
func (i *Investigation) relayed(x *Receiver) { x.with(i.receiverOf(x.Domain)) }
