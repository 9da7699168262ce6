package check

import (
	"slices"
	"time"
)

// Diff is what two reports of one target do not have in common. Findings are the same when ID and subject are.
type Diff struct {
	Since     time.Time `json:"since"` // the older report's
	New       []Finding `json:"new,omitempty"`
	Gone      []Finding `json:"gone,omitempty"`
	Changed   []Change  `json:"changed,omitempty"`
	Unlearned []Finding `json:"unlearned,omitempty"` // were there; now their topic could not be learned: neither there nor gone
}

// Change is one finding, then and now: of another grade, or with something else seen.
type Change struct {
	Was Finding `json:"was"`
	Is  Finding `json:"is"`
}

// Compare says what became of a report's findings. That all is well is not worth a line, neither new nor gone; that
// something else is well is: an exchanger or a record that somebody changed. A finding is not gone when its topic
// could not be learned: silence is no mending, and no news.
func Compare(was, is *Report) Diff {
	d := Diff{Since: was.At}
	then := map[string][]Finding{}
	for _, f := range was.Findings {
		then[f.key()] = append(then[f.key()], f)
	}
	fresh := slices.DeleteFunc(slices.Clone(is.Findings), func(f Finding) bool { return f.Grade == Unknown || takeSame(then, f) })
	for _, f := range fresh {
		old, known := take(then, f)
		switch {
		case known:
			d.Changed = append(d.Changed, Change{old, f})
		case f.Grade != Fine:
			d.New = append(d.New, f)
		}
	}
	for _, f := range was.Findings {
		left := takeSame(then, f)
		switch {
		case !left || f.Grade == Fine || f.Grade == Unknown:
		case is.unlearned(f.Topic):
			d.Unlearned = append(d.Unlearned, f)
		default:
			d.Gone = append(d.Gone, f)
		}
	}
	return d
}

// takeSame takes out a finding that says the same as f, and reports whether there was one.
func takeSame(all map[string][]Finding, f Finding) bool {
	list := all[f.key()]
	i := slices.IndexFunc(list, func(g Finding) bool { return g.Grade == f.Grade && g.Seen == f.Seen })
	if i >= 0 {
		all[f.key()] = slices.Delete(list, i, i+1)
	}
	return i >= 0
}

// take takes out the first finding that has f's key.
func take(all map[string][]Finding, f Finding) (Finding, bool) {
	list := all[f.key()]
	if len(list) == 0 {
		return Finding{}, false
	}
	all[f.key()] = list[1:]
	return list[0], true
}

// unlearned reports whether something of a topic could not be learned. A topic that has nothing to say while others
// are unknown may have had nothing to go by.
func (r *Report) unlearned(t Topic) bool {
	said := false
	for _, f := range r.Findings {
		if f.Topic == t {
			said = true
			if f.Grade == Unknown {
				return true
			}
		}
	}
	return !said && len(r.Of(Unknown)) > 0
}

// Empty reports whether nothing is different.
func (d *Diff) Empty() bool { return len(d.New)+len(d.Gone)+len(d.Changed) == 0 }

// Worse reports whether something worth a look is new, or became worse.
func (d *Diff) Worse() bool {
	return slices.ContainsFunc(d.New, func(f Finding) bool { return f.Grade.Worth() }) ||
		slices.ContainsFunc(d.Changed, func(c Change) bool { return c.Is.Grade.Worth() && c.Is.Grade > c.Was.Grade })
}

// Known is what is known after a report: its findings, and those that could not be looked for. It is what the next
// report is compared with, so that a name server that is silent for an hour makes nothing new again.
func (d *Diff) Known(r Report) Report {
	r.Findings = append(slices.Clone(r.Findings), d.Unlearned...)
	return r
}
