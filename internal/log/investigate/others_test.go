package investigate

import (
	"bytes"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"postward/internal/guard/guess"
	"postward/internal/log/logins"
	"postward/internal/log/maillog"
)

// Logs that others keep for their own detectors, with what these say of them: a second opinion, which the chain of grammar,
// joiner and watch is held against. Where the two differ the reason stands here.

// othersData is the directory with logs of others; these tests need it.
func othersData(t *testing.T, folder string) string {
	t.Helper()
	dir := os.Getenv("POSTWARD_DATA")
	if dir == "" {
		t.Skip("POSTWARD_DATA names no directory with logs of others")
	}
	return filepath.Join(dir, folder)
}

// opinion is what was made of a log: how often each client failed, under which names, and by which rule it was banned first.
type opinion struct {
	failed map[string]int
	names  map[string][]string // in the order of the log
	banned map[string]guess.Reason
	tries  []logins.Attempt
	seen   map[netip.Addr]bool // whoever anything was told of
}

// heard is our opinion of lines; somebody has the names in people.
func heard(lines []string, people ...string) opinion {
	o := opinion{map[string]int{}, map[string][]string{}, map[string]guess.Reason{}, nil, map[netip.Addr]bool{}}
	joiner, watch, last, l := logins.New(), guess.New(), time.Time{}, maillog.Line{}
	for _, name := range people {
		watch.Take(guess.Attempt{Kind: guess.Delivered, Account: name, At: time.Unix(0, 0)})
	}
	for _, text := range lines {
		if maillog.Parse([]byte(text), &l); l.Kind.Understood() && l.Kind != maillog.Repeats {
			last = l.Stamp.Next(last, monday)
		}
		a := joiner.Line([]byte(text), &l, last)
		if x, ok := a.Guess(); ok {
			o.seen[x.Client] = true
			o.note(&a, watch.Take(x))
		}
	}
	return o
}

func (o *opinion) note(a *logins.Attempt, found []guess.Finding) {
	if a.Kind == logins.Failed {
		client := a.Client.String()
		o.failed[client] += a.Times
		o.names[client] = append(o.names[client], a.Account)
		o.tries = append(o.tries, *a)
	}
	for _, f := range found {
		if f.Ban != nil && o.banned[f.Ban.Prefix.Addr().String()] == "" {
			o.banned[f.Ban.Prefix.Addr().String()] = f.Ban.Reason
		}
	}
}

func linesOf(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(bytes.TrimRight(text, "\n")), "\n")
}

// hubOpinion is CrowdSec's: what its parser calls a failed login, by address, and whom its scenarios stop.
type hubOpinion struct {
	failed  map[string]int
	stopped map[string]bool
	parsed  bool // it says what its parser made of the lines
}

var (
	hubMeta   = regexp.MustCompile(`(?m)^results\["s01-parse"\]\["crowdsecurity/dovecot-logs"\]\[(\d+)\]\.Evt\.Meta\["(source_ip|dovecot_login_result)"\] == "(.*)"$`)
	hubSource = regexp.MustCompile(`Sources\["([0-9a-f.:]+)"\]|(?m)^"([0-9a-f.:]+)" in results|GetMeta\("source_ip"\) == "([0-9a-f.:]+)"`)
)

func hub(t *testing.T, dir string) hubOpinion {
	t.Helper()
	h := hubOpinion{map[string]int{}, map[string]bool{}, false}
	meta := map[string]map[string]string{}
	parser, _ := os.ReadFile(filepath.Join(dir, "parser.assert"))
	for _, m := range hubMeta.FindAllStringSubmatch(string(parser), -1) {
		if meta[m[1]] == nil {
			meta[m[1]] = map[string]string{}
		}
		meta[m[1]][m[2]] = m[3]
		h.parsed = true
	}
	for _, event := range meta {
		if event["dovecot_login_result"] == "auth_failed" {
			h.failed[event["source_ip"]]++
		}
	}
	scenario, _ := os.ReadFile(filepath.Join(dir, "scenario.assert"))
	for _, m := range hubSource.FindAllStringSubmatch(string(scenario), -1) {
		h.stopped[m[1]+m[2]+m[3]] = true
	}
	return h
}

