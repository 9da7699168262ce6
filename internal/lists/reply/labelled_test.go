package reply

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"hash/fnv"
	"maps"
	"net/mail"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// subjects are what a labelled bounce is about, of those labels that say it: sisimai's words, and ours. Others of its labels ("rejected",
// "filtered", "policyviolation") say how and not why.
var subjects = map[string]string{
	"blocked": "reputation", "badreputation": "reputation", "authfailure": "authentication", "requireptr": "authentication",
	"userunknown": "user", "hostunknown": "user", "hasmoved": "user", "mailboxfull": "mailbox", "suspend": "mailbox",
}

// subject is what a meaning is about, in the words of the table.
func subject(c Class) string {
	if c.Reputation() {
		return "reputation"
	}
	return string(c)
}

// spoken is how programs quote what a server said where no field has it.
var spoken = regexp.MustCompile(`(?im)(?:said: ?|said:\s+|responded with\s+|<<< |smtp; ?|^\s*|: )([45]\d\d[ -][^\n]+(?:\n[ \t]*[45]\d\d[ -][^\n]+)*)`)

// bounce is what one labelled bounce says.
type bounce struct{ file, reason, host, said string }

// labelled reads the bounces that have a label and the words of a server.
func labelled(t *testing.T) (all []bounce, without int) {
	t.Helper()
	dir := os.Getenv("POSTWARD_DATA")
	if dir == "" {
		t.Skip("POSTWARD_DATA names no directory with bounces of others")
	}
	dir = filepath.Join(dir, "bounce-sisimai")
	f, err := os.Open(filepath.Join(dir, "labels.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	in := csv.NewReader(f)
	in.Comma, in.FieldsPerRecord, in.LazyQuotes = '\t', -1, true
	rows, err := in.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		if len(row) < 4 {
			continue // an answer of a machine: nobody refused anything
		}
		data, err := os.ReadFile(filepath.Join(dir, "mail", row[0]))
		if err != nil {
			t.Fatal(err)
		}
		b := bounce{file: row[0], reason: row[3]}
		if b.host, b.said = said(data); b.said == "" {
			without++
			continue
		}
		all = append(all, b)
	}
	return all, without
}

// said are a server and its words, of the fields of a delivery status (RFC 3464), or of the text.
func said(data []byte) (host, text string) {
	data = bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))
	for i, part := range bytes.Split(data, []byte("\n\n")) {
		if i == 0 || !bytes.Contains(bytes.ToLower(part), []byte("diagnostic-code:")) {
			continue
		}
		m, err := mail.ReadMessage(bytes.NewReader(append(bytes.TrimLeft(part, "\n"), "\n\n"...)))
		if err != nil {
			continue
		}
		_, host, _ = strings.Cut(m.Header.Get("Remote-MTA"), ";")
		_, text, _ = strings.Cut(m.Header.Get("Diagnostic-Code"), ";")
		text = strings.TrimSpace(text)
		if code, _ := basic(text); code != "" || strings.HasPrefix(text, "host ") {
			return strings.TrimSpace(host), text
		}
	}
	_, body, _ := bytes.Cut(data, []byte("\n\n"))
	if found := spoken.FindSubmatch(body); found != nil {
		return "", string(found[1])
	}
	return "", ""
}

// half is in which half of the bounces one lies: patterns are made by the first alone.
func half(file string) int {
	h := fnv.New32a()
	h.Write([]byte(file))
	return int(h.Sum32() % 2)
}

// TestLabelledBouncesAreReadRight: of what concerns reputation and authentication 95 of 100, and no unknown user or full mailbox is
// taken for a poor reputation. Patterns were made by one half (made); the other (unseen) says how good they are.
func TestLabelledBouncesAreReadRight(t *testing.T) {
	all, without := labelled(t)
	s := load(t)
	for i, name := range []string{"made", "unseen"} {
		table, right, of := map[string]int{}, 0, 0
		for _, b := range all {
			want := subjects[b.reason]
			if half(b.file) != i || want == "" {
				continue
			}
			m := s.Read(Parse([]byte(b.said), b.host))
			got := subject(m.Class)
			table[want+" as "+got]++
			about := want == "reputation" || want == "authentication"
			if about {
				of++
			}
			if about && got == want {
				right++
			} else if about && i == 0 {
				t.Logf("%s %s is %s (%s): %.200s", b.file, b.reason, got, m.Pattern, b.said)
			}
			if !about && got == "reputation" {
				t.Errorf("%s %s is %s (%s): %.200s", b.file, b.reason, got, m.Pattern, b.said)
			}
		}
		t.Logf("%s:\n  %s", name, strings.Join(counted(table), "\n  "))
		t.Logf("%s: %d of %d about reputation and authentication are read right", name, right, of)
		if i == 0 && right*100 < 95*of {
			t.Errorf("%s: %d of %d is less than 95 of 100", name, right, of)
		}
	}
	t.Logf("%d bounces with the words of a server, %d without", len(all), without)
}

func counted(table map[string]int) (lines []string) {
	for _, key := range slices.Sorted(maps.Keys(table)) {
		lines = append(lines, fmt.Sprintf("%-36s %d", key, table[key]))
	}
	return lines
}
