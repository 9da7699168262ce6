package config

import (
	"fmt"
	"io"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"postward/internal/guard"
)

// reader walks the tree that the TOML library made and collects everything that is wrong.
type reader struct {
	config *Config
	file   string
	lines  map[string]int // of each key
	errors Errors
}

func (r *reader) fail(key, format string, args ...any) {
	r.errors = append(r.errors, Error{File: r.file, Line: r.lines[key], Text: key + ": " + fmt.Sprintf(format, args...)})
}

func (r *reader) table(prefix string, tree map[string]any) {
	for name, value := range tree {
		full := prefix + name
		if k := find(full); k != nil {
			r.set(k, value)
			continue
		}
		inner, isTable := value.(map[string]any)
		if isTable && slices.Contains(names(), full) {
			r.table(full+".", inner)
			continue
		}
		r.unknown(full)
	}
}

func (r *reader) unknown(full string) {
	if near := Nearest(full, names()); near != "" {
		r.fail(full, "no such key; did you mean %s?", near)
		return
	}
	r.fail(full, "no such key; postward config example shows them all")
}

func find(name string) *key {
	all := keys()
	if i := slices.IndexFunc(all, func(k key) bool { return k.name == name }); i >= 0 {
		return &all[i]
	}
	return nil
}

func (r *reader) set(k *key, value any) {
	at := k.at(r.config)
	if err := assign(at, value); err != nil {
		r.fail(k.name, "%v", err)
		return
	}
	if k.check != nil {
		if err := k.check(at); err != nil {
			r.fail(k.name, "%v", err)
		}
	}
}

// maxList bounds every list.
const maxList = 10_000

// assign puts a TOML value where a key keeps it.
func assign(at, value any) error {
	switch at := at.(type) {
	case *string:
		return text(value, at)
	case *guard.Mode:
		return text(value, (*string)(at))
	case *bool:
		b, ok := value.(bool)
		if !ok {
			return fmt.Errorf("%s where true or false belongs", kind(value))
		}
		*at = b
	case *int:
		n, ok := value.(int64)
		if !ok || int64(int(n)) != n {
			return fmt.Errorf("%s where a whole number belongs", kind(value))
		}
		*at = int(n)
	case *guard.Points:
		switch n := value.(type) {
		case int64:
			*at = guard.Points(min(max(n, -1e5), 1e5)) * guard.Point
		case float64:
			*at = guard.Points(math.Round(min(max(n, -1e5), 1e5) * float64(guard.Point)))
		default:
			return fmt.Errorf("%s where a number like 7 or 6.5 belongs", kind(value))
		}
	case *time.Duration:
		s, ok := value.(string)
		if !ok {
			return fmt.Errorf("%s where a time like \"90s\", \"2m\" or \"45d\" belongs", kind(value))
		}
		d, err := duration(s)
		if err != nil {
			return err
		}
		*at = d
	case *[]string:
		return list(value, at, func(s string) (string, error) { return s, nil })
	case *[]netip.Prefix:
		return list(value, at, prefix)
	default:
		return fmt.Errorf("a key of type %T cannot be set", at)
	}
	return nil
}

func text(value any, at *string) error {
	s, ok := value.(string)
	if !ok {
		return fmt.Errorf("%s where a text in quotes belongs", kind(value))
	}
	*at = s
	return nil
}

func list[T comparable](value any, at *[]T, read func(string) (T, error)) error {
	all, ok := value.([]any)
	if !ok {
		return fmt.Errorf("%s where a list like [\"a\", \"b\"] belongs", kind(value))
	}
	if len(all) > maxList {
		return fmt.Errorf("%d entries are more than %d", len(all), maxList)
	}
	out := make([]T, 0, len(all))
	for _, v := range all {
		s, ok := v.(string)
		if !ok {
			return fmt.Errorf("%s in a list of texts in quotes", kind(v))
		}
		t, err := read(s)
		if err != nil {
			return err
		}
		out = append(out, t)
	}
	*at = out
	return nil
}

func kind(v any) string {
	switch v.(type) {
	case string:
		return "a text"
	case int64, float64:
		return "a number"
	case bool:
		return "true or false"
	case []any, []map[string]any:
		return "a list"
	case map[string]any:
		return "a table"
	}
	return "a date"
}

// duration reads Go's form ("1h30m") and whole days ("45d").
func duration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= 36500 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%q is no time like \"90s\", \"2m\" or \"45d\"", s)
	}
	return d, nil
}

// short writes a time as it would be typed.
func short(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= 2*day && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	s := d.String()
	if d%time.Minute == 0 && d >= time.Minute {
		s = strings.TrimSuffix(s, "0s")
	}
	if d%time.Hour == 0 && d >= time.Hour {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// show writes a value as TOML.
func show(at any) string {
	switch at := at.(type) {
	case *string:
		return strconv.Quote(*at)
	case *guard.Mode:
		return strconv.Quote(string(*at))
	case *bool:
		return strconv.FormatBool(*at)
	case *int:
		return strconv.Itoa(*at)
	case *guard.Points:
		return at.String()
	case *time.Duration:
		return strconv.Quote(short(*at))
	case *[]string:
		return showList(*at, func(s string) string { return s })
	case *[]netip.Prefix:
		return showList(*at, netip.Prefix.String)
	}
	return ""
}

func showList[T any](all []T, text func(T) string) string {
	quoted := make([]string, len(all))
	for i, v := range all {
		quoted[i] = strconv.Quote(text(v))
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}

// linesOf finds the line of each key and table, for error messages. It knows the layout that people write; a key
// that it does not find has no line.
func linesOf(text string) map[string]int {
	found := map[string]int{}
	table := ""
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if name, ok := strings.CutPrefix(line, "["); ok && !strings.Contains(line, "=") {
			name, _, _ = strings.Cut(name, "]")
			table = strings.TrimSpace(strings.TrimPrefix(name, "["))
			note(found, table, n)
			table += "."
			continue
		}
		if name, _, ok := strings.Cut(line, "="); ok && !strings.HasPrefix(line, "#") {
			note(found, table+strings.Trim(strings.TrimSpace(name), `"'`), n)
		}
	}
	return found
}

func note(found map[string]int, name string, line int) {
	if _, known := found[name]; !known {
		found[name] = line
	}
}

// Nearest returns what somebody may have meant who wrote name; empty if nothing is like it.
func Nearest(name string, of []string) string {
	best, least := "", len(name)/2+1
	for _, n := range of {
		if d := distance(name, n); d < least {
			best, least = n, d
		}
	}
	return best
}

// distance is Levenshtein's. Names from a file may be long, ours are not: more than 64 octets are like nothing.
func distance(a, b string) int {
	if len(a) > 64 {
		return len(a)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

func readFull(r io.Reader, b []byte) (int, error) {
	n, err := io.ReadFull(r, b)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		err = nil
	}
	return n, err
}
