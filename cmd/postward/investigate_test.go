package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"postward/internal/log/oldlog"
	"postward/test/rig"
)

// outbreak is an account that sends to 300 strangers within five minutes.
func outbreak() string {
	var b strings.Builder
	for n := range 300 {
		b.WriteString(mailOf(n, "alarm", fmt.Sprintf("v%d@victim.example", n)))
	}
	return b.String()
}

// calmMails are an hour apart, to one friend, after the outbreak.
func calmMails(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(mailOf(1000+60*i, "anna", "friend@far.example"))
	}
	return b.String()
}

// investigated is what postward investigate says of paths, with something on its standard input.
func investigated(t *testing.T, stdin string, args ...string) (out, said string, code int) {
	t.Helper()
	return result(t, exec.Command(os.Args[0], append([]string{"investigate"}, args...)...), stdin)
}

func result(t *testing.T, cmd *exec.Cmd, stdin string) (out, said string, code int) {
	t.Helper()
	cmd.Env = append(os.Environ(), "BE_POSTWARD=1")
	var o, e bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &o, &e
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

func TestALineInSeveralFilesIsCountedOnce(t *testing.T) {
	text := calmMails(20)
	dir := rig.WriteDir(t, map[string]string{"mail.log": text, "mail.info": text, "syslog": text, "mail.log.1": calmMails(10), "mail.log.1.gz": zipped(t, calmMails(10))})
	if out, said, code := investigated(t, "", dir); code != exitFine || !strings.Contains(out, "150 lines, 150 of them about mail, 30 mails") {
		t.Errorf("%d %s %s", code, out, said)
	}
}

func TestSilenceIsNoGoodNewsWhenSomethingWasNotRead(t *testing.T) {
	broken := zipped(t, outbreak())
	calmDir := rig.WriteDir(t, map[string]string{"mail.log.1.gz": broken[:20], "mail.log": calmMails(20)})
	page := filepath.Join(t.TempDir(), "page.html")
	out, said, code := investigated(t, "", "--html", page, calmDir)
	if code != exitFailed || !strings.Contains(out, "mail.log.1.gz") || strings.Contains(out, "would have stopped none") || !strings.Contains(out, "20 mails") || !strings.Contains(said, "try:") {
		t.Errorf("%d %s %s", code, out, said)
	}
	if html, err := os.ReadFile(page); err != nil || !bytes.Contains(html, []byte("mail.log.1.gz")) {
		t.Errorf("the page does not say it: %v", err)
	}
	out, _, code = investigated(t, "", "--json", calmDir)
	var report struct {
		NotRead []string `json:"not_read"`
		Mails   int
	}
	if err := json.Unmarshal([]byte(out), &report); err != nil || code != exitFailed || len(report.NotRead) != 1 || report.Mails != 20 {
		t.Errorf("%d %+v %v", code, report, err)
	}
	badDir := rig.WriteDir(t, map[string]string{"mail.log.1": outbreak(), "mail.log.2.gz": broken[:20]})
	if out, said, code := investigated(t, "", badDir); code != exitFound || !strings.Contains(out, "mail.log.2.gz") || !strings.Contains(out, "alarm sent") {
		t.Errorf("somebody stands out: %d %s %s", code, out, said)
	}
}

func TestWhatIsNoMailLogIsNotCalledHealthy(t *testing.T) {
	for _, stdin := range []string{"", "one\ntwo\n", "\x04\x22\x4d\x18\n"} {
		if out, said, code := investigated(t, stdin, "-"); code != exitFailed || !strings.Contains(said, "try:") {
			t.Errorf("%q: %d %s %s", stdin, code, out, said)
		}
	}
	if out, said, code := investigated(t, zipped(t, outbreak()), "-"); code != exitFound || !strings.Contains(out, "alarm sent") {
		t.Errorf("a packed log in a pipe: %d %s %s", code, out, said)
	}
}

// A file that only root may read, read by nobody.
func TestAForbiddenLogIsSaid(t *testing.T) {
	dir := rig.WriteDir(t, map[string]string{"mail.log": calmMails(20), "mail.log.1": outbreak()})
	if err := os.Chmod(filepath.Join(dir, "mail.log.1"), 0); err != nil {
		t.Fatal(err)
	}
	program := os.Args[0]
	cmd := exec.Command(program, "investigate", dir)
	if os.Getuid() == 0 {
		outside, err := os.MkdirTemp("", "postward-nobody-")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(outside) })
		moved := filepath.Join(outside, "logs")
		if err := os.Rename(dir, moved); err != nil {
			t.Fatal(err)
		}
		if err := os.Link(program, filepath.Join(outside, "postward")); err != nil {
			t.Skipf("the test's program cannot be put where nobody may run it: %v", err)
		}
		for _, open := range []string{outside, moved} {
			if err := os.Chmod(open, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(filepath.Join(moved, "mail.log"), 0o644); err != nil {
			t.Fatal(err)
		}
		cmd = exec.Command(filepath.Join(outside, "postward"), "investigate", moved)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, said, code := result(t, cmd, "")
	if code != exitFailed || !strings.Contains(out, "mail.log.1: permission denied") || strings.Contains(out, "would have stopped none") || !strings.Contains(said, "as root") {
		t.Errorf("%d %s %s", code, out, said)
	}
}

func TestASampleSaysWhatItDoesNotTake(t *testing.T) {
	dir := rig.WriteDir(t, map[string]string{"mail.log": mailsOf(0, 5, "anna"), "sample": "Message-ID: <n3@x.example>\n\nspam\n"})
	sample, log := filepath.Join(dir, "sample"), filepath.Join(dir, "mail.log")
	if out, said, code := investigated(t, "", "--sample", sample, log); code != exitFine || !strings.Contains(out, "account anna") {
		t.Errorf("%d %s %s", code, out, said)
	}
	for _, args := range [][]string{{"-"}, {"--html", filepath.Join(dir, "x.html"), log}, {"--since", "48h", log}, {"--account", "anna", log}} {
		out, said, code := investigated(t, mailsOf(0, 5, "anna"), append([]string{"--sample", sample}, args...)...)
		if code != exitFailed || !strings.Contains(said, "--sample") || !strings.Contains(said, "try:") || strings.Contains(said, "stat -") {
			t.Errorf("%v: %d %s %s", args, code, out, said)
		}
	}
}

func TestProgressIsSaidInUnitsThatFit(t *testing.T) {
	for n, want := range map[float64]string{3: "3/s", 850.4: "850/s", 9_999: "9999/s", 12_345: "12 thousand/s", 99_999: "100 thousand/s", 999_700: "1.0 million/s", 1_840_000: "1.8 million/s"} {
		if got := rate(n); got != want {
			t.Errorf("%.1f: %s, want %s", n, got, want)
		}
	}
	began := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		files []oldlog.File
		want  string
	}{
		{[]oldlog.File{{Size: 1000}}, "50 %  20000 lines, 10 thousand/s"},
		{[]oldlog.File{{Size: 1000}, {Path: "journal"}}, "\r20000 lines, 10 thousand/s"},
		{[]oldlog.File{{Path: "-"}}, "\r20000 lines, 10 thousand/s"},
	} {
		var b bytes.Buffer
		p := logProgress(c.files)
		p.w, p.began, p.lines, p.seen = &b, began, 20_000, 500
		p.show(began.Add(900 * time.Millisecond))
		p.show(began.Add(2 * time.Second))
		if !strings.Contains(b.String(), c.want) || strings.Count(b.String(), "\r") != 1 {
			t.Errorf("%q", b.String())
		}
	}
}

// TestALogThatIsMostlyNotReadIsNotCalledQuiet: what mail programs wrote and nobody understood is counted, said, and the exit status.
func TestALogThatIsMostlyNotReadIsNotCalledQuiet(t *testing.T) {
	strange := strings.Repeat("03/05/26 10:00 mx postfix/smtpd[7]: 4A1B2C3D: client=a[192.0.2.1], sasl_method=PLAIN, sasl_username=secret\n", 12)
	for name, text := range map[string]string{"half": calmMails(1) + strange, "whole": strange, "one line": calmMails(9) + strange[:len(strange)/12]} {
		out, said, code := investigated(t, text, "-")
		if code != exitFailed || !strings.Contains(out, "of mail programs could not be read") || !strings.Contains(out, "03/05/26 10:00 mx postfix/smtpd") ||
			strings.Contains(out, "would have stopped none") || strings.Contains(out+said, "secret") {
			t.Errorf("%s: %d\n%s\n%s", name, code, out, said)
		}
	}
	songs := strings.Repeat("Nov 23 10:00:00 mx postfix/smtpd[7]: a song that nobody knows\n", 12)
	if out, said, code := investigated(t, calmMails(1)+songs, "-"); code != exitFailed || !strings.Contains(out, "greater part was not understood") || strings.Contains(out, "would have stopped none") {
		t.Errorf("%d\n%s\n%s", code, out, said)
	}
	if out, said, code := investigated(t, calmMails(9)+songs, "-"); code != exitFine || !strings.Contains(out, "not understood: 12 lines of smtpd") {
		t.Errorf("some words are new: %d\n%s\n%s", code, out, said)
	}
	if out, said, code := investigated(t, outbreak()+strange, "-"); code != exitFound || !strings.Contains(out, "12 lines of mail programs") {
		t.Errorf("somebody stands out: %d\n%s\n%s", code, out, said)
	}
	if out, _, code := investigated(t, strange, "--json", "-"); code != exitFailed || !strings.Contains(out, `"unread_lines": 12`) {
		t.Errorf("%d\n%s", code, out)
	}
	page := filepath.Join(t.TempDir(), "page.html")
	investigated(t, calmMails(1)+strange, "--html", page, "-")
	if html, err := os.ReadFile(page); err != nil || !bytes.Contains(html, []byte("12 lines of mail programs")) || bytes.Contains(html, []byte(`<div class="calm">`)) {
		t.Errorf("the page: %v", err)
	}
}

func TestTheWayOutOfAContainerIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		"?? relay-1 | 10 May postfix/smtpd[7]: connect from a[192.0.2.1]\n":               "docker compose logs --no-log-prefix",
		`{"log":"May  3 10:00:00 mx postfix/smtpd[7]: connect from a[192.0.2.1]"}` + "\n": "docker logs CONTAINER",
		"03/05/26 10:00 mx postfix/smtpd[7]: connect from a[192.0.2.1]\n":                 "RSYSLOG_FileFormat",
	} {
		if _, said, code := investigated(t, text, "-"); code != exitFailed || !strings.Contains(said, want) {
			t.Errorf("%s: %d %s", text, code, said)
		}
	}
}

