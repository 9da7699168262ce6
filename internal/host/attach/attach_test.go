package attach

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"postward/internal/host/postfix"
)

var update = flag.Bool("update", false, "write testdata/*/plan.want anew")

var testSockets = Sockets{
	Inbound:    "unix:/var/spool/postfix/postward/inbound.sock",
	Submission: "unix:/var/spool/postfix/postward/submission.sock",
	Local:      "unix:/var/spool/postfix/postward/local.sock",
	Answer:     10 * time.Second,
}

// defaults are Postfix 3.7's, for the parameters that attach asks for.
var defaults = map[string]string{
	"mail_version": "3.7.11", "queue_directory": "/var/spool/postfix", "smtpd_sasl_auth_enable": "no",
	"milter_mail_macros":        "i {auth_type} {auth_authen} {auth_author} {mail_addr} {mail_host} {mail_mailer}",
	"milter_end_of_data_macros": "i", "milter_protocol": "6", "inet_interfaces": "all", "smtpd_tls_wrappermode": "no",
}

// testValues evaluates parameters as postconf -x does, as far as the test data goes. The daemons test holds it
// against postconf itself.
func testValues(main []byte) values {
	return func(overrides []setting, names ...string) (map[string]string, error) {
		all := map[string]string{}
		for k, v := range defaults {
			all[k] = v
		}
		for _, s := range append(parameters(main), overrides...) {
			all[s.name] = s.value
		}
		got := map[string]string{}
		for _, name := range names {
			budget := 100
			got[name] = strings.Join(strings.Fields(expand(all, all[name], &budget)), " ") // as postconf(1) shows it
		}
		return got, nil
	}
}

var nameRef = regexp.MustCompile(`\$(?:\{(\w+)\}|\((\w+)\)|(\w+))`)

// expand replaces $names; at most budget of them, for the fuzzer's sake.
func expand(all map[string]string, value string, budget *int) string {
	return nameRef.ReplaceAllStringFunc(value, func(ref string) string {
		if *budget--; *budget < 0 {
			return ""
		}
		return expand(all, all[strings.Trim(ref, "${}()")], budget)
	})
}

// caseHost reads a case of testdata without Postfix.
func caseHost(t testing.TB, dir string) *Host {
	t.Helper()
	main, err := postfix.ReadFile(filepath.Join(dir, mainCF))
	if err != nil {
		t.Fatal(err)
	}
	master, err := postfix.ReadFile(filepath.Join(dir, masterCF))
	if err != nil {
		t.Fatal(err)
	}
	h, err := inspect("/etc/postfix", main, master, testValues(main))
	if err != nil {
		t.Fatal(err)
	}
	if q := h.QueueDir; q != "/var/spool/postfix" {
		h.QueueDir = "/var/spool/postfix"
	}
	return h
}

func cases(t testing.TB) []string {
	t.Helper()
	dirs, err := filepath.Glob("testdata/[0-9]*")
	if err != nil || len(dirs) < 12 {
		t.Fatalf("%d cases in testdata, %v", len(dirs), err)
	}
	return dirs
}

func describe(h *Host, p *Plan) string {
	var b strings.Builder
	for _, s := range h.Services {
		fmt.Fprintf(&b, "service %s/%s line %d auth=%t direction=%q milters=%q\n", s.Name, s.Type, s.Line, s.Auth, s.Direction, s.Milters)
	}
	for _, line := range p.Lines() {
		fmt.Fprintf(&b, "%s\n", line)
	}
	for _, n := range p.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	for _, n := range p.Problems {
		fmt.Fprintf(&b, "problem: %s\n", n)
	}
	return b.String()
}

func TestPlanIsAsWritten(t *testing.T) {
	for _, dir := range cases(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			h := caseHost(t, dir)
			p, err := NewPlan(h, testSockets)
			if err != nil {
				t.Fatal(err)
			}
			got, file := describe(h, p), filepath.Join(dir, "plan.want")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("plan:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func TestEveryServiceGetsTheMiltersThatWereMeant(t *testing.T) {
	for _, dir := range cases(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			h := caseHost(t, dir)
			for mask := range 8 {
				p, err := NewPlan(h, someSockets(mask))
				if err != nil {
					t.Fatal(err)
				}
				if mask == 0 && len(p.Edits) > 0 {
					t.Errorf("every socket is off, but %d edits", len(p.Edits))
				}
				if mask > 0 && len(p.want) > 0 {
					if err := p.verifyMilters(p.master, testValues(p.main)); err != nil {
						t.Errorf("sockets %03b: %v", mask, err)
					}
				}
			}
		})
	}
}

