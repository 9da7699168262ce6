package check

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"time"
)

//go:embed page.html
var page string

// pageTemplate escapes everything by where it stands (html/template): a finding's text may be a stranger's.
var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"when": func(t time.Time) string { return t.Local().Format("2006-01-02 15:04 MST") },
	"took": func(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) },
}).Parse(page))

// HTML writes the report as one page that needs nothing else: no scripts, no fonts, nothing from the network.
func (r *Report) HTML(w io.Writer) error { return pageTemplate.Execute(w, r) }

// Others are the findings worth a look that are not First.
func (r *Report) Others() []Finding {
	worth := r.Of(Fault, Warning)
	return worth[min(1, len(worth)):]
}

// Notes are what could be better.
func (r *Report) Notes() []Finding { return r.Of(Note) }

// Unknowns are what could not be learned.
func (r *Report) Unknowns() []Finding { return r.Of(Unknown) }

// removal is the line of a record that is to be taken out: itself, or all of that name and type.
func (r Record) removal() string {
	if r.Value == "" {
		return "every " + r.Type + " record of " + r.Name
	}
	return r.String()
}

// Removals are the lines to take out of the zone.
func (m *Mend) Removals() []string {
	var lines []string
	for _, r := range m.Remove {
		lines = append(lines, r.removal())
	}
	return lines
}

// Additions are the lines to put into the zone.
func (m *Mend) Additions() []string { return m.added(false) }

// Names are the lines for whoever has the addresses: mostly a provider, who has the zone that they stand in.
func (m *Mend) Names() []string { return m.added(true) }

func (m *Mend) added(names bool) (lines []string) {
	for _, r := range m.Add {
		if (r.Type == "PTR") == names {
			lines = append(lines, r.String())
		}
	}
	return lines
}
