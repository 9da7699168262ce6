package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postward/internal/auth/mailauth"
	"postward/internal/guard"
	"postward/internal/log/delivery"
	"postward/internal/run/proof"
	"postward/test/rig"
)

// mailOf is one mail as Postfix logs it.
func mailOf(n int, account, to string) string {
	at := time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Minute).Format(time.RFC3339)
	id := fmt.Sprintf("%X", 0xA0000000+n)
	return fmt.Sprintf(`%[1]s mx postfix/submission/smtpd[9]: %[2]s: client=unknown[203.0.113.9], sasl_method=PLAIN, sasl_username=%[3]s
%[1]s mx postfix/cleanup[4]: %[2]s: message-id=<n%[5]d@x.example>
%[1]s mx postfix/qmgr[2]: %[2]s: from=<%[3]s@example.org>, size=900, nrcpt=1 (queue active)
%[1]s mx postfix/smtp[3]: %[2]s: to=<%[4]s>, relay=mx.example.net[192.0.2.9]:25, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 ok)
%[1]s mx postfix/qmgr[2]: %[2]s: removed
`, at, id, account, to, n)
}

func mailsOf(from, until int, account string) string {
	var b strings.Builder
	for n := from; n < until; n++ {
		b.WriteString(mailOf(n, account, fmt.Sprintf("r%d@far.example", n)))
	}
	return b.String()
}

func zipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return b.String()
}

func logFile(t *testing.T, path string) (configuration string) {
	t.Helper()
	return file(t, fmt.Sprintf("[postfix]\nlog_file = %q\n", path))
}

func TestRotatedLogsAreSearchedByDefault(t *testing.T) {
	files := map[string]string{"mail.log": mailsOf(4, 5, "anna"), "mail.log.1": mailsOf(2, 3, "anna"), "mail.log.2.gz": zipped(t, mailsOf(0, 1, "anna")), "mail.info": mailsOf(4, 5, "anna")}
	for _, gone := range []string{"", "mail.log"} {
		delete(files, gone)
		dir := rig.WriteDir(t, files)
		configuration := logFile(t, filepath.Join(dir, "mail.log"))
		out, said, code := postward(t, "--config", configuration, "mail", "find", "anna")
		if n := strings.Count(out, "\n"); code != exitFine || n != len(files) { // and the head
			t.Errorf("without %q: %d mails, %d %s", gone, n, code, said)
		}
		if out, said, code := postward(t, "--config", configuration, "mail", "trace", "n0@x.example"); code != exitFine || !strings.Contains(out, "A0000000: sent") {
			t.Errorf("without %q: %d %s %s", gone, code, out, said)
		}
	}
}

func TestWithoutALogTheNextStepIsSaid(t *testing.T) {
	for _, configuration := range []string{logFile(t, "/nonexistent/mail.log"), file(t, "[postfix]\nlogfile = \"x\"\n"), logFile(t, filepath.Join(t.TempDir(), "mail.log"))} {
		_, said, code := postward(t, "--config", configuration, "mail", "find", "anna")
		if code != exitFailed || !strings.Contains(said, "--log /var/log") || strings.Contains(said, "says nothing of") {
			t.Errorf("%d %s", code, said)
		}
	}
	dir := rig.WriteDir(t, map[string]string{"mail.log": mailsOf(0, 1, "anna")})
	if _, said, code := postward(t, "mail", "find", "bert", "--log", dir); code != exitFailed || !strings.Contains(said, `says nothing of "bert"`) {
		t.Errorf("%d %s", code, said)
	}
}

func TestABrokenFileDoesNotEndTheSearch(t *testing.T) {
	broken := zipped(t, mailsOf(0, 9, "anna"))
	dir := rig.WriteDir(t, map[string]string{"mail.log.2.gz": broken[:len(broken)/2], "mail.log.1": mailsOf(10, 11, "anna"), "mail.log": mailsOf(12, 13, "anna")})
	for _, verb := range []string{"find", "trace"} {
		out, said, code := postward(t, "mail", verb, "anna", "--log", dir)
		if code != exitFine || !strings.Contains(out, "A000000A") || !strings.Contains(out, "A000000C") || !strings.Contains(said, "mail.log.2.gz") {
			t.Errorf("%s: %d %s %s", verb, code, out, said)
		}
	}
}