// someSockets leaves out the sockets whose bit is not set.
func someSockets(mask int) Sockets {
	s := testSockets
	if mask&1 == 0 {
		s.Inbound = ""
	}
	if mask&2 == 0 {
		s.Submission = ""
	}
	if mask&4 == 0 {
		s.Local = ""
	}
	return s
}

func TestStripUndoesThePlanByteForByte(t *testing.T) {
	for _, dir := range cases(t) {
		h := caseHost(t, dir)
		for mask := 1; mask < 8; mask++ {
			p, err := NewPlan(h, someSockets(mask))
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range p.changes() {
				if mask == 7 && bytes.Equal(c.before, c.after) && c.name == mainCF {
					t.Errorf("%s: main.cf has no edit", dir)
				}
				if got := strip(c.after); !bytes.Equal(got, c.before) {
					t.Errorf("%s/%s, sockets %03b: not the same after taking off:\n%s", dir, c.name, mask, strings.Join(diff(c.before, got), "\n"))
				}
				if !bytes.Equal(c.before, c.after) && !mentions(c.after) {
					t.Errorf("%s/%s: edited, but not seen as attached", dir, c.name)
				}
			}
		}
	}
}

func TestAttachedHostGetsAnEmptyPlan(t *testing.T) {
	for _, dir := range cases(t) {
		p, err := NewPlan(caseHost(t, dir), testSockets)
		if err != nil {
			t.Fatal(err)
		}
		again, err := inspect("/etc/postfix", p.main, p.master, testValues(p.main))
		if err != nil {
			t.Fatal(err)
		}
		again.QueueDir = "/var/spool/postfix"
		q, err := NewPlan(again, testSockets)
		if err != nil {
			t.Fatal(err)
		}
		if len(q.Edits) > 0 || !again.Attached {
			t.Errorf("%s: attached=%t, %d edits for a second time", dir, again.Attached, len(q.Edits))
		}
		if len(q.uncovered(mustMilters(t, q))) > 0 {
			t.Errorf("%s: %q", dir, q.Notes)
		}
		if _, err := q.Apply(t.Context(), Options{StateDir: t.TempDir()}); !errors.Is(err, ErrAttached) {
			t.Errorf("%s: attaching twice: %v", dir, err)
		}
	}
}

