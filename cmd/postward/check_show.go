package main

import (
	"fmt"
	"slices"
	"strings"

	"postward/internal/domain/check"
)

// bold is for what is the heading of the rest.
const bold = "1"

// showCheck tells a report in the way that was asked for: JSON, a screen for a person, or a line a finding.
func (a *app) showCheck(r *check.Report, d *since) error {
	switch {
	case a.json:
		return a.out.json(reportJSON(r, d))
	case a.out.person:
		width, _ := screen()
		v := view{a.out, min(width, 110)}
		v.report(r, d)
		return nil
	case d != nil:
		if rows := diffRows(r, d); len(rows) > 0 {
			return a.out.table(append([]string{"became"}, findingHead...), rows)
		}
		return nil // cron sends no mail of it
	}
	return a.out.table(findingHead, findingRows(r.Target, r.Findings))
}

// findingHead names the columns of findingRows.
var findingHead = []string{"grade", "target", "finding", "about", "title", "seen", "do"}

// reportJSON is the report, and with --diff what became of the earlier one.
func reportJSON(r *check.Report, d *since) any {
	if d == nil {
		return r
	}
	with := struct {
		*check.Report
		Diff *check.Diff `json:"diff"` // null: there was no earlier run
	}{Report: r}
	if !d.first {
		with.Diff = &d.Diff
	}
	return with
}

// findingRows are the lines for a pipe: grade, target, ID, subject, title, what was seen, what to do.
func findingRows(target string, findings []check.Finding, before ...string) [][]string {
	var rows [][]string
	for _, f := range findings {
		do := ""
		if f.Mend != nil {
			do = oneCell(f.Mend.Do)
		}
		rows = append(rows, append(before[:len(before):len(before)], f.Grade.String(), oneCell(target), oneCell(string(f.ID)), oneCell(f.Subject), oneCell(f.Title), oneCell(f.Seen), do))
	}
	return rows
}

// oneCell keeps a text in its line and column.
func oneCell(s string) string { return strings.ReplaceAll(oneLine(s), "\t", " ") }

// diffRows are the lines for a pipe with --diff: what became of it, then findingRows. Nothing different: no line, so
// that cron sends no mail. Of a first run everything worth a look is new.
func diffRows(r *check.Report, d *since) [][]string {
	if d.first {
		return findingRows(r.Target, r.Of(check.Fault, check.Warning, check.Note), "new")
	}
	rows := findingRows(r.Target, d.New, "new")
	rows = append(rows, findingRows(r.Target, d.Gone, "gone")...)
	for _, c := range d.Changed {
		rows = append(rows, findingRows(r.Target, []check.Finding{c.Is}, "changed")...)
	}
	return rows
}

// view is a screen for a person.
type view struct {
	*output
	width int
}

func (v *view) report(r *check.Report, d *since) {
	rows := r.Rows()
	for i := range rows {
		v.line("%s", topicLine(v.output, &rows[i], v.width, false))
	}
	if f := r.First(); f != nil {
		v.line("\n%s", v.paint(bold, "Do this first"))
		v.finding(f)
	}
	if others := r.Others(); len(others) > 0 {
		v.line("\n%s", v.paint(bold, "Then this"))
		for i := range others {
			if i > 0 {
				v.line("")
			}
			v.finding(&others[i])
		}
	}
	v.short("Could be better", r.Notes())
	v.unknown(r.Unknowns())
	v.paragraph(r.Asked())
	v.policy(r.Policy)
	if d != nil {
		v.diff(d)
	}
	v.last(r)
}

// last is what is still on the screen when the rest has scrolled away.
func (v *view) last(r *check.Report) {
	v.line("")
	took := fmt.Sprintf("%s in %.1f s", r.Tally(), r.Took.Seconds())
	if f := r.First(); f != nil {
		v.line("%s; first, at the top: %s", took, oneLine(f.Title))
		return
	}
	v.line("%s %s", v.paint(gradeColour(r.Grade), r.Verdict()), took)
}

