package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"postward/internal/guard"
	"postward/internal/log/follow"
	"postward/internal/log/maillog"
	"postward/internal/mail/message"
	"postward/internal/run/store"
)

// lineSlack is how much earlier than a mail's verdict a log line about it may be stamped: stamps have seconds.
const lineSlack = 2 * time.Second

// cursorName is under which name the place in the log is stored.
const cursorName = "log"

// readLog follows Postfix's log until ctx ends. The place reached is written with the facts read before it, in
// one transaction: after a crash the log is read on from where the journal ends.
func (d *Daemon) readLog(ctx context.Context) error {
	var from follow.Position
	stored, err := d.store.Cursor(ctx, cursorName)
	if err != nil {
		return fmt.Errorf("read the place in the log: %w", err)
	}
	if stored != "" {
		if err := json.Unmarshal([]byte(stored), &from); err != nil {
			return fmt.Errorf("read the place in the log: %w", err)
		}
	}
	err = follow.Follow(ctx, follow.Config{Path: d.config.Postfix.LogFile, From: from, Trouble: d.logTrouble, Hurry: d.gate.Hurries,
		Open: func(path string) (*os.File, error) { return d.warden.Log(ctx, path) }},
		func(b follow.Batch) error { return d.takeLines(ctx, b) })
	if d.place != "" {
		d.setPlace(d.place, true)
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// logTrouble keeps what status says about the log; nil when all is well.
func (d *Daemon) logTrouble(err error) {
	d.mu.Lock()
	d.logErr = err
	d.mu.Unlock()
	if err != nil {
		d.log.Error("the mail log cannot be read", "err", err)
	}
}

// takeLines takes a batch of lines, and after a large one waits for the disk, so that a flood of lines fills no
// memory. While the journal cannot be written the lines wait in their file. A batch without lines is where a file is begun: that is on disk
// before it is read, or who dies meanwhile would begin behind what came in between.
func (d *Daemon) takeLines(ctx context.Context, b follow.Batch) error {
	d.takeGaps(b.Gaps, time.Now())
	d.mailLog.Read(len(b.Lines))
	d.place = "" // in the middle of a batch there is none
	var last *store.Ticket
	for i, l := range b.Lines {
		t, err := d.hear(ctx, l.Text, b.Key(i))
		if err != nil {
			return err
		}
		if t != nil {
			last = t
		}
	}
	place, err := json.Marshal(b.Next)
	if err != nil {
		return fmt.Errorf("write the place in the log: %w", err)
	}
	d.setPlace(string(place), false)
	if len(b.Lines) == 0 {
		if err := d.writer.Flush(ctx); err != nil && ctx.Err() == nil {
			d.log.Error("the place in the log is not written yet", "err", err)
		}
		return nil
	}
	if len(b.Lines) < manyLines {
		return nil
	}
	for _, t := range []*store.Ticket{last, d.gate.TakeNoted()} {
		if t == nil {
			continue
		}
		if err := t.Wait(ctx); err != nil && ctx.Err() != nil {
			return err
		}
	}
	return nil
}

// setPlace has the place in the log written, and with it, now and then or at the end, what receivers said up to there.
func (d *Daemon) setPlace(place string, last bool) {
	all, err := d.board.cursors(place, time.Now(), last)
	if err != nil {
		d.log.Error("what receivers said cannot be kept", "err", err)
	}
	d.place = place
	d.writer.SetCursors(all)
}

// takeGaps notes what is not in the log, or could not be read of it.
func (d *Daemon) takeGaps(gaps []follow.Gap, now time.Time) {
	for _, g := range gaps {
		if g.Reason != follow.Suppressed {
			d.log.Warn("lines of the mail log were missed", "reason", g.Reason, "path", g.Path, "lines", g.Count)
			d.mailLog.Missed(g, now)
		} else if maillog.NamesMail([]byte(g.Path)) {
			d.log.Warn("lines of the mail log were left out by journald: raise RateLimitBurst in journald.conf(5)", "lines", g.Count, "says", g.Path)
			d.mailLog.LeftOut(g.Count)
		}
	}
}

// manyLines is from how many lines on a batch waits for the disk. A few ride along with the next mail's group, or are
// written within a second or two: a commit of their own for each would wear out an SD card.
const manyLines = 200

// hear reads a line and takes it, as often as the journal refuses what it tells.
func (d *Daemon) hear(ctx context.Context, text []byte, key follow.Key) (*store.Ticket, error) {
	var line maillog.Line
	parsed := maillog.Parse(text, &line)
	d.gate.Hear(text, &line)
	if !parsed || line.Kind == maillog.Unknown {
		d.mailLog.Strange(text, &line)
		return nil, nil
	}
	if line.Kind == maillog.Other || line.Kind == maillog.Doubtful {
		d.mailLog.Puzzled(&line)
		return nil, nil
	}
	d.mailLog.Understood()
	d.hearReply(&line, time.Now())
	for {
		t, err := d.takeLine(&line, key)
		if !errors.Is(err, store.ErrUnavailable) {
			return t, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// takeLine makes an event of a line about a mail that is followed, or of a login to a mailbox. Other lines are nothing to us.
func (d *Daemon) takeLine(l *maillog.Line, key follow.Key) (*store.Ticket, error) {
	switch l.Kind {
	case maillog.MailboxLogin:
		return d.takeLogin(l)
	case maillog.Hold:
		d.mu.Lock()
		defer d.mu.Unlock()
		d.ruled.note(l, time.Now())
		return nil, nil
	}
	if l.Kind == maillog.PickedUp && l.OtherID != nil {
		return d.takeRequeued(l)
	}
	if l.Kind == maillog.PickedUp {
		d.injectors.note(string(l.QueueID), uint64(l.UID), l.Stamp.Time(time.Now()))
		return nil, nil
	}
	if l.Kind == maillog.Removed || l.Kind == maillog.Deleted || l.Kind == maillog.Released {
		d.vanished.Explained(string(l.QueueID))
	}
	kind := kindOf(l)
	if kind == "" && l.Kind != maillog.Active && l.Kind != maillog.MilterHold || len(l.QueueID) == 0 {
		return nil, nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	m := d.state.Queued(string(l.QueueID))
	if m == nil || !m.Tells(guard.TimeOf(l.Stamp.Time(time.Now())).Add(lineSlack)) || !d.origins.about(m, l) {
		return nil, nil
	}
	if kind == "" {
		d.origins.learn(m, l)
		return nil, nil
	}
	if kind == guard.KindRemoved {
		delete(d.origins, m.ID)
	}
	e := &guard.Event{Kind: kind, At: now(), Mail: m.ID, Account: m.Account, Key: string(kind) + ":" + m.ID}
	switch kind {
	case guard.KindLeft, guard.KindBounced:
		named := false
		if e.Recipient, named = d.state.NamedAs(m, message.Canonical(string(l.To)), message.Canonical(string(l.OrigTo))); !named {
			return nil, nil // a copy of the site's own
		}
		e.Text = string(l.Reply[:min(len(l.Reply), guard.MaxText)])
		e.Key += ":" + e.Recipient
		e.DSN = string(l.DSN)
	case guard.KindForeign:
		e.Key += ":" + key.String()
	}
	return d.recordLocked(e)
}

// takeLogin notes from which network an account's mail is read.
func (d *Daemon) takeLogin(l *maillog.Line) (*store.Ticket, error) {
	client, err := netip.ParseAddr(string(l.Client.Addr))
	if err != nil {
		return nil, nil
	}
	return d.takeReading(message.Account(string(l.SASLUsername)), client)
}

// noteReading is takeReading, of a login that Dovecot reports.
func (d *Daemon) noteReading(account string, client netip.Addr) {
	if _, err := d.takeReading(account, client); err != nil {
		d.log.Error("a login is not written", "account", account, "err", err)
	}
}

// takeReading notes that an account's mail is read from somewhere: once a day and network.
func (d *Daemon) takeReading(account string, client netip.Addr) (*store.Ticket, error) {
	if d.where == nil {
		return nil, nil
	}
	e := &guard.Event{Kind: guard.KindLogin, At: now(), Account: account, Network: guard.Network(client), ASN: d.where.Lookup(client).ASN}
	e.Key = fmt.Sprintf("login:%s:%d:%s:%s", e.Account, e.ASN, e.Network, e.At.Time().UTC().Format(time.DateOnly))
	d.mu.Lock()
	defer d.mu.Unlock()
	if !guard.LoginTells(d.state, e.Account, e.Network, e.ASN, e.At) {
		return nil, nil
	}
	return d.recordLocked(e)
}

// takeRequeued notes the new queue ID of a mail that is followed. An ID is used again: the reverse-path must be the same.
func (d *Daemon) takeRequeued(l *maillog.Line) (*store.Ticket, error) {
	d.vanished.Explained(string(l.OtherID))
	d.mu.Lock()
	defer d.mu.Unlock()
	m := d.state.Queued(string(l.OtherID))
	if m == nil || m.ReversePath != message.Canonical(string(l.From)) || !d.origins.about(m, l) {
		return nil, nil
	}
	id := string(l.QueueID)
	return d.recordLocked(&guard.Event{Kind: guard.KindRequeued, At: now(), Mail: m.ID, Account: m.Account, QueueID: id, Key: "requeued:" + m.ID + ":" + id})
}

// kindOf returns what a line tells of a mail of ours; empty for nothing.
func kindOf(l *maillog.Line) guard.Kind {
	switch l.Kind {
	case maillog.Delivery:
		switch l.Status {
		case maillog.StatusSent:
			return guard.KindLeft
		case maillog.StatusBounced:
			if !l.Here() { // what this site answers itself is no receiver's refusal
				return guard.KindBounced
			}
		}
	case maillog.Removed, maillog.Deleted:
		return guard.KindRemoved
	case maillog.MilterReject:
		if string(l.Stage) == "END-OF-MESSAGE" { // earlier, it is about a recipient or a command
			return guard.KindUntaken
		}
	case maillog.Held:
		return guard.KindForeign
	}
	return ""
}