// TestTheOrderOfFilesIsThatOfTheirLines, whichever was changed or named last.
func TestTheOrderOfFilesIsThatOfTheirLines(t *testing.T) {
	dir := t.TempDir()
	later, earlier := filepath.Join(dir, "a-night.log"), filepath.Join(dir, "z-weeks.log")
	var weeks, night strings.Builder
	for n := range 24 {
		weeks.WriteString(mailOf(480*n, "alarm", "friend@far.example"))
	}
	for n := range 300 {
		night.WriteString(mailOf(20_000+n, "alarm", fmt.Sprintf("v%d@victim.example", n)))
	}
	for path, text := range map[string]string{earlier: weeks.String(), later: night.String()} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first := ""
	for _, newest := range []string{earlier, later} {
		for n, path := range []string{earlier, later} {
			at := time.Now().Add(time.Duration(-n) * time.Hour)
			if path == newest {
				at = time.Now()
			}
			if err := os.Chtimes(path, at, at); err != nil {
				t.Fatal(err)
			}
		}
		for _, args := range [][]string{{earlier, later}, {later, earlier}} {
			out, said, code := investigated(t, "", args...)
			if first == "" {
				first = out
			}
			if code != exitFound || out != first || !strings.Contains(out, "324 mails") {
				t.Errorf("%v: %d %s\n%s\nbefore:\n%s", args, code, said, out, first)
			}
		}
	}
}