func TestTheLastMailsAreShownAndTheOthersCounted(t *testing.T) {
	dir := rig.WriteDir(t, map[string]string{"mail.log": mailsOf(0, maxFound+100, "anna")})
	out, said, code := postward(t, "mail", "trace", "anna", "--log", dir)
	if code != exitFine || !strings.Contains(out, "n599@x.example") || strings.Contains(out, "n499@x.example") || !strings.Contains(out, "597 mails before these") {
		t.Errorf("%d %s %s", code, out, said)
	}
	out, said, _ = postward(t, "mail", "find", "anna", "--log", dir)
	if strings.Count(out, "\n") != maxFound+1 || !strings.Contains(out, "r599@far.example") || !strings.Contains(said, "left out 100 mails before these") {
		t.Errorf("%d rows, %s", strings.Count(out, "\n"), said)
	}
	out, _, _ = postward(t, "--json", "mail", "find", "r7@far.example", "--log", dir)
	var mails []delivery.Mail
	if err := json.Unmarshal([]byte(out), &mails); err != nil || len(mails) != 1 || mails[0].Account != "anna" {
		t.Errorf("%v %v", mails, err)
	}
}

// TestATraceSaysWhatWasProved: of the mail, and of no other that had its queue ID at another time.
func TestATraceSaysWhatWasProved(t *testing.T) {
	dir := rig.WriteDir(t, map[string]string{"mail.log": mailsOf(0, 3, "anna"), "postward.toml": ""})
	config := filepath.Join(dir, "postward.toml")
	if err := os.WriteFile(config, fmt.Appendf(nil, "state_dir = %q\n[postfix]\nlog_file = %q\n", dir, filepath.Join(dir, "mail.log")), 0o600); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 1, 8, 0, 1, 0, time.UTC)
	ledger := map[string]string{}
	for _, r := range []proof.Record{
		{At: at, QueueID: "A0000000", Action: guard.Accept, Results: []string{"spf=fail smtp.mailfrom=anna@example.org", "dmarc=fail policy.dmarc=quarantine header.from=example.org"}, Disposition: mailauth.Mark, Rule: "its author's domain asks to be careful with it"},
		{At: at.AddDate(0, 0, 9), QueueID: "A0000000", Action: guard.Accept, Results: []string{"spf=pass smtp.mailfrom=x@later.example"}},
		{At: at, QueueID: "A0000001", Account: "anna", Action: guard.Accept, Signed: []string{"example.org by pw20261130r", "example.org by pw20261130e"}},
		{At: at, QueueID: "A0000002", Account: "anna", Action: guard.Hold, Unsigned: "no key signs for example.org"},
	} {
		line, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		ledger[r.At.Format("20060102")+".jsonl"] += string(line) + "\n"
	}
	if err := os.Rename(rig.WriteDir(t, ledger), filepath.Join(dir, "proofs")); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{
		"A0000000": "  proved    spf=fail smtp.mailfrom=anna@example.org\n            dmarc=fail policy.dmarc=quarantine header.from=example.org\n            marked: its author's domain asks to be careful with it\n",
		"A0000001": "  signed    for example.org by pw20261130r, example.org by pw20261130e\n",
		"A0000002": "  signed    not: no key signs for example.org\n",
	} {
		out, said, code := postward(t, "--config", config, "mail", "trace", id)
		if code != exitFine || !strings.Contains(out, want) || strings.Contains(out, "later.example") {
			t.Errorf("%s: %d %s %s", id, code, out, said)
		}
		out, _, _ = postward(t, "--config", config, "--json", "mail", "trace", id)
		var mails []traced
		if err := json.Unmarshal([]byte(out), &mails); err != nil || len(mails) != 1 || len(mails[0].Proofs) != 1 || mails[0].IDs[0] != id {
			t.Errorf("%s: %v %s", id, err, out)
		}
	}
}

func TestATraceOfHeldMailSaysWhatComesNext(t *testing.T) {
	text := `2026-11-01T08:00:00Z mx postfix/submission/smtpd[9]: A1B2C3D4: client=unknown[203.0.113.9], sasl_method=PLAIN, sasl_username=anna
2026-11-01T08:00:00Z mx postfix/cleanup[4]: A1B2C3D4: message-id=<n@x.example>
2026-11-01T08:00:00Z mx postfix/qmgr[2]: A1B2C3D4: from=<anna@example.org>, size=900, nrcpt=3 (queue active)
2026-11-01T08:00:01Z mx postfix/postsuper[5]: A1B2C3D4: placed on hold
`
	dir := rig.WriteDir(t, map[string]string{"mail.log": text})
	out, said, code := postward(t, "mail", "trace", "A1B2C3D4", "--log", dir)
	for _, want := range []string{"A1B2C3D4: in hold", "  to 3 recipients", "postward held show A1B2C3D4", "postcat -q A1B2C3D4"} {
		if code != exitFine || !strings.Contains(out, want) {
			t.Errorf("no %q: %d %s %s", want, code, out, said)
		}
	}
	if out, _, _ := postward(t, "mail", "trace", "anna", "--log", rig.WriteDir(t, map[string]string{"mail.log": mailsOf(0, 1, "anna")})); strings.Contains(out, "Next") || strings.Contains(out, "  to ") {
		t.Error(out)
	}
}

