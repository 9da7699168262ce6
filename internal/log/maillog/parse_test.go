package maillog

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// show writes every field of a line that is set, in the order of the struct, one a line.
func show(l *Line) string {
	var b strings.Builder
	v := reflect.ValueOf(*l)
	for i := range v.NumField() {
		name := v.Type().Field(i).Name
		switch f := v.Field(i).Interface().(type) {
		case []byte:
			if f != nil && name != "Text" && name != "Host" {
				fmt.Fprintf(&b, "%s=%q\n", name, f)
			}
		case Peer:
			if f.Name != nil || f.Addr != nil {
				fmt.Fprintf(&b, "%s=%s|%s|%s\n", name, f.Name, f.Addr, f.Port)
			}
		case Kind, Status, int, int64:
			if fmt.Sprint(f) != "0" && fmt.Sprint(f) != "other" || name == "Kind" {
				fmt.Fprintf(&b, "%s=%v\n", name, f)
			}
		}
	}
	return b.String()
}

// TestCases reads testdata/NN-name.log and compares with NN-name.want: for each line its fields and a blank line.
// The forged ones (2N-forged-*.log) hold text that imitates fields.
func TestCases(t *testing.T) {
	logs, err := filepath.Glob("testdata/*.log")
	if err != nil || len(logs) < 8 {
		t.Fatalf("found %d logs, %v", len(logs), err)
	}
	for _, path := range logs {
		t.Run(filepath.Base(path), func(t *testing.T) {
			want, err := os.ReadFile(strings.TrimSuffix(path, ".log") + ".want")
			if err != nil && os.Getenv("UPDATE_WANT") == "" {
				t.Fatal(err)
			}
			var got strings.Builder
			var l Line
			for _, line := range logLines(t, path) {
				Parse([]byte(line), &l)
				got.WriteString(show(&l) + "\n")
			}
			if os.Getenv("UPDATE_WANT") != "" {
				if err := os.WriteFile(strings.TrimSuffix(path, ".log")+".want", []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			compare(t, path, strings.Split(got.String(), "\n\n"), strings.Split(string(want), "\n\n"))
		})
	}
}

func compare(t *testing.T, path string, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d lines, want %d", len(got), len(want))
	}
	lines := logLines(t, path)
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("line %d: %s\ngot:\n%s\nwant:\n%s", i+1, lines[i], got[i], want[i])
		}
	}
}

// logLines leaves out comments, which no log has.
func logLines(t *testing.T, path string) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, line := range strings.Split(strings.TrimSuffix(string(b), "\n"), "\n") {
		if !strings.HasPrefix(line, "# ") {
			lines = append(lines, line)
		}
	}
	return lines
}

func TestALineWithoutAHeaderIsNotOurs(t *testing.T) {
	for _, line := range []string{
		"", " ", "hello", "Nov 23 17:29:01", "Nov 23 17:29:01 ", "Nov 23 17:29:01 mx", "Nov 23 17:29:01 mx postfix/smtpd",
		"Nov 31 17:29:01 mx postfix/qmgr[1]: ABCDEF1: removed", "Nov 2A 17:29:01 mx postfix/qmgr[1]: ABCDEF1: removed",
		"Nov  A 17:29:01 mx postfix/qmgr[1]: ABCDEF1: removed", "Foo 23 17:29:01 mx postfix/qmgr[1]: ABCDEF1: removed",
		"Nov 23 24:29:01 mx postfix/qmgr[1]: ABCDEF1: removed", "2024-11-31T17:29:01 mx postfix/qmgr[1]: ABCDEF1: removed",
		"2023-02-29T17:29:01Z mx postfix/qmgr[1]: ABCDEF1: removed", "2024-11-23T17:29:01.Z mx postfix/qmgr[1]: ABCDEF1: removed",
		"2024-11-23T17:29:01+25:00 mx postfix/qmgr[1]: ABCDEF1: removed", "Nov 23 17:29:01 mx GET postfix/qmgr[1]: ABCDEF1: removed",
		"Nov 23 17:29:01 two words postfix/qmgr[1]: ABCDEF1: removed", "Nov 23 17:29:01 user INFO postfix/qmgr[1]: ABCDEF1: removed",
		"11/23/2026 17:29:01 mx postfix/qmgr[1]: ABCDEF1: removed", "<22>1 2026-11-23T17:29:01Z mx postfix/qmgr 1 - [a ABCDEF1: removed",
		"x y | Nov 23 17:29:01 mx postfix/qmgr[1]: ABCDEF1: removed", "Nov 23 17:29:01 imap(x mx/postsuper[1]: ABCDEF1: removed",
		"Nov 23 17:29:01 mx postfix/qmgr[x]: ABCDEF1: removed", "Nov 23 17:29:01 mx postfix/qmgr[1] ABCDEF1: removed",
	} {
		l := Line{Kind: Removed}
		if Parse([]byte(line), &l) || l.Kind != Unknown {
			t.Errorf("%q was read as %v", line, l.Kind)
		}
	}
}

