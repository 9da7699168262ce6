//go:build daemons

package spine_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"postward/internal/log/maillog"
	"postward/test/rig"
)

// The tracker against the truth: mails of every kind go through a real Postfix, and what delivery.Tracker reads out of
// its log is compared, mail by mail and recipient by recipient, with what the client was told, what arrived, what was
// refused elsewhere, and what waits in the queue.

const planSeed = 20261124

func TestEachMailIsTrackedToItsEnd(t *testing.T) {
	for _, long := range []string{"no", "yes"} {
		t.Run("enable_long_queue_ids="+long, func(t *testing.T) {
			w := newWorld(t, "postfix", "", map[string]string{"enable_long_queue_ids": long}, func(w *world) []*posted { return w.plan(planSeed, 0, much(len(kinds), 1000)) })
			w.live(t)
			if t.Failed() {
				return
			}
			newJudge(t, w.Postfix.LogPath, nil, w).judge()
		})
	}
}

// TestMailsOfTwoInstancesAreToldApart has two Postfixes write one log. It is read once as it is, and once as if the second
// one used the very queue IDs of the first.
func TestMailsOfTwoInstancesAreToldApart(t *testing.T) {
	dir, err := rig.NewDir("log")
	if err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(dir, "mail.log")
	var worlds []*world
	n := much(len(kinds), 500)
	for i, instance := range []string{"postfix", "postfix-out"} {
		worlds = append(worlds, newWorld(t, instance, log, nil, func(w *world) []*posted { return w.plan(planSeed+1, i*10_000, n) }))
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		worlds[1].live(t)
	}()
	worlds[0].live(t)
	<-done
	if t.Failed() {
		return
	}
	t.Run("as it is", func(t *testing.T) { newJudge(t, log, nil, worlds...).judge() })
	t.Run("the same queue IDs", func(t *testing.T) {
		newJudge(t, log, sameIDs(t, log), worlds...).judge()
	})
}

// live sends the plan, waits, acts, lets what was put off be tried again, and stops Postfix. Only facts are waited for.
func (w *world) live(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	start := time.Now()
	steps := []func(context.Context) error{w.send, w.still, w.act, w.tryAgain, w.still, w.logged, func(context.Context) error { return w.Postfix.Stop() }, w.witness}
	for i, step := range steps {
		if err := step(ctx); err != nil {
			t.Errorf("step %d: %v", i, err)
			return
		}
	}
	t.Logf("%s: %d mails in %s", w.instance, len(w.posted), time.Since(start).Round(time.Millisecond))
}

// still waits until nothing moves: what is not in hold has been tried.
func (w *world) still(ctx context.Context) error {
	return w.Postfix.WaitQueue(ctx, "nothing to move", func(all []rig.Queued) error {
		for _, q := range all {
			if q.Queue != "hold" && q.Queue != "deferred" {
				return fmt.Errorf("%s is in %s", q.ID, q.Queue)
			}
		}
		return nil
	})
}

// denials are what receivers refused, the filter that keeps mail first among them.
func (w *world) denials() []rig.Denial {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append(w.Sink.Denials(), w.denied...)
}

func plainly(to string) string { return strings.ToLower(strings.ReplaceAll(to, `"`, "")) }

// tryAgain makes receivers willing, has everything tried once more, and waits until it was.
func (w *world) tryAgain(ctx context.Context) error {
	w.Sink.Answer("@later.example", rig.Answer{})
	w.Sink.Answer("@laterdata.example", rig.Answer{})
	w.mu.Lock()
	w.willing = true
	w.mu.Unlock()
	// pickup(8) looks for what was requeued when it is called: by any new mail. Then it is not in maildrop any more.
	if err := w.marker(); err != nil {
		return err
	}
	err := w.Postfix.WaitQueue(ctx, "maildrop to be empty", func(all []rig.Queued) error {
		for _, q := range all {
			if q.Queue == "maildrop" {
				return errors.New(q.ID)
			}
		}
		return nil
	})
	if err := errors.Join(err, w.still(ctx)); err != nil {
		return err
	}
	before, err := w.Postfix.Queue()
	if err != nil {
		return err
	}
	counts := w.counts()
	if out, err := w.Postfix.Command(ctx, "postqueue", "-f").CombinedOutput(); err != nil {
		return fmt.Errorf("flush: %w: %s", err, out)
	}
	return w.Postfix.WaitQueue(ctx, "everything to be tried again", func(now []rig.Queued) error {
		return untried(before, now, counts, w.counts())
	})
}

// counts are the refusals of each recipient.
func (w *world) counts() map[string]int {
	counts := map[string]int{}
	for _, d := range w.denials() {
		counts[d.To]++
	}
	return counts
}

// untried names a mail that waited before and now and was not refused once more meanwhile.
func untried(before, now []rig.Queued, counts, again map[string]int) error {
	for _, q := range now {
		if q.Queue == "hold" || !slices.ContainsFunc(before, func(x rig.Queued) bool { return x.ID == q.ID }) {
			continue
		}
		for _, r := range q.Recipients {
			if to := plainly(r.Address); again[to] <= counts[to] {
				return fmt.Errorf("%s to %s has not been", q.ID, to)
			}
		}
	}
	return nil
}

// marker sends a mail by sendmail(1), as one more of the plan.
func (w *world) marker() error {
	p := &posted{kind: "by sendmail", door: "sendmail", tag: fmt.Sprintf("m%dof%s", len(w.posted), w.posted[0].tag)}
	p.user = "nobody"
	p.mail = rig.Mail{Token: rig.NewToken(), From: "s-" + p.tag + "@far.example"}
	p.remote("far.example")
	w.posted = append(w.posted, p)
	return w.sendOne(context.Background(), p)
}

// logged waits until the log has all that was done: a mail that came last has left, and says so.
func (w *world) logged(ctx context.Context) error {
	if err := w.marker(); err != nil {
		return err
	}
	last := w.posted[len(w.posted)-1]
	id := regexp.MustCompile(`\Q` + w.instance + `\E/qmgr\[\d+\]: (\w+): from=<\Q` + last.mail.From + `\E>`)
	return rig.Wait(ctx, "the log of the last mail", func() error {
		text, err := os.ReadFile(w.Postfix.LogPath)
		if err != nil {
			return err
		}
		found := id.FindSubmatch(text)
		if found == nil || !strings.Contains(string(text), "]: "+string(found[1])+": removed") {
			return errors.New("not yet")
		}
		return nil
	})
}

// witness reads what the stopped Postfix leaves.
func (w *world) witness(context.Context) (err error) {
	if w.waits, w.whose, err = w.queue(); err != nil {
		return err
	}
	return w.readMailboxes()
}

// sameIDs maps each queue ID of postfix-out to one of postfix, in the order in which they came.
func sameIDs(t *testing.T, log string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	var order [2][]string
	for line := range strings.Lines(string(text)) {
		var l maillog.Line
		if !maillog.Parse([]byte(strings.TrimSpace(line)), &l) || l.QueueID == nil {
			continue
		}
		i := 0
		if strings.HasPrefix(string(l.Program), "postfix-out/") {
			i = 1
		}
		if id := string(l.QueueID); !slices.Contains(order[i], id) {
			order[i] = append(order[i], id)
		}
	}
	renamed := map[string]string{}
	for i, id := range order[1] {
		if i < len(order[0]) {
			renamed[id] = order[0][i]
		}
	}
	if len(renamed) < 50 {
		t.Fatalf("only %d queue IDs are the same", len(renamed))
	}
	return renamed
}
