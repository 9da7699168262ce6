package investigate

import (
	"cmp"
	"strings"

	"postward/internal/log/delivery"
	"postward/internal/log/maillog"
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

// count takes what became of one recipient. Where no server was reached, what is said is our own Postfix's, and no refusal of
// theirs.
func (r *Receiver) count(d *delivery.Delivery) {
	answered := d.Reached()
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

// receiver takes what became of one recipient of an account's mail.
func (i *Investigation) receiver(a *Account, d *delivery.Delivery) {
	switch d.Status {
	case maillog.StatusDiscarded: // nobody got it, so nobody said anything
		a.Discarded++
		return
	case maillog.StatusSent:
		a.Delivered++
	case maillog.StatusBounced:
		a.Bounced++
	}
	i.receiverOf(domainOf(d)).count(d)
}

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
