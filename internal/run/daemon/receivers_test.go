package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postward/internal/lists/receivers"
	"postward/internal/log/follow"
)

const (
	takenLine   = "2026-03-01T09:00:00+00:00 mx postfix/smtp[7]: 4ABC123: to=<a@club.example>, relay=aspmx.l.google.com[192.0.2.9]:25, delay=1, delays=0.1/0/0.5/0.4, dsn=2.0.0, status=sent (250 2.0.0 OK x - gsmtp)"
	refusedLine = "2026-03-01T10:00:00+00:00 mx postfix/smtp[7]: 4ABC124: to=<a@club.example>, relay=aspmx.l.google.com[192.0.2.9]:25, delay=1, delays=0.1/0/0.5/0.4, dsn=5.7.1, status=bounced (host aspmx.l.google.com[192.0.2.9] said: 550-5.7.1 likely suspicious due to the very low reputation of the sending 550 5.7.1 domain (in reply to end of DATA command))"
	hereLine    = "2026-03-01T11:00:00+00:00 mx postfix/local[7]: 4ABC125: to=<a@here.example>, relay=local, delay=1, delays=0.1/0/0.5/0.4, dsn=5.2.2, status=bounced (mailbox full)"
	filterLine  = "2026-03-01T11:00:00+00:00 mx postfix/smtp[7]: 4ABC126: to=<a@club.example>, relay=127.0.0.1[127.0.0.1]:10024, delay=1, delays=0.1/0/0.5/0.4, dsn=5.7.0, status=bounced (host 127.0.0.1[127.0.0.1] said: 550 5.7.0 spam source blacklisted (in reply to end of DATA command))"
)

// hearAll gives a daemon a batch of lines.
func hearAll(t *testing.T, d *Daemon, lines ...string) {
	t.Helper()
	b := follow.Batch{}
	for _, l := range lines {
		b.Lines = append(b.Lines, follow.Line{Text: []byte(l)})
	}
	if err := d.takeLines(t.Context(), b); err != nil {
		t.Fatal(err)
	}
}

func boardRows(d *Daemon) []receivers.Row { return d.receiverList().Receivers }

// TestWhatReceiversSayOutlivesARestart: it is written with the place in the log, at the end too, and counted once.
func TestWhatReceiversSayOutlivesARestart(t *testing.T) {
	dir := t.TempDir()
	d := begin(t, dir)
	d.recallReceivers(t.Context(), "")
	hearAll(t, d, takenLine, refusedLine, hereLine, filterLine)
	d.setPlace(d.place, true)
	end(t, d)
	d = begin(t, dir)
	defer end(t, d)
	d.recallReceivers(t.Context(), "")
	rows := boardRows(d)
	if len(rows) != 1 || rows[0].Receiver != "gmail" || rows[0].State != receivers.Refusing || rows[0].Days[0].Accepted != 1 || rows[0].Days[0].Refused != 1 {
		t.Errorf("%+v", rows)
	}
}

// TestTheBoardIsNotWrittenInTheMiddleOfABatch: it would hold lines that are read again.
func TestTheBoardIsNotWrittenInTheMiddleOfABatch(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	d.recallReceivers(t.Context(), "")
	hearAll(t, d, takenLine)
	if d.place == "" {
		t.Fatal("no place after a batch")
	}
	d.place = "x"
	if _, err := d.hear(t.Context(), []byte(refusedLine), follow.Key{}); err != nil {
		t.Fatal(err)
	}
	first, err := d.board.cursors("p", d.board.written, false)
	if err != nil || first[receiversName] != "" || first[cursorName] != "p" {
		t.Errorf("at once: %v, %v", first, err)
	}
	later, err := d.board.cursors("q", d.board.written.Add(boardSoon), false)
	if err != nil || !strings.Contains(later[receiversName], `"refusing"`) || later[cursorName] != "q" {
		t.Errorf("after a while: %v, %v", later, err)
	}
}

// TestABrokenFileOfRepliesStopsNothing: it is said, with its line, and the program's own are used.
func TestABrokenFileOfRepliesStopsNothing(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mine.yaml"), []byte("replies:\n- name: mine\n  clas: x\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	d.recallReceivers(t.Context(), dir)
	hearAll(t, d, refusedLine)
	all := strings.Join(d.troubles.List(), "|")
	if !strings.Contains(all, `mine.yaml:3: unknown key "clas"`) || len(boardRows(d)) != 1 {
		t.Errorf("%s; %+v", all, boardRows(d))
	}
}
