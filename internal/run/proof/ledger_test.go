package proof

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postward/internal/auth/mailauth"
	"postward/internal/guard"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// found are the records of some queue IDs in a directory, from noon's day.
func found(t *testing.T, dir string, ids ...string) (all []Record) {
	t.Helper()
	err := Find(dir, noon.Add(-time.Hour), noon.Add(time.Hour), func(id string) bool { return slices.Contains(ids, id) }, func(r Record) { all = append(all, r) })
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestWhatWasProvedIsFoundAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "proofs")
	l := NewLedger(dir, slog.Default())
	if got := found(t, dir, "4A"); got != nil {
		t.Fatalf("of a directory that is not there: %v", got)
	}
	add := func(id string) {
		l.lines.add(&Record{At: noon, QueueID: id, Action: guard.Accept, Results: []string{"spf=pass smtp.mailfrom=\"a\"@b.example", id}})
	}
	add("4A")
	add("4B")
	l.lines.flush()
	f, err := os.OpenFile(filepath.Join(dir, "20261130.jsonl"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(f, "{\"queue_id\":\"4C\",\"results\":[\"%s\n", strings.Repeat("x", 3*maxLine)) // torn, and long
	fmt.Fprint(f, `{"queue_id":"4D","results":["torn`)                                         // by a crash, or a disk that was full
	f.Close()
	add("4C")
	l.Close()
	for id, want := range map[string]int{"4A": 1, "4B": 1, "4C": 1, "4D": 0, "4": 0, "": 0} {
		if got := found(t, dir, id); len(got) != want || want == 1 && got[0].Results[1] != id {
			t.Errorf("%q: %+v", id, got)
		}
	}
	info, err := os.Stat(f.Name())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
}

func TestDaysThatAreLongOverGo(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "proofs")
	l := NewLedger(dir, slog.Default())
	for day := range 20 {
		l.lines.add(&Record{At: noon.AddDate(0, 0, day), QueueID: "4A"})
		l.Close()
		if err := os.WriteFile(filepath.Join(dir, "note.txt"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	days, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(days) != keptFiles+1 || filepath.Base(days[0]) != "20261206.jsonl" || filepath.Base(days[keptFiles]) != "note.txt" {
		t.Errorf("%q %v", days, err)
	}
}

// TestADiskThatTakesNothingIsToldOnce: no mail waits for it, and it is written again when it can be.
func TestADiskThatTakesNothingIsToldOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "proofs")
	var said bytes.Buffer
	l := NewLedger(dir, slog.New(slog.NewTextHandler(&said, nil)))
	write := func() {
		l.lines.add(&Record{At: noon, QueueID: "4A"})
		l.lines.flush()
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	write()
	write()
	if n := strings.Count(said.String(), "not written down"); n != 1 {
		t.Errorf("told %d times: %s", n, &said)
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	write()
	if len(found(t, dir, "4A")) != 1 {
		t.Error("not written again")
	}
	day := filepath.Join(dir, "20261130.jsonl")
	if err := os.Truncate(day, maxDay); err != nil {
		t.Fatal(err)
	}
	write()
	if info, err := os.Stat(day); err != nil || info.Size() != maxDay || !strings.Contains(said.String(), "is full") {
		t.Errorf("%d %v: %s", info.Size(), err, &said)
	}
	if err := os.Remove(day); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/null", day); err != nil {
		t.Fatal(err)
	}
	write()
	if !strings.Contains(said.String(), "too many levels of symbolic links") {
		t.Errorf("a link is followed: %s", &said)
	}
}

func TestWhatWaitsForASlowDiskIsBounded(t *testing.T) {
	l := NewLedger(filepath.Join(t.TempDir(), "proofs"), slog.Default())
	l.lines.due = true // the disk is busy
	r := Record{At: noon, QueueID: "4A", Unsigned: strings.Repeat("x", 100_000)}
	for range 100 {
		l.lines.add(&r)
	}
	if n := len(l.lines.waiting); n > maxWaiting || n < maxWaiting/2 {
		t.Errorf("%d octets wait", n)
	}
}

// TestEachMailHasItsRecord: what passed, and what did not, of both ways.
func TestEachMailHasItsRecord(t *testing.T) {
	h := begin(t, true, nil)
	h.Beside(nil)
	l := h.options.Ledger
	mine := &guard.Transaction{Login: "anna", QueueID: "4A", Direction: guard.Submission}
	h.passes(mine, header, "x\r\n")
	mine.QueueID, h.may = "4B", false
	h.passes(mine, header, "x\r\n")
	m, fields := outsider("198.51.100.9", "bob@far.example")
	m.QueueID = "4C"
	h.passes(m, fields, "x\r\n")
	l.Close()
	now := time.Now()
	got := map[string]Record{}
	if err := Find(l.lines.dir, now.Add(-time.Hour), now, func(string) bool { return true }, func(r Record) { got[r.QueueID] = r }); err != nil {
		t.Fatal(err)
	}
	if r := got["4A"]; r.Account != "anna" || !slices.Equal(r.Signed, []string{"example.org by e", "example.org by r"}) && !slices.Equal(r.Signed, []string{"example.org by r", "example.org by e"}) {
		t.Errorf("%+v", r)
	}
	if r := got["4B"]; r.Unsigned != "its account may not write as its author" || r.Signed != nil {
		t.Errorf("%+v", r)
	}
	r := got["4C"]
	if r.Account != "" || r.Disposition != mailauth.Reject || !strings.HasPrefix(r.Rule, "its author's domain asks to reject it") || !slices.Contains(r.Results, "dmarc=fail policy.dmarc=quarantine header.from=far.example") ||
		!slices.ContainsFunc(r.Results, func(s string) bool { return strings.HasPrefix(s, "spf=fail ") }) {
		t.Errorf("%+v", r)
	}
	if mails, signed := l.Signed("anna", now); mails != 2 || signed != 1 {
		t.Errorf("anna: %d of %d", signed, mails)
	}
	if mails, _ := l.Signed("bert", now); mails != 0 {
		t.Errorf("bert: %d", mails)
	}
}

func FuzzRecords(f *testing.F) {
	f.Add([]byte("{\"queue_id\":\"4A\"}\n{\"queue_id\":\"4A\",\"disposition\":\"mark\"}\n"))
	f.Add([]byte("{\"queue_id\":\"4A\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		n := 0
		err := eachRecord(bytes.NewReader(text), func(id string) bool { return id == "4A" }, func(Record) { n++ })
		if err != nil || n > bytes.Count(text, []byte("4A")) {
			t.Fatalf("%d records: %v", n, err)
		}
	})
}