func mustMilters(t *testing.T, p *Plan) map[Direction]string {
	t.Helper()
	m, err := p.milters()
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestAServiceAddedLaterIsNamed(t *testing.T) {
	p, err := NewPlan(caseHost(t, "testdata/02-submission-smtps"), testSockets)
	if err != nil {
		t.Fatal(err)
	}
	master := append(bytes.Clone(p.master), "2525 inet n - y - - smtpd\n  -o smtpd_sasl_auth_enable=yes\n"...)
	h, err := inspect("/etc/postfix", p.main, master, testValues(p.main))
	if err != nil {
		t.Fatal(err)
	}
	q, err := NewPlan(h, testSockets)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.Apply(t.Context(), Options{}); !errors.Is(err, ErrAttached) || !strings.Contains(err.Error(), "2525") {
		t.Errorf("a new door without postward is not named: %v", err)
	}
}

func TestAContentFiltersReturnIsSeen(t *testing.T) {
	for name, want := range map[string]bool{"05-amavis": true, "12-auth-global-amavis": true, "02-submission-smtps": false} {
		if got := caseHost(t, "testdata/"+name).Filtered(); got != want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestSocketOutsideTheQueueDirectoryIsRefusedWhenChrooted(t *testing.T) {
	h := caseHost(t, "testdata/02-submission-smtps")
	s := testSockets
	s.Submission = "unix:/run/postward/submission.sock"
	if _, err := NewPlan(h, s); err == nil || !strings.Contains(err.Error(), "/var/spool/postfix/postward/submission.sock") {
		t.Errorf("error %v does not name a place that works", err)
	}
	for _, bad := range []string{"/no/scheme", "unix:/a b", "unix:/a,b", "unix:/a}b", "unix:$queue_directory/x", "unix:/a\nb", "inet:0.0.0.0:9999", "inet::9999", "inet:9999"} {
		s.Submission = bad
		if _, err := NewPlan(h, s); err == nil {
			t.Errorf("%q was taken as a socket address", bad)
		}
	}
}

func TestStripKeepsWhatTheOperatorAdded(t *testing.T) {
	p, err := NewPlan(caseHost(t, "testdata/02-submission-smtps"), testSockets)
	if err != nil {
		t.Fatal(err)
	}
	// What `postconf -e` and an editor make of our lines.
	main := strings.Replace(string(p.main), "smtpd_milters = $postward_milter\n", "smtpd_milters = $postward_milter, inet:localhost:8891\n", 1)
	main = strings.Replace(main, "postward_local = { ", "postward_local =\n  { ", 1)
	main = strings.Replace(main, "biff = no", "biff = yes", 1) + "added = 1\n"
	want := strings.Replace(string(p.Host.main), "biff = no", "biff = yes", 1) + "added = 1\n"
	want = strings.Replace(want, "smtpd_sender_login_maps", "smtpd_milters =  inet:localhost:8891\nsmtpd_sender_login_maps", 1) // where the block was
	if got := string(strip([]byte(main))); got != want {
		t.Errorf("main.cf:\n%s", strings.Join(diff([]byte(want), []byte(got)), "\n"))
	}
	opt := "  -o postward_milter=$postward_submission\n"
	master := strings.Replace(string(p.master), opt, opt+"  -o added=1\n", 1)
	want = strings.Replace(string(p.Host.master), "  -o milter_macro_daemon_name=ORIGINATING\n", "  -o milter_macro_daemon_name=ORIGINATING\n  -o added=1\n", 1)
	if got := string(strip([]byte(master))); got != want {
		t.Errorf("master.cf:\n%s", strings.Join(diff([]byte(want), []byte(got)), "\n"))
	}
}

// TestLinesBehindTheFileAreNoMilters: what somebody appends with a blank before it goes on with his own last line.
func TestLinesBehindTheFileAreNoMilters(t *testing.T) {
	const added = "  bl.example.net*2\n# mine\n  bl.example.com*1\n"
	for _, dir := range cases(t) {
		p, err := NewPlan(caseHost(t, dir), testSockets)
		if err != nil {
			t.Fatal(err)
		}
		all := parameters(p.Host.main)
		if len(all) == 0 || strings.HasSuffix(all[len(all)-1].name, "smtpd_milters") || p.main[len(p.main)-1] != '\n' {
			continue // in the second case it is a milter without us, too
		}
		main := append(slices.Clone(p.main), added...)
		h, err := inspect("/etc/postfix", main, p.master, testValues(main))
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range h.Services {
			for _, m := range s.Milters {
				if strings.Contains(m, "bl.example") && !strings.Contains(string(p.Host.main), "bl.example") {
					t.Errorf("%s: %s is a milter of %s", dir, m, s.Name)
				}
			}
		}
		if got := string(strip(main)); got != string(p.Host.main)+added {
			t.Errorf("%s: detach leaves\n%s", dir, got)
		}
	}
}

// TestLinesBehindAnOldBlockAreNamed: an earlier attach put its block at the end of the file.
func TestLinesBehindAnOldBlockAreNamed(t *testing.T) {
	for _, last := range []string{"non_smtpd_milters = $postward_local", "postward_milter = $postward_inbound", "postward_local = { unix:postward/local.sock }"} {
		main := []byte("mydestination = x\n" + blockBegin + "\n" + last + "\n" + blockEnd + "\n\n# mine\n  bl.example.net*2\n\n\tbl.example.com*1 \nrelayhost =\n  y\n")
		if first, lines := goesOn(main); first != 7 || strings.Join(lines, " ") != "bl.example.net*2 bl.example.com*1" {
			t.Errorf("%s: %d %q", last, first, lines)
		}
		if got := string(strip(main)); got != "mydestination = x\n\n# mine\n  bl.example.net*2\n\n\tbl.example.com*1 \nrelayhost =\n  y\n" {
			t.Errorf("%s: detach leaves\n%s", last, got)
		}
	}
	if first, _ := goesOn([]byte(blockBegin + "\nx = y\n" + blockEnd + "\n# mine\nz = 1\n  on\n")); first != 0 {
		t.Error(first)
	}
}

// TestOfTwoServicesWithOneNameTheLastCounts, as for Postfix.
func TestOfTwoServicesWithOneNameTheLastCounts(t *testing.T) {
	const one, auth, other = "submission inet n - y - - smtpd\n  -o a=b\n", "submission inet n - y - - smtpd\n  -o smtpd_sasl_auth_enable=yes\n", "submission inet n - y - - spawn\n"
	const cleanup = "cleanup unix n - y - 0 cleanup\n"
	for master, want := range map[string]string{
		cleanup + one + auth: "cleanup local, submission submission; 2 and 4", cleanup + auth + one: "cleanup local, submission inbound; 2 and 4", cleanup + auth + other: "cleanup local; 2 and 4",
		cleanup + other + one: "cleanup local, submission inbound; 2 and 3", one + cleanup + auth: "cleanup local, submission submission; 1 and 4", cleanup + auth + one + auth: "cleanup local, submission submission; 2 and 6, 4 and 6",
		cleanup + "submission unix n - y - - smtpd\n" + auth: "cleanup local, submission inbound, submission submission", cleanup + cleanup + auth: "cleanup local, submission submission; 1 and 2",
	} {
		h, err := inspect("/etc/postfix", []byte("x = y\n"), []byte(master), testValues(nil))
		if err != nil {
			t.Fatal(err)
		}
		var services, notes []string
		for _, s := range h.Services {
			services = append(services, s.Name+" "+string(s.Direction))
		}
		for _, n := range h.Notes {
			var a, b int
			if _, err := fmt.Sscanf(n, "master.cf:%d and master.cf:%d both are", &a, &b); err == nil {
				notes = append(notes, fmt.Sprintf("%d and %d", a, b))
			}
		}
		if got := strings.Trim(strings.Join(services, ", ")+"; "+strings.Join(notes, ", "), "; "); got != want {
			t.Errorf("%s%s, want %s", master, got, want)
		}
		p, err := NewPlan(h, testSockets)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.verifyMilters(p.master, testValues(p.main)); err != nil {
			t.Errorf("%s%v", master, err)
		}
		if got := string(strip(p.master)); got != master {
			t.Errorf("detach leaves\n%s", got)
		}
	}
}

func TestWhoEmptiesTheHoldQueueIsNamed(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]bool{
		"/^Received:/ HOLD": true, "/^Received:/\thold by MailScanner": true, "# comment\nif /^X/\n/^X-Spam/i  HOLD\nendif": true, "/^Subject: .*x/ HOLD": true,
		"# /^Received:/ HOLD": false, "/^Subject:/ INFO\n/^X-Bad:/ REJECT not here": false, "/household/ REJECT": false, "/x/ REPLACE X: hold": false, "": false,
	} {
		if err := os.WriteFile(filepath.Join(dir, "checks"), []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, name := range holdChecks {
			main := []byte(name + " = regexp:" + dir + "/checks\n")
			h, err := inspect(dir, main, []byte("smtp inet n - y - - smtpd\n"), testValues(main))
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(strings.Join(h.Notes, "\n"), name+" puts mail on hold"); got != want {
				t.Errorf("%s, %q: %v", name, text, h.Notes)
			}
		}
	}
}

// FuzzAddThenRemoveIsIdentity: whatever the two files hold, cutting out what was put in gives the same bytes.
func FuzzAddThenRemoveIsIdentity(f *testing.F) {
	for _, dir := range cases(f) {
		h := caseHost(f, dir)
		f.Add(h.main, h.master, byte(7))
	}
	f.Add([]byte("smtpd_milters=\r"), []byte("smtp inet n - n - - smtpd\n\v-o a=b\r"), byte(7))
	f.Add([]byte("a = b\r"), []byte("x inet - - - - - smtpd -o{smtpd_milters=}"), byte(3))
	f.Fuzz(func(t *testing.T, main, master []byte, mask byte) {
		if mentions(main) || mentions(master) {
			t.Skip("attach does not edit what mentions it")
		}
		h, err := inspect("/etc/postfix", main, master, testValues(main))
		if err != nil {
			t.Fatal(err)
		}
		h.QueueDir = "/var/spool/postfix"
		p, err := NewPlan(h, someSockets(int(mask)%8))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range p.changes() {
			if got := strip(c.after); !bytes.Equal(got, c.before) {
				t.Fatalf("%s:\nbefore %q\nafter  %q\nstrip  %q", c.name, c.before, c.after, got)
			}
		}
		p.Lines()
	})
}