// Where we count otherwise than CrowdSec's parser, which counts lines: "folder address" → our count less theirs, and why.
var countedOtherwise = map[string]struct {
	more int
	why  string
}{
	"dovecot-logs 172.17.0.1": {2, "two of its sessions say that they had 2 attempts"},
	"dovecot-logs 1.1.1.1":    {-1, "the end of a session two seconds before what PAM refused: one login, told by both"},
}

// Whom we ban and its scenarios do not stop.
var bannedBesides = map[string]string{
	"dovecot-logs 192.168.1.1": "no scenario is asked in this folder; it tried testing@, which every guesser brings along",
}

// Whom its scenarios stop and we do not ban.
var notBanned = map[string]string{
	"dovecot-spam 172.17.0.1": "Docker's bridge, and nobody is known to log in from elsewhere: whoever guesses may come by it, and so may everybody else",
	"dovecot-spam 1.1.1.1":    "four lines tell of two logins of one person: a name that nobody has may be tried five times an hour",
}

// TestTheHubsOpinionOfDovecotsLogs: every failed login that CrowdSec's hub hears is heard, whom its scenarios stop we ban, and nobody
// else, but for what stands in the tables above.
func TestTheHubsOpinionOfDovecotsLogs(t *testing.T) {
	dirs, _ := filepath.Glob(filepath.Join(othersData(t, "logs-crowdsec-hub"), "tests", "dovecot-*"))
	if len(dirs) < 7 {
		t.Fatalf("only %d folders about Dovecot", len(dirs))
	}
	met := map[string]bool{}
	for _, dir := range dirs {
		name := filepath.Base(dir)
		theirs, ours := hub(t, dir), heard(linesOf(t, filepath.Join(dir, name+".log")))
		if theirs.parsed {
			for _, client := range either(theirs.failed, ours.failed) {
				key, more := name+" "+client, ours.failed[client]-theirs.failed[client]
				met[key] = met[key] || more != 0
				if more != countedOtherwise[key].more {
					t.Errorf("%s: we count %d failed logins %q, the hub %d", key, ours.failed[client], ours.names[client], theirs.failed[client])
				}
			}
		}
		for _, client := range either(theirs.stopped, ours.banned) {
			key := name + " " + client
			met[key] = met[key] || theirs.stopped[client] != (ours.banned[client] != "")
			switch {
			case ours.failed[client] == 0:
				t.Errorf("%s: no failed login was heard", key)
			case theirs.stopped[client] && ours.banned[client] == "" && notBanned[key] == "":
				t.Errorf("%s: is not banned after %d failed logins %q", key, ours.failed[client], ours.names[client])
			case !theirs.stopped[client] && bannedBesides[key] == "":
				t.Errorf("%s: is banned by the rule of %s, and in no assert", key, ours.banned[client])
			}
		}
		ours.isAsDocumented(t, name)
	}
	for _, key := range slices.Concat(slices.Collect(maps.Keys(countedOtherwise)), slices.Collect(maps.Keys(bannedBesides)), slices.Collect(maps.Keys(notBanned))) {
		if !met[key] {
			t.Errorf("%s: the difference that is explained is none any more", key)
		}
	}
}

func either[A, B any](a map[string]A, b map[string]B) []string {
	all := slices.Concat(slices.Collect(maps.Keys(a)), slices.Collect(maps.Keys(b)))
	slices.Sort(all)
	return slices.Compact(all)
}

// bridge is Docker's, in two of the hub's logs.
const bridge = "172.17.0.1"

// isAsDocumented holds who is banned against docs/guessing.md, for names that nobody has: one that every guesser brings along once,
// three people in a day or four in a week, one person six times in an hour, ten in a day, sixteen in a week.
func (o *opinion) isAsDocumented(t *testing.T, log string) {
	t.Helper()
	for client := range o.failed {
		if client == bridge {
			continue
		}
		if due := o.due(client); due != (o.banned[client] != "") {
			t.Errorf("%s %s: by docs/guessing.md to be banned: %t; banned: %q", log, client, due, o.banned[client])
		}
	}
}

