package learn

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postward/internal/guard"
	"postward/internal/log/oldlog"
	"postward/test/rig"
)

const passwd = `root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
anna:x:1000:1000:Anna:/home/anna:/bin/bash
alarm:x:1001:1001::/home/alarm:/bin/zsh
bert:x:1002:1002:Bert, has mail only:/home/bert:/usr/sbin/nologin
ftp:x:1003:1003::/srv:/bin/false
nobody:x:65534:65534:nobody:/nonexistent:/bin/sh
`

var testNow = time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)

var testSockets = map[guard.Direction]string{
	guard.Inbound:    "unix:/var/spool/postfix/postward/inbound.sock",
	guard.Submission: "unix:/var/spool/postfix/postward/submission.sock",
	guard.Local:      "unix:/var/spool/postfix/postward/local.sock",
}

func learnHost(t *testing.T, more map[string]string) *Site {
	t.Helper()
	p := &Site{ConfigDir: "/etc/postfix", values: map[string]string{
		"mydestination": "mail.example.org, example.org, localhost.example.org, , localhost",
		"mynetworks":    "127.0.0.0/8 [::1]/128 192.0.2.0/25 !192.0.2.9 hash:/nowhere",
	}}
	maps.Copy(p.values, more)
	return p
}

// mailLines are the lines of one mail through smtpd with a login.
func mailLines(stamp, id, user, from string) string {
	return fmt.Sprintf(`%[1]s mx postfix/submission/smtpd[1]: %[2]s: client=host.example.net[203.0.113.9], sasl_method=PLAIN, sasl_username=%[3]s
%[1]s mx postfix/cleanup[2]: %[2]s: message-id=<%[2]s@example.org>
%[1]s mx postfix/qmgr[3]: %[2]s: from=<%[4]s>, size=1000, nrcpt=1 (queue active)
`, stamp, id, user, from)
}