// finding is what was seen, why it matters, and what ends it. Records and commands stand alone on lines that are not
// wrapped, to be copied.
func (v *view) finding(f *check.Finding) {
	v.line("  %s %s: %s", v.paint(gradeColour(f.Grade), f.Grade.Sign()), oneLine(f.Title), oneLine(f.Subject))
	v.labelled("seen", f.Seen)
	v.labelled("why", f.Why)
	if f.Mend != nil {
		v.labelled("do", f.Mend.Do)
		v.copied("take out of the DNS:", f.Mend.Removals())
		v.copied("put into the DNS:", f.Mend.Additions())
		v.copied("let the address's provider set:", f.Mend.Names())
		v.copied("type on the server:", f.Mend.Set)
	}
}

// labelled is a text after its label, wrapped beside it.
func (v *view) labelled(label, text string) {
	for i, line := range wrap(oneLine(text), v.width-10) {
		if i > 0 {
			label = ""
		}
		v.line("    %s%s", v.paint(quiet, pad(label, 6)), line)
	}
}

func (v *view) copied(label string, lines []string) {
	if len(lines) == 0 {
		return
	}
	v.line("          %s", v.paint(quiet, label))
	for _, line := range lines {
		v.line("            %s", oneLine(line))
	}
}

// short is a line or two for each finding.
func (v *view) short(head string, findings []check.Finding) {
	if len(findings) == 0 {
		return
	}
	v.line("\n%s", v.paint(bold, head))
	for _, f := range findings {
		text := f.Topic.Name() + ": " + oneLine(f.Title) + ": " + oneLine(f.Subject) + ", " + oneLine(f.Seen)
		for i, line := range wrap(text, v.width-5) {
			v.line("%s%s", strings.Repeat(" ", min(2+2*i, 4)), line)
		}
	}
}

// unknown says in one line what could not be learned.
func (v *view) unknown(findings []check.Finding) {
	if len(findings) == 0 {
		return
	}
	var words []string
	for _, f := range findings {
		words = append(words, f.Topic.Name()+" "+oneLine(f.Subject)+" ("+oneLine(f.Seen)+")")
	}
	v.paragraph("Not learned, so neither for nor against: " + strings.Join(words, "; ") + ".")
}

// policy is the tree of an SPF policy; one that includes nothing is seen whole in its record.
func (v *view) policy(lines []string) {
	if !slices.ContainsFunc(lines, func(line string) bool { return strings.HasPrefix(line, "    ") }) {
		return
	}
	v.line("\nThe SPF policy, as receivers walk it")
	for _, line := range lines {
		v.line("  %s", oneLine(line))
	}
}

// paragraph is a text in lines, if there is one.
func (v *view) paragraph(text string) {
	if text == "" {
		return
	}
	v.line("")
	for _, line := range wrap(text, v.width-1) {
		v.line("%s", line)
	}
}

// diff says what became of the earlier report.
func (v *view) diff(d *since) {
	if d.first {
		v.line("\n%s", "This is the first run with --diff; the next one is compared with it.")
		return
	}
	head := "Since " + stamp(d.Since)
	if d.Empty() && len(d.Unlearned) == 0 {
		v.line("\n%s: nothing is new, gone or changed.", head)
		return
	}
	v.line("\n%s", v.paint(bold, head))
	v.became("new", d.New)
	for _, c := range d.Changed {
		v.became("changed", []check.Finding{c.Is})
		v.line("%s%s", strings.Repeat(" ", 11), clip("before: "+c.Was.Grade.String()+", "+oneLine(c.Was.Seen), v.width-12))
	}
	v.became("gone", d.Gone)
	v.became("unsure", d.Unlearned)
}

func (v *view) became(what string, findings []check.Finding) {
	for _, f := range findings {
		text := f.Title + ": " + f.Subject
		if f.Grade == check.Fine {
			text = f.Topic.Name() + ": " + f.Seen
		}
		v.line("  %s%s", pad(what, 9), clip(f.Grade.String()+": "+oneLine(text), v.width-12))
	}
}

// wrap breaks a text into lines of at most so many columns, between words.
func wrap(text string, columns int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case wide(line)+1+wide(word) > columns:
			lines, line = append(lines, line), word
		default:
			line += " " + word
		}
	}
	if line == "" {
		return lines
	}
	return append(lines, line)
}
