package daemon

import (
	"context"
	"fmt"
	"sync"
	"time"

	"postward/internal/guard"
	"postward/internal/run/health"
	"postward/internal/run/notify"
)

const (
	alertsAtOnce = 4                // of incidents, and as many of troubles
	troubleEvery = 2 * time.Second  // how often it is looked what the owner must be told of
	retryEvery   = 30 * time.Second // a channel that took nothing is asked again
)

// sendAlerts tells the operator of incidents beside each other, so that a slow alert keeps no other waiting, and of each
// in order, until ctx ends.
func (d *Daemon) sendAlerts(ctx context.Context) error {
	var sending sync.WaitGroup
	defer sending.Wait()
	ended := make(chan int64, alertsAtOnce)
	next := map[int64][]work{} // what comes next, of each incident that is being told of
	alert := func(w work) {
		sending.Go(func() {
			if d.written(ctx, &w) == nil {
				d.sendAlert(ctx, &w.effect)
			}
			d.leaveLine(w.effect.ID)
			ended <- w.effect.Incident
		})
	}
	for {
		alerts := d.alerts
		if len(next) == alertsAtOnce {
			alerts = nil // they wait in their line
		}
		select {
		case <-ctx.Done():
			return nil
		case w := <-alerts:
			behind, busy := next[w.effect.Incident]
			if !busy {
				alert(w)
			} else {
				behind = append(behind, w)
			}
			next[w.effect.Incident] = behind
		case i := <-ended:
			if len(next[i]) == 0 {
				delete(next, i)
				continue
			}
			alert(next[i][0])
			next[i] = next[i][1:]
		}
	}
}

func (d *Daemon) sendAlert(ctx context.Context, f *guard.Effect) {
	a, alerted, pending := d.pendingAlert(f)
	if !pending {
		return
	}
	text, outcome := "", guard.Done
	if len(d.notify.Channels()) == 0 {
		text, outcome = noChannel, guard.Failed
	}
	results := d.notify.Send(ctx, a, alerted...)
	for _, r := range results {
		if r.Err != nil {
			text, outcome = fmt.Sprintf("%s: %v", r.Channel, r.Err), guard.Failed
		}
	}
	d.mu.Lock()
	d.alertedChannels[f.ID] = append(alerted, notify.Took(results)...)
	d.mu.Unlock()
	if ctx.Err() != nil && outcome == guard.Failed {
		return // cut short by the end of the daemon: the next one tells it
	}
	d.ended(f, outcome, text)
	d.pendingAlert(f) // told, or given up
}

// pendingAlert is the alert of an effect and which channels have it already. What they have of one that is not in the State
// any more is forgotten.
func (d *Daemon) pendingAlert(f *guard.Effect) (a notify.Alert, alerted []int, pending bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := d.state.Incident(f.Incident)
	if i == nil || d.state.Effects()[f.ID] == nil {
		delete(d.alertedChannels, f.ID)
		return a, nil, false
	}
	return alertOf(d.config.Node, i, f.Stage), d.alertedChannels[f.ID], true
}

// noChannel is what is wrong when no channel is configured. The alert stays undone: it goes out when there is one.
const noChannel = "nobody is told of an incident: set notify.urls or notify.command, then systemctl reload postward"

