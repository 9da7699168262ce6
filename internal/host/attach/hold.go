package attach

import (
	"path/filepath"
	"regexp"
	"strings"

	"postward/internal/host/postfix"
)

// holdChecks are the tables whose action may be HOLD for a whole mail (header_checks(5)).
var holdChecks = []string{"header_checks", "mime_header_checks", "nested_header_checks", "body_checks", "milter_header_checks"}

// holdRule is a line of such a table that puts mail on hold: a pattern between two like marks, its flags, and the action; or a key
// and the action.
var holdRule = regexp.MustCompile(`(?i)^\s*(!?/.*/[a-z]*|!?\|.*\|[a-z]*|[^#/|\s]\S*)\s+hold(\s|$)`)

// checkHold notes that another program puts mail on hold: MailScanner and its like take every mail out of hold again, and with it
// what postward holds. Only tables that are text can be read.
func (h *Host) checkHold() {
	said := map[string]bool{} // the others are header_checks where nobody says otherwise
	for _, name := range holdChecks {
		for _, table := range postfix.SplitList(h.values[name]) {
			if rule := h.holds(table); rule != "" && !said[table] {
				said[table] = true
				h.note("%s puts mail on hold (%s: %s). Whoever empties the hold queue then, MailScanner for one, takes out what postward holds too, and what postward releases has not passed him: stay in shadow mode, or let the scanner be a milter or a content_filter", name, table, rule)
			}
		}
	}
}

// holds is the rule of a table that puts mail on hold; empty when there is none, or it cannot be read.
func (h *Host) holds(table string) string {
	kind, path, _ := strings.Cut(table, ":")
	switch kind {
	case "static", "inline":
		if strings.Contains(strings.ToUpper(path), "HOLD") {
			return path
		}
		return ""
	case "regexp", "pcre", "pcre2", "texthash", "hash", "btree", "lmdb", "cdb", "dbm":
	default:
		return ""
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(h.ConfigDir, path)
	}
	text, err := postfix.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if holdRule.MatchString(strings.TrimRight(line, "\r\n")) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}
