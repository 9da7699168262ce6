package warden

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postward/internal/host/postfix"
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

func queueFile(arrived int64, more string) string {
	return record('C', "            486             661               1               0             486               0") +
		record('T', fmt.Sprintf("%d 123456", arrived)) + record('A', "log_message_origin="+strings.Repeat("x", 200)) + record('S', "a@example.org") + more
}

// TestTheCopyOfTheMailThatIsMeantIsTaken: queue IDs are used again.
func TestTheCopyOfTheMailThatIsMeantIsTaken(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("the trash belongs to root")
	}
	dir := filepath.Join(t.TempDir(), "trash")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"4AAAA1-1700000000000000001": queueFile(1_600_000_000, "the other"), "4AAAA1-1700000000000000002": queueFile(1_700_000_000, "the one"),
		"4AAAA1-1700000000000000003.part": queueFile(1_700_000_000, "unfinished"), "4AAAA2-1700000000000000002": queueFile(1_700_000_000, "another"), "4AAAA1-1700000000000000009": "no queue file",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	trash := Trash{Dir: dir}
	at := time.Unix(1_700_000_000, 0)
	m := postfix.Held{ID: "4AAAA1", After: at, Before: at}
	f, err := trash.find(m)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	hold := filepath.Join(t.TempDir(), "hold")
	if err := os.Mkdir(hold, 0o700); err != nil {
		t.Fatal(err)
	}
	d, err := os.Open(hold)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	inode, err := lay(d, "4AAAA1", f)
	if err != nil {
		t.Fatal(err)
	}
	if id, err := nameOf(d, inode, 2); err != nil || id != "4AAAA1" {
		t.Errorf("%s %v", id, err)
	}
	text, err := os.ReadFile(filepath.Join(hold, "4AAAA1"))
	info, _ := os.Stat(filepath.Join(hold, "4AAAA1"))
	if err != nil || string(text) != queueFile(1_700_000_000, "the one") || info.Mode() != 0o700 {
		t.Errorf("%v %s %q", err, info.Mode(), text)
	}
	if _, err := lay(d, "4AAAA1", f); err == nil {
		t.Error("a mail in hold was written over")
	}
	if err := trash.drop(m); err != nil {
		t.Error(err)
	}
	if _, err := trash.find(m); err == nil || !strings.Contains(err.Error(), "no copy of it") {
		t.Errorf("it can come back twice: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 4 {
		t.Errorf("%d copies are left of 4", len(left))
	}
}

// TestALinkInTheTrashOrInHoldIsNotFollowed: the queue belongs to the user postfix.
func TestALinkInTheTrashOrInHoldIsNotFollowed(t *testing.T) {
	hold, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "x")
	if err := os.Symlink(elsewhere, filepath.Join(hold, "4AAAA1")); err != nil {
		t.Fatal(err)
	}
	d, err := os.Open(hold)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	from, err := os.CreateTemp(t.TempDir(), "copy")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	if _, err := lay(d, "4AAAA1", from); err == nil {
		t.Error("it was written through a link")
	}
	if _, err := os.Stat(elsewhere); err == nil {
		t.Error("something was made elsewhere")
	}
}