// alertOf says in words what an incident is, for a person who has nothing else before him.
func alertOf(node string, i *guard.Incident, stage string) notify.Alert {
	a := notify.Alert{Incident: i.ID, Stage: stage, Node: node, At: now().Time(), Account: i.Account}
	switch stage {
	case guard.AlertOpened:
		a.Title = fmt.Sprintf("%s: mail of %s is held", node, i.Account)
		if i.Shadow {
			a.Title = fmt.Sprintf("%s: mail of %s would be stopped (shadow mode: it left)", node, i.Account)
		}
	case guard.AlertContained:
		a.Title = fmt.Sprintf("%s: sending from %s was stopped", node, i.Account)
		if i.Status != guard.IncidentContained || i.Shadow {
			a.Title = fmt.Sprintf("%s: sending from %s would be stopped (shadow mode: it goes on)", node, i.Account)
		}
	case guard.AlertMany:
		a.Title = fmt.Sprintf("%s: mail of %s is refused, %s by now", node, i.Account, guard.Count(i.Refused, "mail"))
		if i.Shadow {
			a.Title = fmt.Sprintf("%s: mail of %s would be refused, %s by now (shadow mode: it left)", node, i.Account, guard.Count(i.Refused, "mail"))
		}
	case guard.AlertElsewhere:
		a.Title = fmt.Sprintf("%s: more mail of %s, from elsewhere: look before you release incident %d", node, i.Account, i.ID)
	case guard.AlertClosed:
		a.Title = fmt.Sprintf("%s: incident %d of %s is closed: %s by %s", node, i.ID, i.Account, i.Outcome, i.By)
		return a
	}
	if len(i.Sentences) > 0 {
		a.Text = i.Sentences[0].Why + ". "
	}
	a.Text += figures(i)
	a.Next = []string{fmt.Sprintf("postward incident show %d", i.ID)}
	if !i.Spam {
		a.Next = append(a.Next, fmt.Sprintf("postward incident release %d   (it was the owner)", i.ID))
	}
	a.Next = append(a.Next, "if it was not: "+guard.Remedy(i.Account))
	return a
}

// figures says how much it was. In shadow mode nothing is held.
func figures(i *guard.Incident) string {
	if i.Shadow {
		return fmt.Sprintf("%s would be held, %d would be refused; left for %s.", guard.Count(i.Held, "mail"), i.Refused, guard.Count(i.Left, "recipient"))
	}
	return fmt.Sprintf("%s held, %d refused, left for %s.", guard.Count(i.Held, "mail"), i.Refused, guard.Count(i.Left+i.Freed, "recipient"))
}

// troubleAlerts tells the owner of the troubles that last. It knows nothing of the State.
type troubleAlerts struct {
	node     string
	notify   *notify.Notifier
	troubles *health.Troubles
}

// send tells of them beside each other, and never sends two alerts about one, until ctx ends.
func (t *troubleAlerts) send(ctx context.Context) error {
	var sending sync.WaitGroup
	defer sending.Wait()
	var mu sync.Mutex
	rest := map[string]time.Time{} // not told of before, by key; the zero time while it is being told of
	busy := 0
	return every(ctx, troubleEvery, func() error {
		mu.Lock()
		defer mu.Unlock()
		for key, x := range t.troubles.Due(len(t.notify.Channels()), time.Now()) {
			until, resting := rest[key]
			if resting && (until.IsZero() || time.Now().Before(until)) || busy == alertsAtOnce {
				continue
			}
			busy, rest[key] = busy+1, time.Time{}
			sending.Go(func() {
				well := t.alert(ctx, key, x)
				mu.Lock()
				defer mu.Unlock()
				if busy, rest[key] = busy-1, time.Now().Add(retryEvery); well {
					delete(rest, key)
				}
			})
		}
		return nil
	})
}

// alert sends an alert about a trouble and reports whether no channel has to be asked again.
func (t *troubleAlerts) alert(ctx context.Context, key string, x health.Trouble) bool {
	if !t.troubles.Alerting(key, x) {
		return true
	}
	results := t.notify.Send(ctx, troubleAlert(t.node, &x, time.Now()), x.Skip()...)
	took := notify.Took(results)
	t.troubles.Took(key, x, took)
	return len(took) == len(results)
}

func troubleAlert(node string, x *health.Trouble, now time.Time) notify.Alert {
	a := notify.Alert{Stage: "trouble", Node: node, At: now, Title: node + ": postward needs you", Text: x.Text, Next: []string{"postward status"}}
	if x.Over {
		a.Title, a.Text = node+": postward is well again", fmt.Sprintf("Over after %s: %s", now.Sub(x.Since).Round(time.Second), x.Text)
	}
	return a
}