func TestParseAllocatesNothing(t *testing.T) {
	lines := corpus()
	paths, _ := filepath.Glob("testdata/*.log")
	for _, path := range paths {
		for _, line := range logLines(t, path) {
			lines = append(lines, []byte(line))
		}
	}
	for _, s := range slots {
		lines = append(lines, []byte(strings.ReplaceAll(s.line, marker, forgeries[0])))
	}
	var l Line
	for _, line := range lines {
		if allocs := testing.AllocsPerRun(10, func() { Parse(line, &l) }); allocs != 0 {
			t.Errorf("%v allocations: %s", allocs, line)
		}
	}
	t.Logf("%d lines", len(lines))
}

// TestALineCannotBeTooLong gives Parse lines of a megabyte. What is behind MaxLine is not looked at, and nothing that
// was read of such a line is believed.
func TestALineCannotBeTooLong(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for _, line := range []string{
		long, "Nov 23 17:29:01 " + long, "Nov 23 17:29:01 mx " + long,
		mx + "postfix/qmgr[1]: 4A1B2C3D4E: removed" + long,
		mx + "postfix/cleanup[1]: 4A1B2C3D4E: message-id=<" + long + ">",
		mx + "postfix/smtpd[1]: warning: a[192.0.2.1]: SASL LOGIN authentication failed: " + long,
	} {
		var l Line
		if Parse([]byte(line), &l) && (l.Kind.Understood() || len(l.Text) > MaxLine || l.MessageID != nil || l.Client.Addr != nil) {
			t.Errorf("%.60s… was read as %v", line, l.Kind)
		}
	}
	whole := mx + "postfix/cleanup[1]: 4A1B2C3D4E: message-id="
	var l Line
	if Parse([]byte(whole+long[:MaxLine-len(whole)]), &l); l.Kind != MessageID {
		t.Errorf("a line of MaxLine was read as %v", l.Kind)
	}
	if Parse([]byte(whole+long[:MaxLine-len(whole)+1]), &l); l.Kind != Doubtful {
		t.Errorf("a line longer by one was read as %v", l.Kind)
	}
}

func TestALineWithControlCharactersIsDoubtful(t *testing.T) {
	for _, c := range []string{"\x00", "\n", "\r", "\x1b[2J", "\x07", "\x1f", "\x7f"} {
		for _, line := range []string{
			"postfix/cleanup[1]: 4A1B2C3D4E: message-id=<%@example.org>", "postfix/cleanup[1]: 4A1B2C3D4E: message-id=<a@example.org>%",
			"postfix/qmgr[1]: 4A1B2C3D4E: from=<%x@example.org>, size=1, nrcpt=1 (queue active)",
			"dovecot: imap-login: Disconnected (auth failed, 7 attempts in 111 secs): user=<%>, method=PLAIN, rip=203.0.113.80, lip=192.0.2.25",
		} {
			var l Line
			if Parse([]byte(mx+strings.Replace(line, "%", c, 1)), &l); l.Kind != Doubtful || l.MessageID != nil || l.From != nil || l.Client.Addr != nil {
				t.Errorf("%q in %s: %v", c, line, l.Kind)
			}
			if Parse([]byte(mx+strings.Replace(line, "%", "\tÄ\u0080", 1)), &l); !l.Kind.Understood() {
				t.Errorf("a tab and letters in %s: %v", line, l.Kind)
			}
		}
	}
}

