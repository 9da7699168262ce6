package attach

import (
	"fmt"
	"slices"
	"strings"

	"postward/internal/host/postfix"
)

// knownOthers are the programs that do what postward does about who wrote a mail, by what Postfix calls them: their names, or
// the ports of their documentation. Each wants what those before it in the list have found out.
var knownOthers = []struct {
	name  string
	known []string
}{
	{"opendmarc", []string{"opendmarc", ":8893", ":54321"}},
	{"openarc", []string{"openarc", ":8894"}},
	{"policyd-spf", []string{"policyd-spf", "policy-spf", "spf-policy"}},
	{"opendkim", []string{"opendkim", ":8891", ":12301"}},
}

// nameOther is who of them an item of a list means; empty: nobody.
func nameOther(item string) string {
	item = strings.ToLower(item)
	for _, o := range knownOthers {
		if slices.ContainsFunc(o.known, func(text string) bool {
			before, after, found := strings.Cut(item, text)
			return found && (text[0] != ':' || before != "" && (after == "" || strings.ContainsAny(after[:1], ",@ \t}")))
		}) {
			return o.name
		}
	}
	return ""
}

// Others says in sentences which programs that Postfix asks do what postward does about who wrote a mail, in which order they can
// go, and how; none where there are none. It changes nothing.
func (h *Host) Others() []string {
	names, commands := map[string]bool{}, []string{}
	for _, s := range parameters(h.main) {
		if is, _ := parameter(h.main, s.name); is.number != s.number {
			continue // a later one counts
		}
		if rest, found := withoutOthers(s, names); found {
			commands = append(commands, fmt.Sprintf("postconf -e '%s = %s'", s.name, rest))
		}
	}
	kept, _ := inForce(entries(h.master))
	for _, e := range kept {
		for _, s := range e.options {
			if rest, found := withoutOthers(s, names); found {
				commands = append(commands, fmt.Sprintf("postconf -P '%s/%s/%s = %s'", e.name, e.kind, s.name, rest))
			}
		}
	}
	if len(names) == 0 {
		return nil
	}
	return sayOthers(names, commands)
}

// withoutOthers is a list without them. names is told who they are.
func withoutOthers(s setting, names map[string]bool) (rest string, found bool) {
	milters := s.name == "smtpd_milters" || s.name == "non_smtpd_milters"
	if !milters && !(strings.HasPrefix(s.name, "smtpd_") && strings.HasSuffix(s.name, "_restrictions")) {
		return "", false
	}
	var stay []string
	for _, item := range postfix.SplitList(s.value) {
		name := nameOther(item)
		asked := len(stay) > 0 && stay[len(stay)-1] == "check_policy_service"
		switch {
		case name != "" && milters:
		case name != "" && asked:
			stay = stay[:len(stay)-1]
		default:
			stay = append(stay, item)
			continue
		}
		names[name], found = true, true
	}
	return strings.Join(stay, ", "), found
}

// sayOthers says what to do about them.
func sayOthers(names map[string]bool, commands []string) []string {
	var all, daemons []string
	for _, o := range knownOthers {
		if names[o.name] {
			all = append(all, o.name)
			if o.name != "policyd-spf" {
				daemons = append(daemons, o.name)
			}
		}
	}
	text := strings.Join(all, ", ") + " do what postward does, and may go, all at once: "
	if names["opendkim"] {
		text += "first postward dkim import --apply, which takes over its keys and changes nothing in the DNS (go on when postward dkim key look names no server); then "
	}
	text += strings.Join(commands, " && ") + " && postfix reload; when postward status says that mail is authenticated and signed"
	if len(daemons) > 0 {
		text += ", systemctl disable --now " + strings.Join(daemons, " ")
	}
	return []string{text + ". Nothing of them is touched; until then postward looks at no mail from outside (authentication.inbound) and signs none that bears their signature"}
}