func TestANoticeIsByThisServerAndNobodyIsNotNamed(t *testing.T) {
	text := `2026-11-01T08:00:00Z mx postfix/submission/smtpd[9]: A1B2C3D4: client=unknown[203.0.113.9], sasl_method=PLAIN, sasl_username=anna
2026-11-01T08:00:00Z mx postfix/cleanup[4]: A1B2C3D4: message-id=<n@x.example>
2026-11-01T08:00:00Z mx postfix/qmgr[2]: A1B2C3D4: from=<anna@example.org>, size=900, nrcpt=1 (queue active)
2026-11-01T08:00:01Z mx postfix/smtp[3]: A1B2C3D4: to=<r@far.example>, relay=none, delay=0.09, delays=0/0/0.09/0, dsn=5.4.4, status=bounced (Host not found)
2026-11-01T08:00:01Z mx postfix/cleanup[4]: B1B2C3D4: message-id=<b@x.example>
2026-11-01T08:00:01Z mx postfix/bounce[6]: A1B2C3D4: sender non-delivery notification: B1B2C3D4
2026-11-01T08:00:01Z mx postfix/qmgr[2]: B1B2C3D4: from=<>, size=900, nrcpt=1 (queue active)
2026-11-01T08:00:01Z mx postfix/qmgr[2]: A1B2C3D4: removed
2026-11-01T08:00:01Z mx postfix/local[7]: B1B2C3D4: to=<anna@example.org>, relay=local, delay=0.1, delays=0/0/0/0.1, dsn=2.0.0, status=sent (delivered to mailbox)
2026-11-01T08:00:01Z mx postfix/qmgr[2]: B1B2C3D4: removed
`
	dir := rig.WriteDir(t, map[string]string{"mail.log": text})
	out, said, _ := postward(t, "mail", "trace", "B1B2C3D4", "--log", dir)
	if !strings.Contains(out, "from <>, a notice of this server about A1B2C3D4\n") || strings.Contains(out, "stranger") {
		t.Error(out, said)
	}
	out, _, _ = postward(t, "mail", "trace", "A1B2C3D4", "--log", dir)
	if !strings.Contains(out, "after 0.09 s\n") || strings.Contains(out, "none") {
		t.Error(out)
	}
}

// TestWhatWasRefusedIsFoundWithItsReason: a mail that was refused at its end, one that never had a queue ID, and one on hold.
func TestWhatWasRefusedIsFoundWithItsReason(t *testing.T) {
	const smtpd, cleanup = "2026-11-01T08:00:00Z mx postfix/submission/smtpd[9]: ", "2026-11-01T08:00:00Z mx postfix/cleanup[4]: "
	const envelope = "; from=<rita@example.org> to=<%s@far.example> proto=ESMTP helo=<x>\n"
	log := smtpd + "4AAAA1: client=unknown[203.0.113.9], sasl_method=PLAIN, sasl_username=rita\n" +
		cleanup + "4AAAA1: milter-reject: END-OF-MESSAGE from unknown[203.0.113.9]: 5.7.1 too many strangers" + fmt.Sprintf(envelope, "one") +
		smtpd + "NOQUEUE: reject: RCPT from unknown[203.0.113.9]: 554 5.7.1 <two@far.example>: Relay access denied" + fmt.Sprintf(envelope, "two") +
		smtpd + "4CCCC1: client=unknown[203.0.113.9], sasl_method=PLAIN, sasl_username=rita\n" +
		cleanup + "4CCCC1: milter-hold: END-OF-MESSAGE from unknown[203.0.113.9]: milter triggers HOLD action" + fmt.Sprintf(envelope, "three")
	dir := rig.WriteDir(t, map[string]string{"mail.log": log})
	for key, want := range map[string][]string{
		"4AAAA1":            {"4AAAA1: refused", "5.7.1 too many strangers", "to one@far.example"},
		"one@far.example":   {"4AAAA1: refused", "5.7.1 too many strangers"},
		"two@far.example":   {"NOQUEUE: refused", "554 5.7.1 <two@far.example>: Relay access denied", "at 203.0.113.9"},
		"three@far.example": {"4CCCC1: in hold", "milter-hold: milter triggers HOLD action"},
	} {
		out, said, code := result(t, exec.Command(os.Args[0], "mail", "trace", key, "--log", dir), "")
		for _, w := range want {
			if code != exitFine || !strings.Contains(out, w) {
				t.Errorf("%s: no %q: %d %s %s", key, w, code, out, said)
			}
		}
		if out, _, code := result(t, exec.Command(os.Args[0], "mail", "find", key, "--log", dir), ""); code != exitFine || !strings.Contains(out, "@far.example") {
			t.Errorf("find %s: %d %s", key, code, out)
		}
	}
}

