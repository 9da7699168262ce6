package postfix

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// record is a record of a queue file.
func record(kind byte, value string) string {
	n, length := len(value), ""
	for {
		b := byte(n & 0x7f)
		if n >>= 7; n > 0 {
			b |= 0x80
		}
		length += string([]byte{b})
		if n == 0 {
			return string([]byte{kind}) + length + value
		}
	}
}

func queueFile(arrived int64, sender string) string {
	return record('C', "            486             661               1               0             486               0") +
		record('T', fmt.Sprintf("%d 123456", arrived)) + record('A', "log_message_origin="+strings.Repeat("x", 200)) + record('S', sender) + record('T', "1 1")
}

func TestTheEnvelopeOfAQueueFileIsRead(t *testing.T) {
	whole := queueFile(1_700_000_000, "a@example.org")
	changed := strings.Replace(whole, record('S', "a@example.org"), record('p', fmt.Sprintf("%13d", len(whole))), 1) // as long as what it was
	for sender, text := range map[string]string{"a@example.org": whole, "": queueFile(1_700_000_000, ""), "b@example.org": changed + record('S', "b@example.org")} {
		want := Entry{Sender: sender, Arrived: time.Unix(1_700_000_000, 0), Size: 486}
		if got, err := Envelope(strings.NewReader(text)); err != nil || got != want {
			t.Errorf("%+v %v", got, err)
		}
	}
	for name, text := range map[string]string{
		"nothing": "", "no time": record('C', "1") + record('S', "a@b"), "cut": "T\x7f17", "an endless length": "T\xff\xff\xff\xff\xff\xff", "no number": record('T', "soon 1"),
		"too long": "A\xff\xff\x7f", "many": strings.Repeat(record('A', "x=y"), maxRecords+1) + record('T', "1 1"), "negative": record('T', "-5 1"),
		"no sender": record('T', "1 1"), "to nowhere": record('T', "1 1") + record('p', "99999"), "to itself": record('p', "0"), "round": record('T', "1 1") + record('p', "5"),
	} {
		if got, err := Envelope(strings.NewReader(text)); !errors.Is(err, ErrNoQueueFile) {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

// FuzzEnvelope reads anything, within its bounds.
func FuzzEnvelope(f *testing.F) {
	f.Add([]byte(queueFile(1_700_000_000, "a@example.org")))
	f.Add([]byte("T\xff\xff\xff"))
	f.Add([]byte(record('p', "3")))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Envelope(bytes.NewReader(b))
		if err == nil && (e.Arrived.Unix() < 0 || e.Arrived.Unix() > 1<<40 || len(e.Sender) > maxRecordLen) {
			t.Error(e)
		}
	})
}

// TestOnlyMailIsFoundInTheQueue: hashed or not; no link, pipe, socket or directory, nothing that is unfinished or damaged.
func TestOnlyMailIsFoundInTheQueue(t *testing.T) {
	dir := t.TempDir()
	lay := func(name, text string, mode os.FileMode) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), mode)); err != nil {
			t.Fatal(err)
		}
	}
	mail := queueFile(1_700_000_000, "a@example.org")
	lay("hold/A00001", mail, 0o700)
	lay("hold/A/0/A00002", mail, 0o700)
	lay("deferred/A/A00003", mail, 0o700)
	lay("active/4jdQ4z2ncwzgJX3", mail, 0o700)
	lay("incoming/A00004", mail, 0o600)
	lay("hold/A00005", mail[:20], 0o700)
	lay("maildrop/A00006", mail, 0o700)
	lay("elsewhere", mail, 0o700)
	err := errors.Join(os.Symlink("../elsewhere", filepath.Join(dir, "hold/A00007")), syscall.Mkfifo(filepath.Join(dir, "hold/A00008"), 0o700),
		os.Mkdir(filepath.Join(dir, "hold/A00009"), 0o700), syscall.Mknod(filepath.Join(dir, "hold/A0000A"), syscall.S_IFSOCK|0o700, 0))
	if err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	s, found := spool{root}, map[QueueID]*Entry{}
	defer s.Close()
	ids := []QueueID{"A00001", "A00002", "A00003", "4jdQ4z2ncwzgJX3", "A00004", "A00005", "A00006", "A00007", "A00008", "A00009", "A0000A", "A0000B"}
	if err := s.seek(ids, found); err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		if e := found[id]; (e != nil) != (i < 4) {
			t.Errorf("%s: %+v", id, e)
		}
	}
	if found["A00002"].Queue != QueueHold || found["A00003"].Queue != QueueDeferred || found["4jdQ4z2ncwzgJX3"].Queue != QueueActive {
		t.Errorf("%+v", found)
	}
	held, err := s.held()
	slices.Sort(held)
	if want := []QueueID{"A00001", "A00002", "A00005"}; err != nil || !slices.Equal(held, want) {
		t.Errorf("in hold are %v %v, want %v", held, err, want)
	}
	if err := os.RemoveAll(filepath.Join(dir, "hold")); err != nil {
		t.Fatal(err)
	}
	if held, err := s.held(); err == nil {
		t.Errorf("without a hold queue %v are in it", held)
	}
}
