package delivery

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"postward/internal/log/maillog"
	"postward/internal/mail/message"
)

// Is reports whether a mail is what a key names: one of its queue IDs, its Message-ID (with or without angle brackets),
// its account, its reverse-path, or a recipient as given, as expanded, or as named when it was put on hold, however these are written. Case does not matter but for queue IDs. Of long ones,
// what a Mail keeps counts.
func (m *Mail) Is(key string) bool {
	if slices.Contains(m.IDs, key) {
		return true
	}
	cut, inBrackets := text([]byte(key)), text([]byte("<"+key+">"))
	same := func(s string) bool { return s != "" && strings.EqualFold(s, cut) }
	canonical := message.Canonical(cut)
	named := func(s string) bool { return s != "" && message.Canonical(s) == canonical }
	if same(m.MessageID) || strings.EqualFold(m.MessageID, inBrackets) || same(strings.Trim(m.MessageID, "<>")) || same(m.Account) || named(m.From) {
		return true
	}
	if slices.ContainsFunc(m.Named, named) || slices.ContainsFunc(m.Refused, func(r Refusal) bool { return named(r.To) }) {
		return true
	}
	return slices.ContainsFunc(m.Deliveries, func(d Delivery) bool { return named(d.To) || named(d.OrigTo) })
}

// SameAddress reports whether two texts are one address, however they are written.
func SameAddress(a, b string) bool { return message.Canonical(a) == message.Canonical(b) }

// Outcome says in a word or two what became of a mail.
func (m *Mail) Outcome() string {
	counts := map[string]int{}
	for i := range m.Deliveries {
		counts[m.Deliveries[i].Outcome]++
	}
	switch {
	case m.End == Deleted:
		return "deleted by the operator"
	case m.End == Expired:
		return "expired"
	case m.End == Refused, m.End == Discarded:
		return string(m.End)
	case m.End == Abandoned:
		return "broken off by its client"
	case m.InHold:
		return "in hold"
	case m.Ended.IsZero() && len(m.Deliveries)+m.Unclear == 0:
		return "on its way"
	}
	if m.Unclear > 0 {
		counts["unclear"] = m.Unclear
	}
	if len(counts) == 0 {
		return string(m.End)
	}
	words := slices.SortedFunc(maps.Keys(counts), func(a, b string) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b)) })
	if len(words) == 1 {
		return words[0]
	}
	return "partly " + strings.Join(words, ", ")
}

// rank is where an outcome is named, among several.
func rank(outcome string) int {
	first := []string{maillog.StatusSent.String(), maillog.StatusDeferred.String(), maillog.StatusBounced.String(), maillog.StatusDiscarded.String()}
	if i := slices.Index(first, outcome); i >= 0 {
		return i
	}
	return len(first)
}
