package cases

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Facts are what postward measured of the server.
type Facts struct {
	LastSpam  time.Time  // when the last mail of an incident left that nobody had released; zero: none is known
	Incidents []int64    // that are open
	Waiting   int        // mails of incidents that wait for a person
	Names     []Obstacle // what is wrong with the names by which the server is known
}

// Obstacle is what stands in the way of asking.
type Obstacle struct {
	What    string    `json:"what"`
	Command string    `json:"command,omitempty"` // that shows it
	Until   time.Time `json:"until,omitzero"`    // it is over then by itself, if nothing happens
}

// Stage is how far a case is.
type Stage string

// The stages of open cases.
const (
	Listed    Stage = "listed"    // something stands in the way of asking
	Waiting   Stage = "waiting"   // it ends by itself; nobody is to be asked
	Eligible  Stage = "eligible"  // it can be asked now
	Drafted   Stage = "drafted"   // a request is written, and nobody said that it was sent
	Requested Stage = "requested" // a person asked
	Denied    Stage = "denied"    // they said no
)

// Forecast is when a case may end.
type Forecast struct {
	At    time.Time `json:"at,omitzero"`
	Sure  Sureness  `json:"sure"`
	Words string    `json:"words"`
}

// Sureness is how sure a forecast is.
type Sureness string

// From the surest on.
const (
	ByRule  Sureness = "by its rule" // of what the list says of itself; another spam begins the time anew
	Usually Sureness = "usually"     // it takes others that long
	NotSure Sureness = "unknown"
)

// View is a case as a person looks at it.
type View struct {
	*Case
	Rule      *Rule
	Stage     Stage
	Obstacles []Obstacle
	Next      string    // what to do, or that there is nothing to do
	Earliest  time.Time // when that can be done; zero: now, or nobody knows
	Left      int       // how often it can still be asked
	Forecast  Forecast
}

// Views are the open cases: first what a person can do now, then what matters most.
func (b *Book) Views(rule func(*Case) *Rule, f *Facts, now time.Time) (all []View) {
	for _, c := range b.cases {
		if c.Open() {
			all = append(all, c.view(rule(c), f, now))
		}
	}
	slices.SortStableFunc(all, func(x, y View) int {
		return cmp.Or(cmp.Compare(turn[x.Stage], turn[y.Stage]), cmp.Compare(y.Rule.Level.Rank(), x.Rule.Level.Rank()), cmp.Compare(x.ID, y.ID))
	})
	return all
}

var turn = map[Stage]int{Eligible: 0, Drafted: 0, Listed: 1, Denied: 2, Requested: 3, Waiting: 4}

// View is one open case.
func (b *Book) View(id int64, rule func(*Case) *Rule, f *Facts, now time.Time) (View, error) {
	c, err := b.of(id)
	if err != nil {
		return View{}, err
	}
	return c.view(rule(c), f, now), nil
}

// Ended are the cases that are over, the last one first.
func (b *Book) Ended() (all []*Case) {
	for _, c := range b.cases {
		if !c.Open() {
			all = append(all, c)
		}
	}
	slices.SortStableFunc(all, func(x, y *Case) int { return y.Ended.Compare(x.Ended) })
	return all
}

func (c *Case) view(r *Rule, f *Facts, now time.Time) View {
	v := View{Case: c, Rule: r, Left: max(0, len(pauses)-len(c.Requests)), Forecast: c.forecast(r, f, now)}
	v.Obstacles = c.obstacles(r, f, now)
	v.Stage = c.stage(r, v.Obstacles)
	v.Next, v.Earliest = c.next(&v, f, now)
	return v
}

func (c *Case) asked() time.Time {
	if len(c.Requests) == 0 {
		return time.Time{}
	}
	return c.Requests[len(c.Requests)-1].At
}

// rests is until when nobody is to be asked again.
func (c *Case) rests() time.Time {
	if len(c.Requests) == 0 {
		return time.Time{}
	}
	return c.asked().Add(pauses[min(len(c.Requests), len(pauses))-1])
}

func (c *Case) stage(r *Rule, obstacles []Obstacle) Stage {
	switch {
	case r.Asks == Nobody || r.Asks == Unknown:
		return Waiting
	case !c.Denied.IsZero() && len(obstacles) > 0:
		return Denied
	case len(c.Requests) > 0 && len(obstacles) > 0:
		return Requested
	case len(obstacles) > 0:
		return Listed
	case c.Drafted.After(c.asked()):
		return Drafted
	}
	return Eligible
}