// brought are those of docs/guessing.md's names that every guesser brings along that these logs have.
var brought = []string{"admin", "test", "testing", "user", "user1"}

func (o *opinion) due(client string) bool {
	for _, last := range o.tries {
		if last.Client.String() != client {
			continue
		}
		hour, day, week := map[string]int{}, map[string]int{}, map[string]int{}
		person, _, _ := strings.Cut(last.Account, "@")
		for _, a := range o.tries {
			age := last.At.Sub(a.At)
			if a.Client != last.Client || age < 0 {
				continue
			}
			name, _, _ := strings.Cut(a.Account, "@")
			for window, n := range map[time.Duration]map[string]int{time.Hour: hour, 24 * time.Hour: day, 7 * 24 * time.Hour: week} {
				if age < window {
					n[name] += a.Times
				}
			}
		}
		if slices.Contains(brought, person) || len(day) >= 3 || len(week) >= 4 || hour[person] >= 6 || day[person] >= 10 || week[person] >= 16 {
			return true
		}
	}
	return false
}

// notOurs are the hub's logs of other software, whose lines are nobody's failed logins for us.
var notOurs = map[string]string{
	"exchange-smtp-bf": "Exchange's", "exchange-smtp-logs": "Exchange's", "exim-bf": "Exim's", "exim-logs": "Exim's", "exim-spam": "Exim's", "exim-syslog-logs": "Exim's",
	"mailcow-f2b-bans": "a ban list of mailcow's own watcher, which reads the lines of Postfix and Dovecot that we read", "mailcow-f2b-feed": "the same",
	"mailscanner-blacklisted": "MailScanner's word on mail, not on logins", "mailscanner-highscore-spam": "the same", "mailscanner-logs": "the same",
	"mailu-admin-bf": "a web application's", "mailu-admin-logs": "a web application's", "nginx-mail-bf": "nginx', a proxy: behind it Dovecot and Postfix tell of the logins", "nginx-mail-logs": "the same",
	"zimbra-bf": "Zimbra's mailboxd, in Java", "zimbra-logs": "Zimbra's mailboxd, in Java",
}

func TestOtherSoftwaresLogsBanNobody(t *testing.T) {
	dirs, _ := filepath.Glob(filepath.Join(othersData(t, "logs-crowdsec-hub"), "tests", "*"))
	for _, dir := range dirs {
		name := filepath.Base(dir)
		if strings.HasPrefix(name, "dovecot-") {
			continue
		}
		if notOurs[name] == "" {
			t.Errorf("%s: nobody said whether these are lines that we read", name)
		}
		logs, _ := filepath.Glob(filepath.Join(dir, "*.log"))
		for _, path := range logs {
			if o := heard(linesOf(t, path)); len(o.failed)+len(o.banned) > 0 {
				t.Errorf("%s: %v %v", name, o.failed, o.banned)
			}
		}
	}
}

// hidsRules are the rules of OSSEC and Wazuh that are about a login that was refused; all others are about something else.
var hidsRules = map[string]bool{"9702": true, "9705": true, "9771": true}

// hidsOtherwise are the lines that we read otherwise than their rule, by a part of them.
var hidsOtherwise = map[string]string{
	"Aborted login (1 authentication attempts)": "no rule of theirs is asked for; the one attempt was refused, else it were a login",
}

var (
	hidsLog  = regexp.MustCompile(`^log \d+ (pass|fail) = (.*)$`)
	hidsRule = regexp.MustCompile(`^rule = (\d+)`)
	anyAddr  = regexp.MustCompile(`rip=([0-9a-f.:]+)|,([0-9a-f.:]+)[,)]`)
)