func TestARelayWithoutALoginIsFound(t *testing.T) {
	var b strings.Builder
	for n := range 4 {
		id := fmt.Sprintf("4BBBB%d", n)
		fmt.Fprintf(&b, "Nov 23 10:0%d:00 mx postfix/smtpd[7]: %s: client=unknown[172.19.0.1]\n", n, id)
		fmt.Fprintf(&b, "Nov 23 10:0%d:00 mx postfix/qmgr[2]: %s: from=<win@lottery.example>, size=9, nrcpt=4 (queue active)\n", n, id)
		for k := range 4 {
			fmt.Fprintf(&b, "Nov 23 10:0%d:01 mx postfix/smtp[3]: %s: to=<v%d@d%d.example>, relay=mx.far.example[192.0.2.9]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)\n", n, id, n, k)
		}
		fmt.Fprintf(&b, "Nov 23 10:0%d:01 mx postfix/qmgr[2]: %s: removed\n", n, id)
	}
	page := filepath.Join(t.TempDir(), "page.html")
	out, said, code := investigated(t, b.String(), "--html", page, "-")
	if code != exitFound || !strings.Contains(out, "172.19.0.1 relayed 4 mails to 16 recipients without a login") || !strings.Contains(out, "mynetworks") || !strings.Contains(out, "d3.example") {
		t.Errorf("%d %s %s", code, out, said)
	}
	if html, err := os.ReadFile(page); err != nil || !bytes.Contains(html, []byte("16 recipients without a login")) || bytes.Contains(html, []byte(`<div class="calm">`)) {
		t.Errorf("the page: %v", err)
	}
}