// obstacles are what stands in the way of asking, what can be done about first.
func (c *Case) obstacles(r *Rule, f *Facts, now time.Time) (all []Obstacle) {
	for _, id := range f.Incidents {
		all = append(all, Obstacle{What: fmt.Sprintf("incident %d is open", id), Command: fmt.Sprintf("postward incident show %d", id)})
	}
	if f.Waiting > 0 {
		all = append(all, Obstacle{What: mails(f.Waiting) + " of incidents still in the queue: let them go or delete them", Command: "postward held list"})
	}
	all = append(all, f.Names...)
	if quiet := f.LastSpam.Add(r.Quiet); !f.LastSpam.IsZero() && now.Before(quiet) {
		all = append(all, Obstacle{What: fmt.Sprintf("spam left %s ago; ask when none has for %s", Span(now.Sub(f.LastSpam)), Span(r.Quiet)), Command: "postward incident list", Until: quiet})
	}
	if rests := c.rests(); now.Before(rests) {
		all = append(all, Obstacle{What: fmt.Sprintf("it was asked %s ago; a second request soon makes it worse", Span(now.Sub(c.asked()))), Command: fmt.Sprintf("postward case show %d", c.ID), Until: rests})
	}
	if len(c.Requests) >= len(pauses) {
		all = append(all, Obstacle{What: fmt.Sprintf("it was asked %d times: it will not answer another one otherwise", len(c.Requests)), Command: fmt.Sprintf("postward case show %d", c.ID)})
	}
	return all
}

func mails(n int) string {
	if n == 1 {
		return "1 mail"
	}
	return fmt.Sprintf("%d mails", n)
}

// next is what a person does next, and from when on he can.
func (c *Case) next(v *View, f *Facts, now time.Time) (string, time.Time) {
	switch v.Stage {
	case Waiting:
		return c.await(v.Rule, f, now)
	case Eligible:
		return fmt.Sprintf("write the request: postward case draft %d", c.ID), time.Time{}
	case Drafted:
		return fmt.Sprintf("send it yourself, then say so: postward case requested %d", c.ID), time.Time{}
	case Requested:
		return "wait for the answer", c.rests()
	}
	first := v.Obstacles[0]
	at := time.Time{}
	if !slices.ContainsFunc(v.Obstacles, func(o Obstacle) bool { return o.Until.IsZero() }) {
		for _, o := range v.Obstacles {
			if o.Until.After(at) {
				at = o.Until
			}
		}
	}
	if first.Until.IsZero() {
		return first.What + ": " + first.Command, at
	}
	return "wait: " + first.What, at
}

// await is for a listing about which nobody can be asked.
func (c *Case) await(r *Rule, f *Facts, now time.Time) (string, time.Time) {
	at := c.forecast(r, f, now).At
	switch {
	case r.Asks == Unknown:
		return "nobody is known who could be asked: it is looked at again every three hours", time.Time{}
	case at.IsZero():
		return "wait: it ends by itself when nothing more leaves", time.Time{}
	case now.After(at):
		return "it should have ended by its rule: look whether something still leaves, postward incident list; then at " + cmp.Or(r.Link, r.Title), time.Time{}
	}
	return "wait: it ends by itself, if nothing more leaves", at
}

// forecast counts from the last spam that was seen leaving; where none was, from the listing.
func (c *Case) forecast(r *Rule, f *Facts, now time.Time) Forecast {
	from := c.Since
	if f.LastSpam.After(from) {
		from = f.LastSpam
	}
	switch {
	case r.Expires > 0:
		return Forecast{from.Add(r.Expires), ByRule, fmt.Sprintf("%s after the last spam that it saw", Span(r.Expires))}
	case r.Usual != "" && r.Asks != Nobody:
		return Forecast{time.Time{}, Usually, "after a request: " + r.Usual}
	case cmp.Or(r.Usual, r.Lasts) != "":
		return Forecast{time.Time{}, Usually, cmp.Or(r.Usual, r.Lasts)}
	}
	return Forecast{Sure: NotSure, Words: "nobody says how long it takes"}
}

// Span is a time for people: the two greatest of days, hours and minutes.
func Span(d time.Duration) string {
	d = max(0, d).Round(time.Minute)
	days, hours, minutes := int(d/(24*time.Hour)), int(d/time.Hour)%24, int(d/time.Minute)%60
	switch {
	case days > 1 && hours == 0 || days > 6:
		return fmt.Sprintf("%d days", days)
	case days > 0:
		return fmt.Sprintf("%d h", days*24+hours)
	case hours > 0 && minutes == 0:
		return fmt.Sprintf("%d h", hours)
	case hours > 0:
		return fmt.Sprintf("%d h %d min", hours, minutes)
	}
	return fmt.Sprintf("%d min", minutes)
}