// TestTheRuleTestsOfOthersAgree: each line of the rule tests of OSSEC and Wazuh by itself is a failed login of the address in it, or is none.
func TestTheRuleTestsOfOthersAgree(t *testing.T) {
	dir, seen := othersData(t, "logs-hids"), 0
	for _, path := range []string{"contrib/ossec-testing/tests/dovecot.ini", "tools/rules-testing/tests/dovecot.ini", "contrib/ossec-testing/tests/postfix.ini", "tools/rules-testing/tests/postfix.ini",
		"contrib/ossec-testing/tests/opensmtpd.ini", "tools/rules-testing/tests/exim.ini"} { // the last two are of other servers
		var waiting []string // lines of a section, whose rule stands behind them
		for _, line := range linesOf(t, filepath.Join(dir, path)) {
			if m := hidsLog.FindStringSubmatch(line); m != nil {
				waiting = append(waiting, m[2])
			}
			if m := hidsRule.FindStringSubmatch(line); m != nil {
				for _, text := range waiting {
					seen++
					hidsLine(t, path, text, hidsRules[m[1]])
				}
				waiting = nil
			}
		}
	}
	if seen < 30 {
		t.Errorf("only %d lines", seen)
	}
}

func hidsLine(t *testing.T, path, text string, failed bool) {
	t.Helper()
	o, want := heard([]string{text}), 0
	for part := range hidsOtherwise {
		failed = failed != strings.Contains(text, part)
	}
	client := ""
	if m := anyAddr.FindStringSubmatch(text); m != nil && failed {
		a, _ := netip.ParseAddr(m[1] + m[2])
		client, want = a.Unmap().String(), 1
	}
	if len(o.failed) != want || want == 1 && o.failed[client] == 0 {
		t.Errorf("%s: a failed login of %q: %t; we say %v: %s", path, client, failed, o.failed, text)
	}
}

// TestQuotedIncidentsAreHeardOneByOne: logs of attacks from many addresses, one try each: each is heard, and of those that tried
// an account that somebody has nobody is banned yet.
func TestQuotedIncidentsAreHeardOneByOne(t *testing.T) {
	paths, _ := filepath.Glob(filepath.Join(othersData(t, "logs-incident-excerpts"), "*.log"))
	if len(paths) < 2 {
		t.Fatal("no incidents")
	}
	for _, path := range paths {
		lines := linesOf(t, path)
		o := heard(lines, "user1")
		if len(o.failed) != len(lines) || len(o.banned) != 0 {
			t.Errorf("%s: %d addresses of %d lines, banned %v", path, len(o.failed), len(lines), o.banned)
		}
		for client, n := range o.failed {
			if n != 1 || !strings.Contains(strings.Join(lines, "\n"), client) {
				t.Errorf("%s: %s failed %d times", path, client, n)
			}
		}
	}
}

// second is another reader of the lines that tell of a refused login, slower and of these logs alone.
var second = regexp.MustCompile(`smtpd\[\d+\]: warning: \S+\[(\S+)\]: SASL \S+ authentication failed|disconnect from \S+\[(\S+)\] .*auth=0/|-login: .*\(auth failed.* rip=([0-9a-f.:]+),`)

// TestOrdinaryLogsOfOthersBanNobody: logs that others keep to test what they make of mail.
func TestOrdinaryLogsOfOthersBanNobody(t *testing.T) {
	heardOf := 0
	for _, folder := range []string{"logs-lightmeter", "logs-small/test", "logs-small/testdata"} {
		paths, _ := filepath.Glob(filepath.Join(othersData(t, folder), "*.log"))
		paths = append(paths, filepath.Join(othersData(t, "logs-hids"), "rules/log-entries/postfix.ini"), filepath.Join(othersData(t, "logs-hids"), "etc/rules/log-entries/mail-errors"))
		for _, path := range paths {
			lines := linesOf(t, path)
			o, theirs := heard(lines), map[string]bool{}
			for _, line := range lines {
				if m := second.FindStringSubmatch(line); m != nil {
					theirs[m[1]+m[2]+m[3]] = true
				}
			}
			if got, want := fmt.Sprint(either(o.failed, o.failed)), fmt.Sprint(either(theirs, theirs)); got != want || len(o.banned) > 0 {
				t.Errorf("%s: failed %s, want %s; banned %v", path, got, want, o.banned)
			}
			heardOf += len(o.failed)
		}
	}
	if heardOf == 0 {
		t.Error("nobody failed to log in: the test looks in the wrong place")
	}
}