// TestALogOfTwoNovembersHasTwoYears: stamps without a year, over more than one.
func TestALogOfTwoNovembersHasTwoYears(t *testing.T) {
	var b strings.Builder
	begin := time.Date(2025, 10, 20, 12, 0, 0, 0, time.Local)
	for n := range 14 {
		at := begin.AddDate(0, n, 0)
		b.WriteString(strings.ReplaceAll(mailOf(n, "anna", "friend@far.example"), time.Date(2026, 11, 1, 8, n, 0, 0, time.UTC).Format(time.RFC3339), at.Format(time.Stamp)))
	}
	dir := rig.WriteDir(t, map[string]string{"mail.log": b.String()})
	changed := begin.AddDate(0, 13, 1)
	if err := os.Chtimes(filepath.Join(dir, "mail.log"), changed, changed); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Join(dir, "mail.log")} {
		out, said, code := investigated(t, "", path)
		if code != exitFine || !strings.Contains(out, "2025-10-20") || !strings.Contains(out, "2026-11-20") || !strings.Contains(out, "14 mails") {
			t.Errorf("%d %s %s", code, out, said)
		}
	}
	out, _, _ := result(t, exec.Command(os.Args[0], "mail", "find", "anna", "--log", dir), "")
	if rows := strings.Split(out, "\n"); !strings.Contains(rows[1], "2025-10-20") {
		t.Error(out)
	}
}

// TestRotatedLogsWithoutAYearAreOfOneYear: the newest file has more than a day, and is read last.
func TestRotatedLogsWithoutAYearAreOfOneYear(t *testing.T) {
	texts := map[string]string{}
	begin := time.Now().AddDate(0, 0, -20)
	for n := range 19 {
		name := "mail.log"
		if n < 10 {
			name = "mail.log.1"
		}
		at := begin.AddDate(0, 0, n)
		texts[name] += strings.ReplaceAll(mailOf(n, "anna", "friend@far.example"), time.Date(2026, 11, 1, 8, n, 0, 0, time.UTC).Format(time.RFC3339), at.Format(time.Stamp))
	}
	dir := rig.WriteDir(t, texts)
	first, last := begin.Format(time.DateOnly), begin.AddDate(0, 0, 18).Format(time.DateOnly)
	out, said, code := investigated(t, "", dir)
	if head, _, _ := strings.Cut(out, "\n"); code != exitFine || !strings.HasPrefix(head, first) || !strings.Contains(head, " to "+last) {
		t.Errorf("not from %s to %s: %d %s %s", first, last, code, head, said)
	}
	if out, said, code = investigated(t, "", "--since", "60h", dir); code != exitFine || !strings.Contains(out, "mail") {
		t.Errorf("%d %s %s", code, out, said)
	}
}

