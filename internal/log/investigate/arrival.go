package investigate

import (
	"time"

	"postward/internal/log/delivery"
	"postward/internal/mail/message"
)

// patience is how long, by the log's clock, a mail waits for its recipients to be told before it is judged without.
const patience = 15 * time.Minute

// Bounds of the mails that wait to be judged, and of what those of them hold that the tracker has done with.
const (
	maxArrivals   = 10_000
	maxArrivedFor = 100_000 // recipients
)

// arrivals are the mails of accounts in the order in which they arrived. The log tells for whom a mail is after that, and
// of one that is deferred its end days after that; postward has to judge when it comes.
type arrivals struct {
	queue  []*arrival
	open   map[*delivery.Mail]*arrival // those that the tracker has not handed out
	gotFor int
}

type arrival struct {
	mail  *delivery.Mail
	waits bool // in the queue
	out   bool // the tracker handed it out
	done  bool // it was judged
}

func (a *arrivals) add(m *delivery.Mail) {
	x := &arrival{mail: m}
	a.open[m] = x
	a.push(x)
}

func (a *arrivals) push(x *arrival) {
	x.waits = true
	a.queue = append(a.queue, x)
}

// ended notes that the tracker handed a mail out. One that did not begin in this log arrives now.
func (a *arrivals) ended(m *delivery.Mail) {
	x := a.open[m]
	if x == nil {
		x = &arrival{mail: m}
	}
	delete(a.open, m)
	x.out = true
	if x.done {
		return
	}
	a.gotFor += len(m.Deliveries)
	if !x.waits {
		a.push(x)
	}
}

// next takes the oldest mail off the queue if it can be judged at a time, or there is no room for it; nil: none can. One
// that its client has not handed in wholly comes back when it has ended.
func (a *arrivals) next(now time.Time) *delivery.Mail {
	for len(a.queue) > 0 {
		x := a.queue[0]
		m := x.mail
		if !x.out && !m.Told() && now.Sub(m.Arrived) < patience && len(a.queue) <= maxArrivals && a.gotFor <= maxArrivedFor {
			return nil
		}
		a.queue[0], a.queue = nil, a.queue[1:]
		x.waits = false
		if x.out {
			a.gotFor -= len(m.Deliveries)
		}
		if x.out || m.Count > 0 || m.InHold {
			x.done = true
			return m
		}
	}
	return nil
}

// began takes a mail that an account hands in.
func (i *Investigation) began(m *delivery.Mail) {
	if i.asked(m) && i.arrived.open[m] == nil {
		i.arrived.add(m)
	}
}

// asked reports whether a mail is an account's that the investigation is about.
func (i *Investigation) asked(m *delivery.Mail) bool {
	return m.Account != "" && (i.options.Account == "" || m.Account == message.Account(i.options.Account))
}