func TestCountsOfADisconnectAreRead(t *testing.T) {
	var l Line
	Parse([]byte(mx+"postfix/smtpd[1]: disconnect from a[192.0.2.1] ehlo=2 starttls=1 auth=0/3 mauth=7 rcpt=2/5 commands=5/9"), &l)
	for name, want := range map[string][2]int64{"ehlo": {2, 2}, "auth": {0, 3}, "rcpt": {2, 5}, "data": {0, 0}, "commands": {5, 9}, "": {0, 0}} {
		if accepted, all := l.Command(name); accepted != want[0] || all != want[1] {
			t.Errorf("%s: %d/%d, want %v", name, accepted, all, want)
		}
	}
}

func TestEveryKindHasANameAndALine(t *testing.T) {
	seen := map[Kind]bool{}
	paths, _ := filepath.Glob("testdata/*.log")
	var l Line
	for _, path := range paths {
		for _, line := range logLines(t, path) {
			Parse([]byte(line), &l)
			seen[l.Kind] = true
		}
	}
	names := map[string]bool{}
	for k := range kinds {
		if !seen[k] {
			t.Errorf("no line of kind %v in testdata", k)
		}
		if k.String() == "" || names[k.String()] {
			t.Errorf("kind %d has the name %q", k, k)
		}
		names[k.String()] = true
	}
}

func TestOnlyRealQueueIDsAreValid(t *testing.T) {
	for id, want := range map[string]bool{
		"4A1B2C3D": true, "F423F1": true, "BABABABABABABABABABAB": true,
		"4XvKjB0mN2z1Pk": true, "3b8TLC6qHVzhR": true, "4Xvz3B0mNzz1Pk": true,
		"": false, "ALL": false, "-": false, "4A1B2": false, "4a1b2c3d": false, "NOQUEUE": false,
		"4XvKjB0mN2z": false, "4XvKjB0mN2zzz": false, "4XvKjB0mN21Pk": false, "4XvKjB0mA2z1Pk": false,
		"4A1B2C3D ": false, "4A1B2C3D\n": false, "../4A1B2C": false, "4XvKjB0mN2z1234567890123": false,
		"BABABABABABABABABABABA": false,
	} {
		if ValidQueueID([]byte(id)) != want {
			t.Errorf("%q: want %v", id, want)
		}
	}
}

// TestAReplyIsDoubtedOnlyForAWholeSentence: a server's words cannot make a delivery vanish by a part of it.
func TestAReplyIsDoubtedOnlyForAWholeSentence(t *testing.T) {
	const before = mx + "postfix/smtp[1]: 4A1B2C3D4E: to=<b@example.com>, relay=mx.example.com[192.0.2.2]:25, delay=1.5, delays=0.1/0/1/0.4, dsn=2.0.0, status=sent ("
	for reply, kind := range map[string]Kind{
		"250 ok>, relay=x": Delivery,
		"250 ok>, relay=x[192.0.2.3]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent":                 Delivery,
		"250 >, relay=none>, relay=x, delay=1, dsn=2.0.0":                                                 Delivery,
		"250 ok>, relay=x[192.0.2.3]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok":         Doubtful,
		"250 >, relay=no, >, relay=x[192.0.2.3]:25, delay=1, dsn=2.0.0, status=deferred (x":               Doubtful,
		"250 ok>, orig_to=<y>, relay=x, delay=1, delays=0/0/0/1, tls=may, dsn=2.0.0, status=sent (250 ok": Doubtful,
	} {
		var l Line
		if Parse([]byte(before+reply+")"), &l); l.Kind != kind {
			t.Errorf("%q: %v", reply, l.Kind)
		}
	}
}
