package check

import (
	"slices"
	"strings"
)

// CSVHead is the head of a table with one report a row: the target, its grade, and a column a topic.
func CSVHead() []string {
	head := []string{"domain", "grade"}
	for _, t := range Topics() {
		head = append(head, string(t))
	}
	return head
}

// CSVRow is the report's row. A topic's cell is its worst grade and the IDs of what is not fine, separated by spaces;
// it is empty when there was nothing to look at. No cell holds a stranger's text: grades and IDs are closed words, and
// the target is what was asked for.
func (r *Report) CSVRow() []string {
	row := []string{r.Target, r.Grade.String()}
	for _, topic := range r.Rows()[:len(topics)] {
		row = append(row, topic.cell())
	}
	return row
}

func (r *Row) cell() string {
	if len(r.Findings) == 0 {
		return ""
	}
	words := []string{r.Grade.String()}
	for _, f := range r.Findings {
		if f.Grade != Fine && !slices.Contains(words, string(f.ID)) {
			words = append(words, string(f.ID))
		}
	}
	return strings.Join(words, " ")
}
