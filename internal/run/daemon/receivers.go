package daemon

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"postward/internal/lists/receivers"
	"postward/internal/lists/reply"
	"postward/internal/log/maillog"
	"postward/internal/mail/message"
	"postward/internal/run/ctl"
)

// receiversName is under which the store keeps what receivers said.
const receiversName = "receivers"

// How often what receivers said is written: counts seldom, a state that is another one soon.
const (
	boardSeldom = 10 * time.Minute
	boardSoon   = 10 * time.Second
)

// board is what receivers say of the mail that leaves, as the log tells it. What is read between two writes is forgotten by a crash, and
// never counted twice: the board is written in one transaction with the place in the log.
type board struct {
	mu      sync.Mutex
	reader  *reply.Reader
	board   receivers.Board
	changed bool      // since it was written
	news    bool      // of it, a state
	written time.Time // when it was
}

// recallReceivers takes up what receivers said before. A file of the operator's that is broken is said, and the program's own are used.
func (d *Daemon) recallReceivers(ctx context.Context, dir string) {
	set, err := reply.Load(dir)
	trouble := ""
	if err != nil {
		trouble = "replies of receivers are read without your own patterns (" + err.Error() + "): mend the file, postward config check says whether it is good, then systemctl restart postward"
		set, err = reply.Load("")
	}
	d.troubles.Set("replies", trouble, time.Now())
	if err != nil {
		d.log.Error("what receivers say is not read", "err", err)
		return
	}
	d.board.mu.Lock()
	defer d.board.mu.Unlock()
	d.board.reader = reply.NewReader(set)
	text, err := d.store.Cursor(ctx, receiversName)
	if err == nil && text != "" {
		err = d.board.board.Load(text)
	}
	if err != nil {
		d.log.Warn("what receivers said is collected anew", "err", err)
	}
}

// hearReply notes what a receiver answered to a mail that leaves.
func (d *Daemon) hearReply(l *maillog.Line, now time.Time) {
	if l.Kind != maillog.Delivery || l.Here() || ownProgram(&l.Relay) {
		return
	}
	account := d.sentBy(string(l.QueueID))
	b := &d.board
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.reader == nil {
		return
	}
	p := reply.Parse(l.Reply, string(l.Relay.Name))
	c := b.board.Take(&receivers.Told{At: l.Stamp.Time(now), Parsed: p, Meaning: b.reader.Read(p), Account: account,
		Domain: message.DomainOf(message.Canonical(string(l.To)))})
	b.changed = true
	if c != nil {
		b.news = true
		d.log.Info("a receiver takes mail otherwise than before", "receiver", c.Title, "state", c.State, "class", c.Class, "since", c.Since, "after", c.After, "said", c.Said)
	}
}

// sentBy is the account that a mail in the queue is of; empty: it is not known.
func (d *Daemon) sentBy(queueID string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if m := d.state.Queued(queueID); m != nil {
		return m.Account
	}
	return ""
}

// ownProgram reports whether mail went to a program of this host, as to a content filter: it is no receiver. An MX that has a name
// is one, wherever it is.
func ownProgram(relay *maillog.Peer) bool {
	a, err := netip.ParseAddr(string(relay.Addr))
	_, literal := netip.ParseAddr(string(relay.Name))
	return err == nil && a.Unmap().IsLoopback() && (literal == nil || string(relay.Name) == "localhost")
}

// cursors are what is written with the place in the log: the board too, when it is time.
func (b *board) cursors(place string, now time.Time, last bool) (map[string]string, error) {
	all := map[string]string{cursorName: place}
	b.mu.Lock()
	defer b.mu.Unlock()
	since := now.Sub(b.written)
	if !b.changed || !last && since < boardSoon && since >= 0 || !last && !b.news && since < boardSeldom && since >= 0 {
		return all, nil
	}
	text, err := b.board.Save()
	if err == nil {
		all[receiversName] = text
		b.changed, b.news, b.written = false, false, now
	}
	return all, err
}

// receiverList is who takes the server's mail, and how.
func (d *Daemon) receiverList() ctl.ReceiversAnswer {
	d.board.mu.Lock()
	defer d.board.mu.Unlock()
	a := ctl.ReceiversAnswer{Receivers: d.board.board.Rows(), Unknown: d.board.board.Unknown()}
	for i := range a.Receivers {
		a.Receivers[i].Advised = a.Receivers[i].Advice()
	}
	return a
}
