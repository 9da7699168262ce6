package check

import (
	"fmt"
	"slices"
	"strings"
)

// about says in two or three words what a topic's name stands for, for those who never heard it.
var about = map[Topic]struct{ name, words string }{
	"resolver": {"Resolver", "who answers us"},
	"mx":       {"MX", "where mail arrives"},
	"address":  {"Address", "the sender's name"},
	"spf":      {"SPF", "who may send"},
	"dkim":     {"DKIM", "the mails' signature"},
	"dmarc":    {"DMARC", "what forgeries meet"},
	"lists":    {"Lists", "who blocks it"},
	"dnssec":   {"DNSSEC", "signed DNS"},
	"caa":      {"CAA", "who may certify it"},
	"bimi":     {"BIMI", "the logo in mailboxes"},
	"mta-sts":  {"MTA-STS", "TLS promised by web"},
	"tls-rpt":  {"TLS-RPT", "reports about TLS"},
	"dane":     {"DANE", "TLS promised by DNS"},
	"smtp":     {"SMTP", "the door for mail"},
	"tls":      {"TLS", "encryption on the way"},
	"relay":    {"Relay", "open to strangers?"},
}

// Name is the topic as people write it: "SPF".
func (t Topic) Name() string {
	if a, ok := about[t]; ok {
		return a.name
	}
	return strings.ToUpper(string(t))
}

// About says what the topic is about in at most 21 letters; empty for one that is not known.
func (t Topic) About() string { return about[t].words }

// signs are what stands before a grade's word, for those who see no colours and those who read fast.
var signs = [...]string{"✓ ok", "· note", "?", "! warn", "✗ FAULT"}

// Sign is the grade as a sign and a word of at most 7 letters in all.
func (g Grade) Sign() string { return signs[g] }

// Row is what a report says of one topic.
type Row struct {
	Topic    Topic
	Grade    Grade     // the worst
	Findings []Finding // in the report's order; none: there was nothing to look at
	Skipped  bool      // it was not to be looked at
}

// Rows are the topics in the order in which a person reads them, those without a finding too. Topics that this
// version does not know come last.
func (r *Report) Rows() []Row {
	var rows []Row
	place := map[Topic]int{}
	add := func(t Topic) int {
		if i, ok := place[t]; ok {
			return i
		}
		place[t] = len(rows)
		rows = append(rows, Row{Topic: t})
		return len(rows) - 1
	}
	for _, t := range Topics() {
		add(t)
	}
	for _, f := range r.Findings {
		row := &rows[add(f.Topic)]
		row.Grade = max(row.Grade, f.Grade)
		row.Findings = append(row.Findings, f)
	}
	for _, t := range r.Skipped {
		rows[add(t)].Skipped = true
	}
	return rows
}

// Worst is the finding that stands for the topic: the first of the worst grade, or nil.
func (r *Row) Worst() *Finding {
	i := slices.IndexFunc(r.Findings, func(f Finding) bool { return f.Grade == r.Grade })
	if i < 0 {
		return nil
	}
	return &r.Findings[i]
}

// Text is the topic in one line: what was seen when all is well, else the worst finding and how many there are beside it.
func (r *Row) Text() string {
	worst := r.Worst()
	switch {
	case worst == nil && r.Skipped:
		return "not asked for"
	case worst == nil:
		return "nothing to look at"
	case worst.Grade == Fine:
		return worst.Seen
	case worst.Grade == Unknown:
		return worst.Title + ": " + worst.Subject + ", " + worst.Seen
	}
	more := 0
	for _, f := range r.Findings {
		if f.Grade != Fine {
			more++
		}
	}
	text := worst.Title + ": " + worst.Subject
	if more > 1 {
		text += fmt.Sprintf(" (and %d more)", more-1)
	}
	return text
}

// Counts is how many findings there are of each grade.
func (r *Report) Counts() [len(grades)]int {
	var n [len(grades)]int
	for _, f := range r.Findings {
		n[f.Grade]++
	}
	return n
}

// Tally is Counts in words, the worst first: "1 fault, 2 warnings, 12 fine". Grades without a finding are left out.
func (r *Report) Tally() string {
	n := r.Counts()
	var words []string
	for _, w := range []struct {
		grade     Grade
		one, many string
	}{{Fault, "fault", "faults"}, {Warning, "warning", "warnings"}, {Note, "note", "notes"}, {Unknown, "not learned", "not learned"}, {Fine, "fine", "fine"}} {
		switch n[w.grade] {
		case 0:
		case 1:
			words = append(words, "1 "+w.one)
		default:
			words = append(words, fmt.Sprintf("%d %s", n[w.grade], w.many))
		}
	}
	return strings.Join(words, ", ")
}

// Asked says in one sentence how far the domain meets what receivers ask of senders; empty without a domain.
func (r *Report) Asked() string {
	if len(r.Senders) == 0 {
		return ""
	}
	n := map[Met]int{}
	var not []string
	for _, q := range r.Senders {
		n[q.Met]++
		if q.Met == No {
			not = append(not, fmt.Sprintf("%s (%s)", q.Name, q.By[0]))
		}
	}
	words := []string{fmt.Sprintf("%d are met", n[Yes])}
	if n[No] > 0 {
		words = append(words, fmt.Sprintf("%d not: %s", n[No], strings.Join(not, ", ")))
	}
	if n[Maybe] > 0 {
		words = append(words, fmt.Sprintf("%d were not learned", n[Maybe]))
	}
	return fmt.Sprintf("Of the %d things that Gmail, Yahoo, Microsoft and Apple ask of senders %s; %d only the mail itself shows.",
		len(r.Senders), strings.Join(words, ", "), n[Unseen])
}

// Learned reports whether anything at all was learned of the target: who answers us is not of it.
func (r *Report) Learned() bool {
	return slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Grade != Unknown && f.Topic != "resolver" })
}

// Verdict is the report in one sentence.
func (r *Report) Verdict() string {
	n := r.Counts()
	switch {
	case !r.Learned():
		return "Nothing could be learned: nobody answered."
	case n[Fault] > 0:
		return "Mail is lost, refused or forged because of what is wrong here."
	case n[Warning] > 0:
		return "Mail arrives, but some receivers hold something against it."
	case n[Unknown] > 0:
		return "Nothing to mend in what could be learned; not everything could."
	}
	return "Nothing to mend."
}

// Of are the findings of some grades, in the report's order.
func (r *Report) Of(wanted ...Grade) []Finding {
	var all []Finding
	for _, f := range r.Findings {
		if slices.Contains(wanted, f.Grade) {
			all = append(all, f)
		}
	}
	return all
}
