package investigate

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"postward/internal/guard"
	"postward/internal/guard/guess"
)

//go:embed page.html
var page string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"when":  func(t time.Time) string { return t.Local().Format("2006-01-02 15:04 MST") },
	"place": func(asn uint32, country string) string { return Place(asn, country) },
	"chart": chart,
	"last":  func(bars []bar) int { return len(bars) - 1 },
	"count": counted,
	"first": func(n int, list any) any { return head(n, list) },
}).Parse(page))

// counted is a number of things in words, of whatever type the number is.
func counted(n any, what string) (string, error) {
	switch n := n.(type) {
	case int:
		return guard.Count(n, what), nil
	case int64:
		return guard.Count(int(n), what), nil
	}
	return "", fmt.Errorf("%T is no number of things", n)
}

// Place names a network and country for people.
func Place(asn uint32, country string) string {
	var parts []string
	if asn != 0 {
		parts = append(parts, fmt.Sprintf("AS%d", asn))
	}
	if country != "" {
		parts = append(parts, country)
	}
	return strings.Join(parts, " ")
}

func head(n int, list any) any {
	switch l := list.(type) {
	case []*Account:
		return l[:min(n, len(l))]
	case []*Guesser:
		return l[:min(n, len(l))]
	case []*Receiver:
		return l[:min(n, len(l))]
	case []*Source:
		return l[:min(n, len(l))]
	case []*guess.Ban:
		return l[:min(n, len(l))]
	case []Tried:
		return l[:min(n, len(l))]
	}
	return list
}

// HTML writes the report as one page that needs nothing else.
func (r *Report) HTML(w io.Writer) error { return pageTemplate.Execute(w, r) }

// bar is a column of the timeline, in SVG units.
type bar struct {
	X, Width                       float64
	SentY, Sent, StoppedY, Stopped float64
	At, Title                      string
}

const chartWidth, chartHeight = 860.0, 160.0

// day is the least that the chart shows, in hours.
const day = 24

// chart makes at most 200 columns of the hours.
func chart(r *Report) []bar {
	if len(r.Hours) == 0 {
		return nil
	}
	hours := slices.Sorted(maps.Keys(r.Hours))
	first, last := hours[0], hours[len(hours)-1]
	if short := day - (last - first); short > 0 { // a short log, in the middle of a day
		first, last = first-short/2, last+short/2
	}
	per := (last-first)/200 + 1
	sums := make([]Hour, (last-first)/per+1)
	most := 1
	for n, h := range r.Hours {
		s := &sums[(n-first)/per]
		s.Sent, s.Stopped, s.Wrong = s.Sent+h.Sent, s.Stopped+h.Stopped, s.Wrong+h.Wrong
		most = max(most, s.Sent)
	}
	width := chartWidth / float64(len(sums))
	var bars []bar
	for i, s := range sums {
		tall := func(n int) float64 { return float64(n) / float64(most) * chartHeight }
		at := time.Unix((first+int64(i)*per)*3600, 0).Local().Format("2006-01-02 15:04")
		bars = append(bars, bar{
			X: float64(i) * width, Width: max(width-1, 1), Sent: tall(s.Sent), SentY: chartHeight - tall(s.Sent),
			Stopped: tall(s.Stopped), StoppedY: chartHeight - tall(s.Stopped),
			At:    at,
			Title: fmt.Sprintf("%s: %s, %d of them stopped by postward; %s", at, guard.Count(s.Sent, "recipient"), s.Stopped, guard.Count(s.Wrong, "failed login")),
		})
	}
	return bars
}
