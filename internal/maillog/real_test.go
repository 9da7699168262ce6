package maillog

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const data = "../../../shared/data"

// realLines are the log lines of others' test data, when it is present.
func realLines(t *testing.T) []string {
	t.Helper()
	if _, err := os.Stat(data); err != nil {
		t.Skip("no real logs beside the repository")
	}
	var lines []string
	for _, pattern := range []string{"logs-lightmeter/*.log", "logs-small/test/*.log", "logs-small/testdata/*.log",
		"logs-incident-excerpts/*.log", "logs-hids/*/*/*", "logs-hids/*/*/*/*", "logs-crowdsec-hub/tests/*/*.log"} {
		paths, err := filepath.Glob(filepath.Join(data, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			b, err := os.ReadFile(path)
			if err != nil {
				continue // a directory
			}
			lines = append(lines, strings.Split(string(b), "\n")...)
		}
	}
	return append(lines, grokLines(t)...)
}

// grokLines puts a header before the sentences of the grok patterns' tests: their file is named after the program.
func grokLines(t *testing.T) []string {
	t.Helper()
	paths, _ := filepath.Glob(filepath.Join(data, "logs-postfix-grok/test/*.yaml"))
	if len(paths) < 50 {
		t.Fatalf("only %d grok tests", len(paths))
	}
	sentence := regexp.MustCompile(`(?m)^data: "?(.*?)"?$`)
	var lines []string
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		program := regexp.MustCompile(`_?\d+\.yaml$`).ReplaceAllString(filepath.Base(path), "")
		program = strings.Replace(program, "tls_features", "smtp", 1)
		if m := sentence.FindSubmatch(b); m != nil {
			lines = append(lines, "Nov 23 17:29:01 mx postfix/"+program+"[1]: "+string(m[1]))
		}
	}
	return lines
}

// realID leaves out the ids that their authors made up.
const realID = `([0-9A-F]{6,}|[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10}z[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-y]+)`

// sentences finds by regular expression what the grammar must find too: a second, slower reader of the same lines.
var sentences = map[Kind]*regexp.Regexp{
	Removed:      regexp.MustCompile(`/n?qmgr\[\d+\]: ` + realID + `: removed$`),
	Deleted:      regexp.MustCompile(`/postsuper\[\d+\]: ` + realID + `: removed$`),
	Active:       regexp.MustCompile(`/n?qmgr\[\d+\]: ` + realID + `: from=<.*>, size=\d+, nrcpt=\d+ \(queue active\)$`),
	Delivery:     regexp.MustCompile(`\]: ` + realID + `: to=<.*>,.* relay=.*, status=`),
	PickedUp:     regexp.MustCompile(`/pickup\[\d+\]: ` + realID + `: uid=`),
	Client:       regexp.MustCompile(`/smtpd\[\d+\]: ` + realID + `: client=`),
	Connect:      regexp.MustCompile(`/smtpd\[\d+\]: connect from `),
	Disconnect:   regexp.MustCompile(`/smtpd\[\d+\]: disconnect from `),
	MessageID:    regexp.MustCompile(`/cleanup\[\d+\]: ` + realID + `: message-id=`),
	MilterReject: regexp.MustCompile(`/(smtpd|cleanup)\[\d+\]: ` + realID + `: milter-reject: `),
	Notice:       regexp.MustCompile(`/bounce\[\d+\]: ` + realID + `: \w+ .*notification: `),
	Expired:      regexp.MustCompile(`/n?qmgr\[\d+\]: .*status=expired`),
}

var stamped = regexp.MustCompile(`^([A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:?\d\d)) \S+ \S*postfix\S*/[\w-]+\[\d+\]: `)

func TestRealLinesAreReadWithoutSurprise(t *testing.T) {
	seen := map[Kind]int{}
	var l Line
	for _, line := range realLines(t) {
		line = strings.TrimRight(line, " \r") // edited by hand
		understood := Parse([]byte(line), &l)
		if stamped.MatchString(line) && (!understood || l.Kind == Doubtful) {
			t.Errorf("%v: %s", l.Kind, line)
		}
		if !understood {
			continue
		}
		seen[l.Kind]++
		for kind, sentence := range sentences {
			if sentence.MatchString(line) != (l.Kind == kind) {
				t.Errorf("%v, by regular expression it is or is not %v: %s", l.Kind, kind, line)
			}
		}
	}
	t.Logf("%v", seen)
	for kind := range sentences {
		if seen[kind] == 0 {
			t.Errorf("no real line of kind %v was read", kind)
		}
	}
}