// weeks is a log of forty days: an office writes to its friends, a newsletter goes out every week, and in the last night but one
// somebody sends as anna from elsewhere, to so many.
func weeks(victims int) string {
	var b strings.Builder
	begin, n := time.Now().UTC().AddDate(0, 0, -40).Truncate(24*time.Hour), 0
	send := func(at time.Time, account, client, to string) {
		old := time.Date(2026, 11, 1, 8, n, 0, 0, time.UTC).Format(time.RFC3339)
		b.WriteString(strings.NewReplacer(old, at.Format(time.RFC3339), "203.0.113.9", client).Replace(mailOf(n, account, to)))
		n++
	}
	for day := range 40 {
		d := begin.AddDate(0, 0, day)
		for h := 8; h < 16; h += 2 {
			send(d.Add(time.Duration(h)*time.Hour), "anna", "192.0.2.50", fmt.Sprintf("friend%d@far.example", h))
			send(d.Add(time.Duration(h)*time.Hour+time.Minute), "bert", "192.0.2.51", fmt.Sprintf("friend%d@far.example", h+1))
		}
		for i := range 300 * (1 - min(day%7, 1)) {
			send(d.Add(17*time.Hour+time.Duration(i)*time.Second), "news", "192.0.2.90", fmt.Sprintf("reader%d@d%d.example", i+37*day, i%50))
		}
		for i := range victims {
			if day == 38 {
				send(d.Add(22*time.Hour+time.Duration(i)*time.Second), "anna", fmt.Sprintf("198.51.100.%d", i%3), fmt.Sprintf("victim%d@gone.example", i))
			}
		}
	}
	return b.String()
}

// TestNextNamesTheHijackedAccountAndNotTheNewsletter: whichever of them sent more, and with whatever is left out of the report.
func TestNextNamesTheHijackedAccountAndNotTheNewsletter(t *testing.T) {
	for _, victims := range []int{14, 40, 400} {
		text := weeks(victims)
		for _, args := range [][]string{{"-"}, {"--since", "400h", "-"}, {"--since", "96h", "-"}} {
			out, said, code := investigated(t, text, args...)
			_, after, _ := strings.Cut(out, "\nNext\n")
			if code != exitFound || !strings.HasPrefix(after, "  change the password of anna\n") {
				t.Errorf("%d victims, %v: %d %s%.400s", victims, args, code, said, after)
			}
			if strings.Contains(after, "news") && !strings.Contains(after, "ask whose mail that is, which comes from where it always does: news\n") {
				t.Errorf("%d victims, %v: %.400s", victims, args, after)
			}
		}
	}
}

// TestSinceForgetsNothingThatWasBefore: who wrote for weeks has not "never sent before".
func TestSinceForgetsNothingThatWasBefore(t *testing.T) {
	text := weeks(40)
	for _, since := range []string{"48h", "96h", "400h", "800h"} {
		out, said, _ := investigated(t, text, "--since", since, "-")
		if strings.Contains(out, "has never sent before") || strings.Contains(out, "192.0.2.50 never used") || strings.Contains(out, "192.0.2.90 never used") || strings.Contains(out, "because sending from") {
			t.Errorf("%s: %.1500s%s", since, out, said)
		}
	}
}

// TestAUserOfTheHostIsNotToldToChangeItsPassword: nor a number of one.
func TestAUserOfTheHostIsNotToldToChangeItsPassword(t *testing.T) {
	var b strings.Builder
	for n := range 300 {
		at := time.Now().UTC().Add(time.Duration(n-4000)*time.Second).AddDate(0, 0, min(n, 1)*10-10).Format(time.RFC3339)
		fmt.Fprintf(&b, "%s mx postfix/pickup[3]: A%07X: uid=33 from=<www-data>\n", at, n)
		fmt.Fprintf(&b, "%s mx postfix/qmgr[2]: A%07X: from=<www-data@example.org>, size=900, nrcpt=1 (queue active)\n", at, n)
		fmt.Fprintf(&b, "%s mx postfix/smtp[3]: A%07X: to=<v%d@victim.example>, relay=mx.example.net[192.0.2.9]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)\n", at, n, n)
		fmt.Fprintf(&b, "%s mx postfix/qmgr[2]: A%07X: removed\n", at, n)
	}
	out, said, code := investigated(t, b.String(), "-")
	if _, after, _ := strings.Cut(out, "\nNext\n"); code != exitFound || strings.Contains(after, "password") || !strings.Contains(after, "ps -u 33") {
		t.Errorf("%d %s %s", code, said, after)
	}
}
