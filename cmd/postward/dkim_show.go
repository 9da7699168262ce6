package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"postward/internal/auth/keys"
)

func (a *app) dkimList() *cobra.Command {
	var zone bool
	c := &cobra.Command{Use: "list [DOMAIN…]", Short: "list the keys, how far each is, and what comes next", RunE: func(_ *cobra.Command, args []string) error {
		return a.listKeys(zone, args)
	},
		Long: "List the keys of all domains, or of some: selector, algorithm, how far each is and since when, and what comes next. Nobody is asked;\n" +
			"postward dkim key look asks the name servers."}
	c.Flags().BoolVar(&zone, "zone", false, "print the records as zone files have them")
	return c
}

func (a *app) listKeys(zone bool, args []string) error {
	d, err := a.keysDir(false)
	if err != nil {
		return err
	}
	set, err := d.Open()
	if err != nil {
		return err
	}
	all := set.Ring.Keys()
	if len(args) > 0 {
		domains, err := a.domainsOf(set.Ring, args)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(k keys.Key) bool { return !slices.Contains(domains, k.Domain) })
	}
	switch {
	case a.json:
		err = a.out.json(listReport{recordsOf(all), set.Ring.Reminders(time.Now(), nil), problemTexts(set.Problems)})
	case zone:
		a.printZone(all)
	default:
		err = a.printKeys(all, set.Ring.Reminders(time.Now(), nil))
	}
	return a.troubled(err, set.Problems)
}

// listReport is what list prints as JSON.
type listReport struct {
	Keys      []keyRecord     `json:"keys"`
	Reminders []keys.Reminder `json:"reminders"`
	Problems  []string        `json:"problems"`
}

func problemTexts(problems []keys.Problem) []string {
	all := []string{}
	for _, p := range problems {
		all = append(all, p.Err.Error())
	}
	return all
}

// troubled says what of the keys cannot be read, whatever else was printed.
func (a *app) troubled(err error, problems []keys.Problem) error {
	if err != nil || len(problems) == 0 {
		return err
	}
	for _, p := range problems {
		a.note(p.Err.Error())
	}
	return errFound
}

// printZone prints what the zones have to have.
func (a *app) printZone(all []keys.Key) {
	for i := range all {
		if all[i].State == keys.Removed {
			a.out.line("; %s is not needed any more", all[i].Name())
			continue
		}
		a.out.line("%s", all[i].ZoneLine())
	}
}

// printKeys prints a table for a pipe, and for a person a block for each domain.
func (a *app) printKeys(all []keys.Key, reminders []keys.Reminder) error {
	if a.out.person {
		if len(all) == 0 {
			a.out.line("There are no keys, and mail is not signed. Next: postward dkim key create DOMAIN, or postward dkim import")
			return nil
		}
		a.blocks(all)
		a.remind(reminders)
		return nil
	}
	var rows [][]string
	for _, k := range all {
		rows = append(rows, []string{k.Domain, k.Selector, string(k.Algorithm), fmt.Sprint(k.Bits), string(k.State), k.Since.Local().Format(minute), k.Next(nil)})
	}
	return a.out.table([]string{"domain", "selector", "algorithm", "bits", "state", "since", "next"}, rows)
}

const minute = "2006-01-02 15:04 MST"

// meant is the colour of a state.
var meant = map[keys.State]string{keys.Active: calm, keys.Published: watch, keys.Made: watch, keys.Retiring: quiet, keys.Removed: quiet}

// blocks prints a line for each key under the name of its domain. Colours come behind the padding, which they would spoil.
func (a *app) blocks(all []keys.Key) {
	wide := 0
	for i := range all {
		wide = max(wide, len(all[i].Selector))
	}
	domain := ""
	for _, k := range all {
		if k.Domain != domain {
			if domain != "" {
				a.out.line("")
			}
			domain = k.Domain
			a.out.line("%s", printable(domain))
		}
		line := fmt.Sprintf("  %-*s  %-17s  %s  %s  %s", wide, k.Selector, k.String(), a.out.paint(meant[k.State], fmt.Sprintf("%-9s", k.State)), k.Since.Local().Format(minute), k.Next(nil))
		a.out.line("%s", strings.TrimRight(line, " "))
	}
}

func (a *app) remind(all []keys.Reminder) {
	for _, m := range all {
		a.out.line("%s %s. Next: %s", a.out.paint(watch, "Note:"), printable(m.Text), printable(m.Next))
	}
}

// lookReport is what look prints as JSON.
type lookReport struct {
	Seen      keys.Seen       `json:"seen"`
	Steps     []keys.Step     `json:"steps"`
	Reminders []keys.Reminder `json:"reminders"`
}

// about are the reminders of some domains.
func about(all []keys.Reminder, domains []string) []keys.Reminder {
	return slices.DeleteFunc(all, func(m keys.Reminder) bool {
		_, domain, _ := strings.Cut(m.Key, "._domainkey.")
		return !slices.Contains(domains, domain)
	})
}

// printLook prints what each server shows, what changed, and what a person has to do.
func (a *app) printLook(ring keys.Ring, domains []string, x lookReport, problems []keys.Problem) error {
	var err error
	if a.json {
		err = a.out.json(x)
	} else {
		err = a.printSeen(ring, domains, &x)
	}
	if err = a.troubled(err, problems); err == nil && len(x.Reminders) > 0 {
		return errFound
	}
	return err
}

func (a *app) printSeen(ring keys.Ring, domains []string, x *lookReport) error {
	var rows [][]string
	for _, k := range ring.Keys() {
		s, looked := x.Seen[k.Name()]
		if !looked || !slices.Contains(domains, k.Domain) {
			continue
		}
		shown := s.Why()
		if shown == "" {
			shown = fmt.Sprintf("right at all %d name servers", len(s.Servers))
		}
		rows = append(rows, []string{k.Domain, k.Selector, string(k.State), shown})
	}
	if err := a.out.table([]string{"domain", "selector", "state", "shown"}, rows); err != nil {
		return err
	}
	for _, s := range x.Steps {
		what := "is " + string(s.Key.State)
		if s.Forget {
			what = "is forgotten"
		}
		a.say("%s %s: %s", s.Key.Name(), what, s.Why)
	}
	for _, m := range x.Reminders {
		a.say("%s. Next: %s", m.Text, m.Next)
	}
	return nil
}

// say says something beside a table: to a person below it, to a pipe on standard error.
func (a *app) say(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); a.out.person {
		a.out.line("%s", printable(text))
	} else {
		a.note(text)
	}
}