// TestCopiesAreNoAttempts: local(8) writes one name for each mailbox, file and command of an alias.
func TestCopiesAreNoAttempts(t *testing.T) {
	const smtpd, qmgr, local = "2026-11-01T08:00:00Z mx postfix/submission/smtpd[9]: ", "2026-11-01T08:00:00Z mx postfix/qmgr[2]: ", "2026-11-01T08:00:01Z mx postfix/local[3]: 4AAAA1: to=<team@example.org>, relay=local, delay=1, delays=0/0/0/1, "
	begin := smtpd + "4AAAA1: client=unknown[203.0.113.9], sasl_method=PLAIN, sasl_username=rita\n" + qmgr + "4AAAA1: from=<rita@example.org>, size=900, nrcpt=1 (queue active)\n"
	sent, later := local+"dsn=2.0.0, status=sent (delivered to command: cat)\n", local+"dsn=4.3.0, status=deferred (temporary failure)\n"
	bounced := local + "dsn=5.2.0, status=bounced (mailbox full)\n"
	for lines, want := range map[string]string{
		strings.Repeat(sent, 5):     "sent      team@example.org, 5 copies, 1 attempt,",
		sent:                        "sent      team@example.org, 1 attempt,",
		later + sent:                "sent      team@example.org, 2 attempts,",
		later + later + sent + sent: "sent      team@example.org, 2 copies, 3 attempts,",
		sent + bounced:              "bounced   team@example.org, 2 copies, 1 attempt,",
		bounced + sent:              "bounced   team@example.org, 2 copies, 1 attempt,",
		sent + sent + later + sent:  "sent      team@example.org, 3 copies, 2 attempts,",
	} {
		dir := rig.WriteDir(t, map[string]string{"mail.log": begin + lines})
		if out, said, _ := postward(t, "mail", "trace", "rita", "--log", dir); !strings.Contains(out, want) {
			t.Errorf("no %q: %s%s", want, out, said)
		}
	}
}

// TestARefusedRecipientOfAMailThatWasTakenIsFound: with the reason; and so is what an account was refused before it had a queue ID,
// though other mail of it left.
func TestARefusedRecipientOfAMailThatWasTakenIsFound(t *testing.T) {
	const smtpd = "2026-11-01T09:00:00Z mx postfix/submission/smtpd[9]: "
	log := mailOf(1, "rita", "good@far.example")
	log = strings.Replace(log, "2026-11-01T08:01:00Z mx postfix/cleanup", smtpd+"A0000001: reject: RCPT from unknown[203.0.113.9]: 550 5.1.1 <bad@far.example>: User unknown; from=<rita@example.org> to=<bad@far.example> proto=ESMTP helo=<x>\n2026-11-01T08:01:00Z mx postfix/cleanup", 1)
	log += smtpd + "NOQUEUE: milter-reject: MAIL from unknown[203.0.113.9]: 550 5.7.1 sending from this account was stopped, incident 4; from=<rita@example.org> proto=ESMTP helo=<x> sasl_username=<rita>\n"
	log += smtpd + "NOQUEUE: reject: RCPT from unknown[198.51.100.9]: 554 5.7.1 Service unavailable; from=<x@spam.example> to=<good@far.example> proto=ESMTP helo=<x>\n"
	dir := rig.WriteDir(t, map[string]string{"mail.log": log})
	for key, want := range map[string][]string{
		"bad@far.example":  {"refused   bad@far.example", "550 5.1.1 <bad@far.example>: User unknown", "sent      good@far.example"},
		"rita":             {"NOQUEUE: refused", "milter-reject: 550 5.7.1 sending from this account was stopped, incident 4"},
		"rita@example.org": {"NOQUEUE: refused", "was stopped, incident 4"},
	} {
		out, said, code := postward(t, "mail", "trace", key, "--log", dir)
		for _, w := range want {
			if code != exitFine || !strings.Contains(out, w) {
				t.Errorf("%s: no %q: %d %s%s", key, w, code, out, said)
			}
		}
	}
	if out, _, _ := postward(t, "mail", "find", "good@far.example", "--log", dir); strings.Contains(out, "NOQUEUE") {
		t.Errorf("a stranger's refusals bury the mail: %s", out)
	}
	if out, _, _ := postward(t, "mail", "find", "rita", "--log", dir); strings.Count(out, "\n") != 3 || !strings.Contains(out, "NOQUEUE") {
		t.Error(out)
	}
}
