package daemon

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"postward/internal/guard"
	"postward/internal/mail/milter"
	"postward/internal/run/store"
)

// judgeMail answers at the MAIL command: what can be said of the sender alone is said before any recipient.
func (d *Daemon) judgeMail(ctx context.Context, t *guard.Transaction) milter.Answer {
	if t.Direction == guard.Local {
		return milter.Answer{Action: guard.Accept} // who injected it is known later
	}
	if t.Helo == canaryName && t.Client.IsLoopback() {
		return milter.Answer{Action: guard.Accept} // it is us, and no mail comes; if one did, its end would be judged
	}
	if answer, banned := d.gate.KeptOut(t.Client, t.Login); banned {
		return answer
	}
	v, _, err := d.judge(t, func(v *guard.Verdict) bool { return v.Action == guard.Reject || v.Action == guard.Tempfail })
	d.trace(t, &v)
	switch {
	case err != nil:
		return d.unwritten(err)
	case v.Action == guard.Hold: // perhaps; the end of the message decides
		return milter.Answer{Action: guard.Accept}
	}
	return milter.Answer{Action: v.Action, Reply: v.Reply()}
}

// judgeEnd answers at the end of the message. Judging and recording are one critical section. The answer to an
// account's mail, and to any that is held, leaves when the verdict is on disk: a crash in between tells the client nothing, so it tries
// again.
func (d *Daemon) judgeEnd(ctx context.Context, t *guard.Transaction) milter.Answer {
	if t.Direction == guard.Local {
		t.UnixUser = d.injectors.wait(ctx, t.QueueID, t.MailAt.Time())
	}
	d.nameless.Note(t, time.Now())
	v, ticket, err := d.judge(t, func(v *guard.Verdict) bool { return true })
	d.trace(t, &v)
	d.tellStranger(t, &v)
	if err != nil {
		return d.unwritten(err)
	}
	if ticket == nil {
		return milter.Answer{Action: v.Action, Reply: v.Reply()}
	}
	if err := ticket.Wait(ctx); err != nil {
		d.unanswered(t)
		return d.unwritten(err)
	}
	d.logHold(t, &v)
	return milter.Answer{Action: v.Action, Reply: v.Reply(), Quarantine: v.Why}
}

// judge judges a transaction and, if the verdict is final, records it. ticket is nil when nothing is to be waited for.
func (d *Daemon) judge(t *guard.Transaction, final func(*guard.Verdict) bool) (v guard.Verdict, ticket *store.Ticket, err error) {
	d.locate(t)
	d.mu.Lock()
	defer d.mu.Unlock() // also when a bug panics: the server survives it, and the next mail must find the mutex free
	d.checkClockNow()
	t.ID = d.nextID()
	v = guard.Judge(d.state, t)
	if !final(&v) {
		return v, nil, nil
	}
	d.verdicts[v.Reason]++
	if v.Action == guard.Accept {
		d.heard(t)
	}
	if v.Account == "" && v.Action != guard.Hold {
		return v, nil, nil
	}
	e := &guard.Event{Key: "judged:" + t.ID, Kind: guard.KindJudged, At: t.At, Account: v.Account, Transaction: t, Verdict: &v}
	if v.Action == guard.Reject || v.Action == guard.Tempfail {
		return v, nil, d.refusals.add(e, d.recordLocked)
	}
	ticket, err = d.recordLocked(e)
	return v, ticket, err
}

// trace writes why a mail goes where it goes, if the operator asked for a line a step.
func (d *Daemon) trace(t *guard.Transaction, v *guard.Verdict) {
	if !d.log.Enabled(context.Background(), slog.LevelDebug) {
		return
	}
	d.log.Debug("verdict", "queue_id", t.QueueID, "id", t.ID, "account", v.Account, "action", v.Action, "would", v.Would, "reason", v.Reason, "why", v.Why,
		"level", v.Level, "network", t.ASN, "country", t.Country, "new", v.New, "wrote", v.Wrote, "known", v.Known)
}

// locate fills in to which network and country the client belongs.
func (d *Daemon) locate(t *guard.Transaction) {
	if d.where == nil || !t.Client.IsValid() {
		return
	}
	info := d.where.Lookup(t.Client)
	t.ASN, t.Country = info.ASN, info.Country
}

// heard notes which accounts a mail makes its sender known to. It is no reason to put the mail off.
func (d *Daemon) heard(t *guard.Transaction) {
	for _, e := range guard.Written(d.state, t) {
		if _, err := d.recordLocked(&e); err != nil {
			return
		}
	}
}

// nextID makes a transaction's id: the start of this postward and a number.
func (d *Daemon) nextID() string {
	d.sequence++
	return d.config.Node + "/" + strconv.FormatInt(int64(d.started), 36) + "/" + strconv.FormatUint(d.sequence, 36)
}

// unanswered gives back what a mail spent whose answer the MTA never got; when the journal cannot be written, later.
func (d *Daemon) unanswered(t *guard.Transaction) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := &guard.Event{Key: "untaken:" + t.ID, Kind: guard.KindUntaken, At: now(), Mail: t.ID, Text: "the MTA did not get the answer"}
	if _, err := d.recordLocked(e); err != nil && len(d.owed) < maxOwed {
		d.owed = append(d.owed, e)
	}
}

// maxOwed bounds what is given back later. Once the journal is known to be in trouble no mail is judged: it is what was
// in hand when the trouble began.
const maxOwed = 10_000

// giveBack records what is owed. The caller holds the mutex.
func (d *Daemon) giveBack() error {
	for len(d.owed) > 0 {
		if _, err := d.recordLocked(d.owed[0]); err != nil {
			return err
		}
		d.owed = d.owed[1:]
	}
	return nil
}

// unwritten is the answer when the journal cannot be written: the sender keeps the mail and tries again.
func (d *Daemon) unwritten(err error) milter.Answer {
	d.log.Error("mail is put off: the journal cannot be written", "err", err)
	return milter.Answer{Action: guard.Tempfail, Reply: guard.Reply{
		Code: 451, Enhanced: "4.3.0", Text: "the mail cannot be judged now, try again later",
	}}
}

// logHold logs what was held. Refusals are in Postfix's own log with our words, and a flood of them must not be a flood
// here; what shadow mode would have done is in the incident.
func (d *Daemon) logHold(t *guard.Transaction, v *guard.Verdict) {
	if v.Action != guard.Hold {
		return
	}
	d.log.Info("held", "account", v.Account, "reason", v.Reason, "why", v.Why, "queue_id", t.QueueID, "incident", v.Incident)
}
