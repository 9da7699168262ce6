// Command thief searches for what a thief can get out through the guard. He has read the source.
//
// What he is: somebody with the password of one account or several, for up to 30 days. He knows the policy, and every
// verdict before he asks for it: his copy of the guard is the guard's own State (of a real server he would know less; a
// held mail, a refusal and a mail that reaches a mailbox of his own are what he would see). He does not know a secret
// of the installation. He writes from the sources that his row has, as slowly, as many at once and in which order he likes;
// to strangers, to mailboxes of his own, to the owner's own friends (the Sent folder names them), from one account and
// another; he forges mail to the account, and answers his own. The owners write their own mail meanwhile, or are away.
// No operator does anything: who releases his mail has let it out himself.
//
// What is counted: the strangers (people who never had to do with the account, and are no mailboxes of his) whose mail left,
// at once or when it had cooled, in the worst span of 1, 10 and 30 days, through the account that got most out. What
// leaves through several accounts together is printed beside it.
//
// The outsider has no password: see ordeal. He wants an innocent's mail held, or her account stopped.
//
// Planted weaknesses prove that the search finds what there is: see plant.
//
// Exit status: 0 when all goals are met and every plant is found, 1 when not, 2 when it could not run.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"
)

// options is how long, from where and after what the search goes.
type options struct {
	seed   uint64
	span   time.Duration
	figure string // only this one
	enough int    // that figure is over it: stop
	blind  bool   // without the openings
	plants bool
}

func main() {
	o := options{}
	flag.Uint64Var(&o.seed, "seed", 1, "where the dice begin; the same seed tries the same campaigns in the same order")
	flag.DurationVar(&o.span, "time", time.Minute, "how long to search, all together")
	flag.StringVar(&o.figure, "figure", "", "search for one figure, like foreign_10d, and print it as the last line")
	flag.IntVar(&o.enough, "enough", 0, "with -figure: stop when it is more than that")
	flag.BoolVar(&o.blind, "blind", false, "begin with dice alone, not with what is known from the source")
	flag.BoolVar(&o.plants, "plants", true, "look for the planted weaknesses too")
	flag.Parse()
	debug.SetGCPercent(400) // many small copies; there is memory
	ok, err := o.run(os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "thief:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

func (o *options) run(w io.Writer) (bool, error) {
	began := time.Now()
	f := newField(o.seed, collisionRounds)
	if o.figure != "" {
		return o.one(w, f)
	}
	all, err := plants()
	if err != nil || !o.plants {
		all = nil
	}
	if err != nil {
		return false, err
	}
	b := &bench{options: o, field: f, w: w, figures: map[string]int{}, end: began.Add(o.span)}
	if len(all) > 0 {
		b.end = began.Add(o.span * 2 / 3)
	}
	b.rows()
	b.outsider()
	found, err := b.plants(all, began.Add(o.span))
	if err != nil {
		return false, err
	}
	return b.report(found, len(all)), nil
}

// one searches for one figure: that of a plant.
func (o *options) one(w io.Writer, f *field) (bool, error) {
	name, span := o.figure, ""
	if i := strings.LastIndexByte(o.figure, '_'); i >= 0 {
		name, span = o.figure[:i], o.figure[i+1:]
	}
	until := time.Now().Add(o.span)
	for i := range rows {
		for k, n := range horizons {
			if rows[i].name != name || span != fmt.Sprintf("%dd", n) {
				continue
			}
			h := o.hunt(f, &rows[i], nil)
			h.only(until, k, o.enough)
			h.simplify()
			h.best(k).tell(w, f, &rows[i])
			fmt.Fprintf(w, "%s=%d\n", o.figure, h.best(k).figure(k))
			return h.best(k).figure(k) <= rows[i].goals[k], nil
		}
	}
	if name == "outsider" {
		ordeal, h, _ := f.site.searchOutsider(o.seed, until, false)
		fmt.Fprintf(w, "%s\n%s=%d\n", ordeal.words(f.site, h), o.figure, h.held+h.contained)
		return h.none(), nil
	}
	return false, fmt.Errorf("search for %q: there is no such figure; try foreign_10d, or outsider", o.figure)
}

// hunt is a search that begins with the openings and with what other rows found.
func (o *options) hunt(f *field, r *row, seeds []campaign) *hunt {
	if !o.blind {
		seeds = append(openings(r), seeds...)
	}
	return newHunt(f, r, o.seed, seeds)
}
