package maillog

import (
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// recording is a log that test/versions/record.sh wrote: one release's daemons, one form.
type recording struct {
	release, form    string
	postfix, dovecot string
	lines            []string
}

// forms are the files of a release, as the page docs/logs.md names them.
var forms = []struct{ file, name string }{
	{"rfc3164", "syslog, RFC 3164"}, {"rfc3339", "syslog, RFC 3339"}, {"rfc5424", "syslog, RFC 5424"}, {"rfc5424-cut", cutForm}, {"maillog_file", "maillog_file"},
	{"dovecot-verbose", "Dovecot's file, all verbose"}, {"dovecot-default", "Dovecot's file, default stamp"}, {"dovecot-iso", "`%Y-%m-%d %H:%M:%S`"},
	{"dovecot-rfc3339", "`%Y-%m-%dT%H:%M:%S%z`"}, {"dovecot-zone", "`%F %T %Z`"}, {"dovecot-ctime", "`%a %b %e %H:%M:%S %Y`"}, {"dovecot-epoch", "`%s`"},
}

// releases are those that Debian's mirrors served when they were recorded.
var releases = []string{"bullseye", "bookworm", "trixie", "sid"}

func recordings(t *testing.T) []recording {
	t.Helper()
	var all []recording
	for _, release := range releases {
		for _, form := range forms {
			path := filepath.Join("testdata", "versions", release, form.file+".log.gz")
			if _, err := os.Stat(path); os.IsNotExist(err) {
				continue // not every release was recorded in every form: the table has none either
			}
			text := unpacked(t, path)
			r := recording{release: release, form: form.name}
			head, rest, _ := strings.Cut(text, "\n")
			if _, err := fmt.Sscanf(head, "# Postfix %s Dovecot %s", &r.postfix, &r.dovecot); err != nil {
				t.Fatalf("%s/%s: %q: %v", release, form.file, head, err)
			}
			r.postfix = strings.TrimSuffix(r.postfix, ",")
			r.lines = strings.Split(strings.TrimSuffix(rest, "\n"), "\n")
			all = append(all, r)
		}
	}
	return all
}

func unpacked(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := gzip.NewReader(f)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return string(text)
}

// cutForm is the form in which a syslog daemon ends a program's name at its slash: RFC 5424's APP-NAME is "postfix" for all of them, and
// "removed" may be qmgr's or postsuper's. Such a log is said to be one that is not read.
const cutForm = "syslog, RFC 5424 without the program"

// told counts the lines of a recording by what is known of them.
func (r *recording) told() (understood, others int, not []string) {
	var l Line
	for _, line := range r.lines {
		header := Parse([]byte(line), &l)
		_, strange := Strange([]byte(line), &l)
		switch {
		case l.Kind.Understood():
			understood++
		case header && !strange && l.Kind == Unknown:
			others++
		default:
			not = append(not, fmt.Sprintf("%v: %s", l.Kind, line))
		}
	}
	return understood, others, not
}

// TestEveryRecordedLineIsUnderstood: no line that a real daemon wrote is lost, in no form, of no version.
func TestEveryRecordedLineIsUnderstood(t *testing.T) {
	for _, r := range recordings(t) {
		_, _, not := r.told()
		for _, line := range not {
			if r.form != cutForm || !strings.Contains(line, " mx postfix ") {
				t.Errorf("%s, %s: %s", r.release, r.form, line)
			}
		}
	}
}

// TestTheTableOfVersionsIsTrue holds the page to the recordings.
func TestTheTableOfVersionsIsTrue(t *testing.T) {
	const page, begin, end = "../../../docs/logs.md", "<!-- versions -->\n", "<!-- end of versions -->\n"
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	table, after, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no place for the table", page)
	}
	want := versionsTable(recordings(t))
	if table == want {
		return
	}
	if os.Getenv("UPDATE_WANT") == "" {
		t.Fatalf("%s is not what the recordings say (UPDATE_WANT=1 writes it): want\n%s", page, want)
	}
	if err := os.WriteFile(page, []byte(before+begin+want+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

func versionsTable(all []recording) string {
	var b strings.Builder
	b.WriteString("| Debian | Postfix | Dovecot | form | lines | understood | passed over | not understood |\n|---|---|---|---|--:|--:|--:|--:|\n")
	for _, r := range all {
		understood, others, not := r.told()
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %d | %d | %d | %d |\n", r.release, r.postfix, r.dovecot, r.form, len(r.lines), understood, others, len(not))
	}
	return b.String()
}

// TestNoRecordedPasswordIsShown: Dovecot says passwords when it is asked to, also as base64. They stand in a line's text and in
// nothing that is read of it or shown of it.
func TestNoRecordedPasswordIsShown(t *testing.T) {
	const password = "Zwetschge" // as test/versions has it
	said := 0
	var l Line
	for _, r := range recordings(t) {
		for _, line := range r.lines {
			if !saysPassword(line, password) {
				continue
			}
			said++
			Parse([]byte(line), &l)
			header, _ := Strange([]byte(line), &l)
			shown := append(fieldsOf(&l), string(l.Example(1000)), string(header))
			for _, field := range shown {
				if saysPassword(field, password) {
					t.Errorf("%s, %s: shown as %q: %s", r.release, r.form, field, line)
				}
			}
		}
	}
	if said < 20 {
		t.Errorf("only %d lines have a password: the recordings test nothing", said)
	}
	t.Logf("%d lines with a password", said)
}

// saysPassword looks for a password, also where its base64 begins at any of three octets.
func saysPassword(text, password string) bool {
	for skip := range 3 {
		coded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", skip) + password))
		if strings.Contains(text, coded[skip+1:len(coded)-1]) {
			return true
		}
	}
	return strings.Contains(text, password)
}

// fieldsOf are the fields of a line, but for Text.
func fieldsOf(l *Line) []string {
	var all []string
	v := reflect.ValueOf(*l)
	for i := range v.NumField() {
		switch f := v.Field(i).Interface().(type) {
		case []byte:
			if v.Type().Field(i).Name != "Text" {
				all = append(all, string(f))
			}
		case Peer:
			all = append(all, string(f.Name), string(f.Addr), string(f.Port))
		}
	}
	return all
}
