package maillog

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// realFolder is a folder of logs that others wrote, and how many of the lines of programs that we claim are at most
// not understood, each for a reason that stands beside it.
type realFolder struct {
	name string
	not  int // lines that are not understood
}

var realFolders = []realFolder{
	{"logs-lightmeter", 0},
	{"logs-small", 17}, // about mails whose queue IDs no Postfix makes (KLMNO11111)
	{"logs-incident-excerpts", 0},
	{"logs-hids", 2}, // a login to which the author of a rule appended "Authentication Failure:"
	{"logs-crowdsec-hub", 0},
	{"logs-postfix-grok", 1}, // a delivery whose author took the brackets off the addresses
}

// realData is the directory with logs of others; these tests need it.
func realData(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("POSTWARD_DATA")
	if dir == "" {
		t.Skip("POSTWARD_DATA names no directory with logs of others")
	}
	return dir
}

// realLines are the log lines of one folder. What is no log line is left out by its missing stamp.
func realLines(t *testing.T, folder string) []string {
	t.Helper()
	dir := filepath.Join(realData(t), folder)
	if folder == "logs-postfix-grok" {
		return grokLines(t, dir)
	}
	var lines []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, ".assert") || strings.HasSuffix(path, ".yaml") {
			return err
		}
		b, err := os.ReadFile(path)
		for _, line := range strings.Split(string(b), "\n") {
			line = strings.TrimRight(line, " \r") // edited by hand
			lines = append(lines, framed.ReplaceAllString(line, ""))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// framed is what rule tests write before a log line.
var framed = regexp.MustCompile(`^log \d+ (pass|fail) = `)

// grokLines puts a header before the sentences of the grok patterns' tests: their file is named after the program.
func grokLines(t *testing.T, dir string) []string {
	t.Helper()
	paths, _ := filepath.Glob(filepath.Join(dir, "test/*.yaml"))
	if len(paths) < 50 {
		t.Fatalf("only %d grok tests", len(paths))
	}
	var lines []string
	for _, path := range paths {
		if line := grokLine(t, path); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

var grokSentence = regexp.MustCompile(`(?m)^data: "?(.*?)"?$`)

// grokLine is the line of one test; empty for those that test a part of a line.
func grokLine(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	program := regexp.MustCompile(`_?\d+\.yaml$`).ReplaceAllString(filepath.Base(path), "")
	program = strings.Replace(program, "trivial_rewrite", "trivial-rewrite", 1)
	program = strings.Replace(program, "script", "postfix-script", 1)
	m := grokSentence.FindSubmatch(b)
	switch {
	case m == nil, program == "command_counter_data", program == "delays", program == "relay":
		return ""
	case program == "tls_features":
		if !strings.Contains(string(m[1]), "to=<") {
			return ""
		}
		program = "smtp"
	}
	text := strings.TrimRight(strings.ReplaceAll(string(m[1]), `\"`, `"`), " ")
	return "Nov 23 17:29:01 mx postfix/" + program + "[1]: " + text
}

// TestEveryRealLineIsUnderstood wants all lines of the programs that we claim; the shares are in the log of -v.
func TestEveryRealLineIsUnderstood(t *testing.T) {
	for _, folder := range realFolders {
		t.Run(folder.name, func(t *testing.T) {
			lines := realLines(t, folder.name)
			var l Line
			all, claimed, understood := 0, 0, 0
			for _, line := range lines {
				if !Parse([]byte(line), &l) {
					continue
				}
				all++
				if l.Kind == Unknown {
					continue
				}
				claimed++
				if l.Kind.Understood() {
					understood++
				} else {
					t.Logf("%v: %s", l.Kind, line)
				}
			}
			t.Logf("%d lines of the text, %d with a stamp and a program, %d of programs we claim, %d understood", len(lines), all, claimed, understood)
			if claimed == 0 || claimed-understood > folder.not {
				t.Errorf("%d of %d lines not understood, want at most %d", claimed-understood, claimed, folder.not)
			}
		})
	}
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
	Reject:       regexp.MustCompile(`/(smtpd|postscreen)\[\d+\]: (NOQUEUE|` + realID + `): reject: |: proxy-reject: `),
	LoginFailed:  regexp.MustCompile(`/smtpd\[\d+\]: warning: \S+\]: SASL \w+ authentication failed`),
	Lost:         regexp.MustCompile(`/smtpd\[\d+\]: (lost connection|timeout|too many errors) after`),
	TLSUp:        regexp.MustCompile(`\]: (Anonymous|Trusted|Untrusted|Verified) TLS connection established`),
	Ruled:        regexp.MustCompile(`/cleanup\[\d+\]: ` + realID + `: (info|replace|prepend|warning): `),
}

var stamped = regexp.MustCompile(`^([A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:?\d\d)) \S+ \S*postfix\S*/[\w-]+\[\d+\]: `)

func TestRealLinesAreReadWithoutSurprise(t *testing.T) {
	seen := map[Kind]int{}
	var l Line
	for _, folder := range realFolders {
		for _, line := range realLines(t, folder.name) {
			understood := Parse([]byte(line), &l)
			if stamped.MatchString(line) && !understood {
				t.Errorf("no header: %s", line)
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
	}
	t.Logf("%v", seen)
	for kind := range sentences {
		if seen[kind] == 0 {
			t.Errorf("no real line of kind %v was read", kind)
		}
	}
}
