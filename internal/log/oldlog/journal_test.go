package oldlog

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// entriesOf reads what journalctl could print.
func entriesOf(t *testing.T, trust trust, printed ...string) (all []Entry) {
	t.Helper()
	in := entries{in: bufio.NewReaderSize(strings.NewReader(strings.Join(printed, "\n")+"\n"), maxEntry), trust: trust}
	if err := in.each(func(e *Entry, _ bool) error { all = append(all, *e); return nil }); err != nil {
		t.Fatal(err)
	}
	return all
}

// printed is an entry as journalctl prints it, with further fields.
func printed(fields string) string {
	return `{"__CURSOR":"s=1;i=2","__REALTIME_TIMESTAMP":"1700000000000000","SYSLOG_IDENTIFIER":"postfix/qmgr",` + fields + `}`
}

func TestOnlyMailProgramsAreBelieved(t *testing.T) {
	here, there := trust{uids: map[uint64]bool{0: true, 103: true}}, trustOf("/mnt/journal")
	for uid, believed := range map[string][2]bool{
		"0": {true, true}, "103": {true, true}, "33": {false, true}, "999": {false, true}, "1000": {}, "60001": {}, "65534": {}, "100000": {}, "": {}, "-1": {}, "4294967296": {},
	} {
		for i, trust := range []trust{here, there} {
			e := entriesOf(t, trust, printed(fmt.Sprintf(`"MESSAGE":"x","_UID":%q`, uid)))[0]
			if e.Foreign() == believed[i] {
				t.Errorf("uid %s, in a directory %v: believed %v", uid, i == 1, !e.Foreign())
			}
		}
	}
	if e := entriesOf(t, here, printed(`"MESSAGE":"x"`))[0]; !e.Foreign() {
		t.Error("an entry of nobody is believed")
	}
	if own := trustOf(""); !own.believes([]byte("0")) || own.believes([]byte("33")) || own.believes([]byte("100000")) {
		t.Errorf("%+v", own)
	}
}

func TestOnlyJournaldSaysWhatItLeftOut(t *testing.T) {
	const notice = `"MESSAGE":"Suppressed 17 messages from postfix@-.service","N_DROPPED":"17","_UID":"0","MESSAGE_ID":"` + dropped + `"`
	for transport, count := range map[string]uint64{"driver": 17, "journal": 0, "syslog": 0} {
		if e := entriesOf(t, trustOf(""), printed(notice+`,"_TRANSPORT":"`+transport+`"`))[0]; e.Dropped != count {
			t.Errorf("%s: %d", transport, e.Dropped)
		}
	}
}

func TestEntriesThatCannotBeReadAreCounted(t *testing.T) {
	const ok = `"MESSAGE":"x","_UID":"0"`
	huge := printed(`"_UID":"0","MESSAGE":"` + strings.Repeat("x", maxEntry) + `"`)
	all := entriesOf(t, trustOf(""), printed(ok), huge, "{", printed(ok), printed(`"MESSAGE":null,"_UID":"0"`), printed(`"MESSAGE":null,"_UID":"33"`), huge)
	got := ""
	for _, e := range all {
		got += fmt.Sprintf("%d:%s:%v ", e.Missed, e.Text, e.Cursor != "")
	}
	if got != "0:x:true 2:x:true 1::true 0::true 1::false " {
		t.Error(got)
	}
}

// TestAJournalIsReadAsLines: what is not believed is left out, what journald left out is said.
func TestAJournalIsReadAsLines(t *testing.T) {
	dir := t.TempDir()
	out := strings.Join([]string{
		printed(`"MESSAGE":"one","_UID":"0","_HOSTNAME":"pi","_PID":"7"`),
		printed(`"MESSAGE":"forged","_UID":"33","_HOSTNAME":"pi"`),
		printed(`"MESSAGE":null,"_UID":"0","_HOSTNAME":"pi"`),
		`{"__CURSOR":"s=1;i=2","__REALTIME_TIMESTAMP":"1700000000000000","SYSLOG_IDENTIFIER":"systemd-journald","_UID":"0","_TRANSPORT":"driver","_HOSTNAME":"pi","_PID":"2","MESSAGE":"Suppressed 17 messages from postfix@-.service","N_DROPPED":"17","MESSAGE_ID":"` + dropped + `"}`,
	}, "\n")
	for name, text := range map[string]string{"out": out + "\n", "journalctl": "#!/bin/sh\nexec cat " + filepath.Join(dir, "out") + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	const stamp = "2023-11-14T22:13:20.000000Z pi "
	want := stamp + "postfix/qmgr[7]: one|" + stamp + "systemd-journald: Suppressed 1 messages from the mail log that journalctl cannot print|" +
		stamp + "systemd-journald[2]: Suppressed 17 messages from postfix@-.service"
	if got := strings.Join(read(t, "journal"), "|"); got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}