func TestLearnJoinsTheLogsOfOneMail(t *testing.T) {
	dir := t.TempDir()
	spool := filepath.Join(dir, "mail")
	rig.WriteFile(t, filepath.Join(spool, "bert"), nil, 0o600)
	rig.WriteFile(t, filepath.Join(dir, "passwd"), []byte(passwd), 0o644)
	// The old log was written last year and packed.
	old := mailLines("Dec 30 23:59:58", "4A1B2C3D01", "Anna", "Anna@Example.org") +
		mailLines("Dec 31 10:00:00", "4A1B2C3D02", "Anna", "anna@club.example.net")
	var packed strings.Builder
	z := gzip.NewWriter(&packed)
	if _, err := z.Write([]byte(old)); err != nil || z.Close() != nil {
		t.Fatal(err)
	}
	log := filepath.Join(dir, "mail.log")
	rig.WriteFile(t, log+".2.gz", []byte(packed.String()), 0o640)
	rig.WriteFile(t, log+".1", []byte(mailLines("Jan  2 08:00:00", "4A1B2C3D03", "anna", "anna@club.example.net")), 0o640)
	var night strings.Builder
	for i := range 20 {
		night.WriteString(mailLines("2025-02-28T03:00:00.5+01:00", fmt.Sprintf("4A1B2C4%02dF", i), "alarm", "george@bank.example"))
	}
	night.WriteString(mailLines("2025-02-28T03:10:00.5+01:00", "4A1B2C3D06", "alarm", ""))
	night.WriteString(`2025-02-28T04:00:00+01:00 mx postfix/pickup[1]: 4A1B2C3D11: uid=33 from=<www-data>
2025-02-28T04:00:00+01:00 mx postfix/qmgr[1]: 4A1B2C3D11: from=<www-data@example.org>, size=1, nrcpt=1 (queue active)
2025-02-28T04:10:00+01:00 mx postfix/qmgr[1]: 4A1B2C3D11: from=<www-data@example.org>, size=1, nrcpt=1 (queue active)
2025-02-28T04:00:01+01:00 mx postfix/smtpd[1]: 4A1B2C3D12: client=printer.example.org[192.0.2.7]
2025-02-28T04:00:01+01:00 mx postfix/qmgr[1]: 4A1B2C3D12: from=<scan@example.org>, size=1, nrcpt=1 (queue active)
2025-02-28T04:00:02+01:00 mx postfix/smtpd[1]: 4A1B2C3D13: client=stranger.example.com[198.51.100.9]
2025-02-28T04:00:02+01:00 mx postfix/qmgr[1]: 4A1B2C3D13: from=<anna@example.org>, size=1, nrcpt=1 (queue active)
2025-02-28T04:00:03+01:00 mx postfix/smtpd[1]: connect from evil.example[198.51.100.9], sasl_username=anna
` + strings.Repeat("x", 3*oldlog.MaxLine) + "\nno log line")
	rig.WriteFile(t, log, []byte(night.String()), 0o640)
	for i, f := range []string{log + ".2.gz", log + ".1", log} {
		at := time.Date(2025, 1, 1+i, 1, 0, 0, 0, time.UTC)
		if i == 2 {
			at = testNow
		}
		if err := os.Chtimes(f, at, at); err != nil {
			t.Fatal(err)
		}
	}
	h := learnHost(t, map[string]string{"maillog_file": log})
	l, err := FromPostfix(t.Context(), h, Options{Logs: h.Logs(), Passwd: filepath.Join(dir, "passwd"), Spool: spool, Now: testNow})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range l.Rows {
		last := "-"
		if !r.Last.IsZero() {
			last = r.Last.UTC().Format(time.DateOnly)
		}
		got = append(got, fmt.Sprintf("%s %s user=%t %d on %d days last=%s proposed=%t", r.Account, r.Address, r.User, r.Messages, r.Days, last, r.Proposed))
	}
	want := []string{
		"alarm george@bank.example user=false 20 on 1 days last=2025-02-28 proposed=false",
		"alarm  user=false 1 on 1 days last=2025-02-28 proposed=false",
		"alarm alarm@example.org user=true 0 on 0 days last=- proposed=true",
		"alarm alarm@mail.example.org user=true 0 on 0 days last=- proposed=true",
		"anna anna@club.example.net user=false 2 on 2 days last=2025-01-02 proposed=true",
		"anna anna@example.org user=true 1 on 1 days last=2024-12-30 proposed=true",
		"anna anna@mail.example.org user=true 0 on 0 days last=- proposed=true",
		"bert bert@example.org user=true 0 on 0 days last=- proposed=true",
		"bert bert@mail.example.org user=true 0 on 0 days last=- proposed=true",
		"local:www-data www-data@example.org user=false 1 on 1 days last=2025-02-28 proposed=true",
		"net:192.0.2.7 scan@example.org user=false 1 on 1 days last=2025-02-28 proposed=true",
	}
	if !slices.Equal(got, want) {
		t.Errorf("learned:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(l.Notes) != 2 || !strings.Contains(l.Notes[0], "!192.0.2.9") || !strings.Contains(l.Notes[1], "hash:/nowhere") {
		t.Errorf("notes %q", l.Notes)
	}
	if !slices.Equal(l.Domains, []string{"example.org", "mail.example.org"}) {
		t.Errorf("domains %q", l.Domains)
	}
}

func TestWhatAFilterHandsBackIsNobodysOwn(t *testing.T) {
	l := &Learned{ours: map[string]bool{}, accounts: map[string]map[string]*Row{}}
	l.Networks = append(l.Networks, netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("192.0.2.0/24"))
	file := filepath.Join(t.TempDir(), "mail.log")
	rig.WriteFile(t, file, []byte(`Feb 28 04:00:01 mx postfix/smtpd[1]: 4A1B2C3D12: client=localhost[127.0.0.1]
Feb 28 04:00:01 mx postfix/qmgr[1]: 4A1B2C3D12: from=<a@example.org>, size=1, nrcpt=1 (queue active)
Feb 28 04:00:01 mx postfix/smtpd[1]: 4A1B2C3D14: client=localhost[127.0.0.1], orig_queue_id=4A1B2C3D13, orig_client=x[192.0.2.8]
Feb 28 04:00:01 mx postfix/qmgr[1]: 4A1B2C3D14: from=<b@example.org>, size=1, nrcpt=1 (queue active)
`), 0o644)
	if err := l.logs(t.Context(), Options{Logs: []string{file}, Now: testNow, Filtered: true}, nil); err != nil {
		t.Fatal(err)
	}
	l.finish()
	if len(l.Rows) > 0 {
		t.Errorf("rows %+v", l.Rows)
	}
}

func TestLearnedIsWrittenAsEventsThatTheGuardTakes(t *testing.T) {
	l := &Learned{ours: map[string]bool{"example.org": true}, accounts: map[string]map[string]*Row{}}
	l.row("anna", "*@club.example").Map = true
	l.sent("anna", "anna@example.org", testNow)
	l.sent("anna", "other@bank.example", testNow)
	l.finish()
	dir := t.TempDir()
	path, err := l.Write(dir, testNow)
	if err != nil {
		t.Fatal(err)
	}
	again, err := l.Write(dir, testNow.Add(time.Hour))
	if err != nil || again != path {
		t.Fatal(err)
	}
	var e guard.Event
	if err := json.Unmarshal([]byte(rig.ReadFile(t, path)), &e); err != nil {
		t.Fatal(err)
	}
	if e.Kind != guard.KindLearned || e.Account != "anna" || e.Listing.Messages != 2 || !slices.Equal(e.Listing.Addresses, []string{"*@club.example", "anna@example.org"}) {
		t.Errorf("event %+v %+v", e, e.Listing)
	}
	if key := l.Events(testNow)[0].Key; e.Key != key || len(key) != len("learned:anna:")+16 {
		t.Errorf("key %q, at another hour %q", key, e.Key)
	}
}

func TestLearnIsBounded(t *testing.T) {
	l := &Learned{ours: map[string]bool{}, accounts: map[string]map[string]*Row{}}
	for i := range 2 * maxPerPerson {
		l.sent("spammer", fmt.Sprintf("a%d@example.com", i), testNow)
	}
	l.sent(strings.Repeat("x", 300), "a@example.com", testNow)
	l.finish()
	if len(l.Rows) != maxPerPerson || len(l.Notes) != 1 {
		t.Errorf("%d rows, notes %q", len(l.Rows), l.Notes)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	file := filepath.Join(t.TempDir(), "log")
	rig.WriteFile(t, file, []byte("x\n"), 0o644)
	if err := l.logs(ctx, Options{Logs: []string{file}, Now: testNow}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("reading goes on after the end: %v", err)
	}
}

func TestProposalIsShadowAndNeverOverwrites(t *testing.T) {
	h := learnHost(t, nil)
	l := &Learned{ours: map[string]bool{}, accounts: map[string]map[string]*Row{}}
	l.domains(t.Context(), h)
	l.networks(t.Context(), h)
	text := Proposal(h, l, testSockets)
	for _, want := range []string{"# Written by \"postward attach\". Every key may be left out; see: postward config example.", "mode = \"shadow\"", "  \"192.0.2.0/25\",", "  \"example.org\",", "submission = \"unix:/var/spool/postfix/postward/submission.sock\""} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	path := filepath.Join(t.TempDir(), "postward", "postward.toml")
	if done, err := WriteProposal(path, text, "no-such-group"); !done || err != nil {
		t.Fatal(done, err)
	}
	if done, err := WriteProposal(path, "x", "no-such-group"); done || err != nil || rig.ReadFile(t, path) != text {
		t.Errorf("the operator's file was touched: %t %v", done, err)
	}
	if got := toml("a\"b\\c\x00\n\xff"); got != `"a\"b\\c"` {
		t.Errorf("quoted %s", got)
	}
}

func TestWithoutAMailLogTheJournalIsProposed(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "socket")
	defer func(was string) { journalSocket = was }(journalSocket)
	journalSocket = socket
	dir := t.TempDir()
	for _, c := range []struct{ maillog, want string }{{"", "journal"}, {"/dev/stdout", "journal"}, {filepath.Join(dir, "mail.log"), ""}} {
		h := learnHost(t, map[string]string{"maillog_file": c.maillog})
		if _, err := os.Stat("/var/log/mail.log"); err == nil && c.want != "" {
			t.Skip("this machine has a mail.log")
		}
		if got := h.Logs(); got != nil {
			t.Errorf("%q and no journald: %q", c.maillog, got)
		}
		rig.WriteFile(t, socket, nil, 0o600)
		if got := strings.Join(h.Logs(), " "); got != c.want {
			t.Errorf("%q: %q", c.maillog, got)
		}
		if proposed := Proposal(h, &Learned{}, nil); c.want != "" && !strings.Contains(proposed, `log_file = "journal"`) {
			t.Error(proposed)
		}
		if err := os.Remove(socket); err != nil {
			t.Fatal(err)
		}
	}
}

// An empty mail.log may be older than what was rotated from it: rotated with "copy", touched by a restore.
func TestTheLogIsProposedAndNotARotatedOne(t *testing.T) {
	log := filepath.Join(t.TempDir(), "mail.log")
	for i, path := range []string{log, log + ".1", log + ".2.xz", log + ".3.zst"} {
		rig.WriteFile(t, path, nil, 0o640)
		if at := testNow.Add(time.Duration(i) * time.Minute); os.Chtimes(path, at, at) != nil {
			t.Fatal("chtimes")
		}
	}
	h := learnHost(t, map[string]string{"maillog_file": log})
	if text := Proposal(h, &Learned{}, nil); !strings.Contains(text, "log_file = "+toml(log)+"\n") {
		t.Error(text)
	}
	if got, want := strings.Join(h.Logs(), " "), log+".3.zst "+log+".2.xz "+log+".1 "+log; got != want {
		t.Errorf("learned from %s", got)
	}
}

func learnedFrom(t *testing.T, lines string) *Learned {
	t.Helper()
	file := filepath.Join(t.TempDir(), "mail.log")
	rig.WriteFile(t, file, []byte(lines), 0o644)
	l, err := FromLogs(t.Context(), Options{Logs: []string{file}, Now: testNow})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestAnAddressOfOneNightIsNotProposed(t *testing.T) {
	for _, c := range []struct {
		times    []string
		proposed bool
	}{
		{[]string{"2025-02-20T23:55:00+00:00", "2025-02-21T00:05:00+00:00"}, false},
		{[]string{"2025-02-20T20:00:00+00:00", "2025-02-21T15:59:00+00:00"}, false},
		{[]string{"2025-02-20T09:00:00+00:00", "2025-02-21T08:00:00+00:00"}, true},
		{[]string{"2025-02-20T01:00:00+00:00", "2025-02-20T23:00:00+00:00"}, false},
	} {
		var b strings.Builder
		for i, at := range c.times {
			b.WriteString(mailLines(at, fmt.Sprintf("4A1B2C3D%02d", i), "anna", "anna@elsewhere.example"))
		}
		if l := learnedFrom(t, b.String()); len(l.Rows) != 1 || l.Rows[0].Proposed != c.proposed {
			t.Errorf("%v: %+v", c.times, l.Rows)
		}
	}
}

func TestAnotherInstancesMailIsNotTheAccounts(t *testing.T) {
	const at = "2025-02-20T09:00:00+00:00 mx "
	l := learnedFrom(t, at+"postfix/submission/smtpd[1]: 4A1B2C3D4E: client=a.example.net[203.0.113.9], sasl_method=PLAIN, sasl_username=anna\n"+
		at+"postfix-in/qmgr[7]: 4A1B2C3D4E: from=<stranger@example.org>, size=1, nrcpt=1 (queue active)\n"+
		at+"postfix/qmgr[3]: 4A1B2C3D4E: from=<anna@example.org>, size=1, nrcpt=1 (queue active)\n")
	if len(l.Rows) != 1 || l.Rows[0].Address != "anna@example.org" || l.Rows[0].Messages != 1 {
		t.Errorf("%+v", l.Rows)
	}
}

// TestAnAddressIsLearnedOnceHoweverItIsWritten: and as an operator's pattern and a milter's envelope have it.
func TestAnAddressIsLearnedOnceHoweverItIsWritten(t *testing.T) {
	var text string
	for i, from := range []string{"Anna@Example.org", `"anna"@example.org`, "anna@example.org."} {
		text += mailLines(fmt.Sprintf("Dec 2%d 10:00:00", i), fmt.Sprintf("4A1B2C3D0%d", i), "Anna@B\u00fccher.example", from)
	}
	path := filepath.Join(t.TempDir(), "mail.log")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := FromLogs(t.Context(), Options{Logs: []string{path}, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Rows) != 1 || l.Rows[0].Address != "anna@example.org" || l.Rows[0].Messages != 3 || l.Rows[0].Account != "anna@xn--bcher-kva.example" {
		t.Errorf("%+v", l.Rows)
	}
}

// TestARecipientIsLearnedByTheNameThatTheMilterWillSee: and not by that of the mailbox behind an alias.
func TestARecipientIsLearnedByTheNameThatTheMilterWillSee(t *testing.T) {
	var b strings.Builder
	for n, to := range []string{"to=<bob0@imap.internal.example>, orig_to=<Bob0@Example.org>", "to=<carl@far.example>", "to=<root@mx.example.org>, orig_to=<root>", "to=<one@in.example.org>, orig_to=<staff@example.org>", "to=<two@in.example.org>, orig_to=<staff@example.org>"} {
		id := fmt.Sprintf("4A1B2C3D%02d", n)
		b.WriteString(mailLines("2025-02-28T10:00:00Z", id, "anna", "anna@example.org"))
		fmt.Fprintf(&b, "2025-02-28T10:00:01Z mx postfix/smtp[3]: %s: %s, relay=mx.example.com[198.51.100.7]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)\n", id, to)
		fmt.Fprintf(&b, "2025-02-28T10:00:01Z mx postfix/qmgr[3]: %s: removed\n", id)
	}
	var known []string
	for _, e := range learnedFrom(t, b.String()).Events(testNow) {
		if e.Account == "anna" && e.Past != nil {
			for _, x := range e.Past.People {
				known = append(known, x.Address)
			}
		}
	}
	slices.Sort(known)
	if want := []string{"bob0@example.org", "carl@far.example", "root@mx.example.org", "staff@example.org"}; !slices.Equal(known, want) {
		t.Errorf("%q", known)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"key":"learned:anna:1","kind":"learned","at":1,"account":"anna","listing":{"since":1}}`+"\n"), uint8(9))
	f.Add([]byte("{}\nno event\n"), uint8(0))
	f.Fuzz(func(t *testing.T, text []byte, most uint8) {
		n := 0
		for e, err := range Read(bytes.NewReader(text)) {
			if n++; err == nil && (e.Kind != guard.KindLearned || e.Account == "") || err != nil && e != nil {
				t.Fatalf("%+v %v", e, err)
			}
			if n > int(most) {
				break
			}
		}
	})
}
