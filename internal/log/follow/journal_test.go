package follow

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"postward/internal/log/oldlog"
)

// fakeJournalctl puts a program of its name first in the PATH, which reads a journal without an entry of the mail log as
// long as the file of which the path is returned exists. (Real journals are in daemons_test.go; none fails when asked.)
func fakeJournalctl(t *testing.T) (works string) {
	t.Helper()
	dir := t.TempDir()
	works = filepath.Join(dir, "works")
	script := "#!/bin/sh\n[ -e " + works + " ] || { echo no journal files were opened >&2; exit 1; }\n" +
		"case \"$*\" in *--follow*) exec sleep 1000;; esac\n"
	if err := os.WriteFile(filepath.Join(dir, "journalctl"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	return works
}

// TestTroubleWithAQuietJournalEnds though no entry comes: that journalctl works again is enough.
func TestTroubleWithAQuietJournalEnds(t *testing.T) {
	works := fakeJournalctl(t)
	for name, from := range map[string]Position{"no position": {}, "a position without a cursor": {Path: "journal", At: time.Unix(1_700_000_000, 0)}} {
		t.Run(name, func(t *testing.T) {
			led := newLedger()
			led.pos = from
			stop := led.run(t, "journal", FromEnd)
			led.await(t, "trouble", func() bool {
				return len(led.ills) == 1 && strings.Contains(led.ills[0], "no journal files were opened")
			})
			if err := os.WriteFile(works, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			led.await(t, "its end", func() bool { return len(led.ills) == 2 && led.ills[1] == "<nil>" })
			stop()
			if err := os.Remove(works); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestAnEntryThatItsCursorDoesNotFindIsNotLost: journalctl of systemd 253 to 257 at least begins behind it now and then.
func TestAnEntryThatItsCursorDoesNotFindIsNotLost(t *testing.T) {
	entry := func(n int) string {
		return fmt.Sprintf(`{"__CURSOR":"s=c2331133b1a24726a97aad352f1e4270;i=%d;b=1;m=%d;t=1;x=%d","__REALTIME_TIMESTAMP":"170000000000000%d",`+
			`"_UID":"0","SYSLOG_IDENTIFIER":"postfix/qmgr","MESSAGE":"line %d"}`, n, n, n, n, n)
	}
	dir := t.TempDir()
	for n := range 5 {
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(n)), []byte(entry(n)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	script := "#!/bin/sh\ncd " + dir + "\ncase \"$*\" in *--cursor*) cat 3 4;; *) cat [0-4];; esac\n" +
		"case \"$*\" in *--follow*) exec sleep 1000;; esac\n"
	if err := os.WriteFile(filepath.Join(dir, "journalctl"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	for gaps, from := range []int{2, 7} {
		led := newLedger()
		cursor := strings.Replace(strings.Split(entry(2), `"`)[3], "i=2;", fmt.Sprintf("i=%d;", from), 1)
		led.pos = at(Position{Path: "journal"}, &oldlog.Entry{Cursor: cursor, At: time.UnixMicro(1_700_000_000_000_002)})
		stop := led.run(t, "journal", FromEnd)
		led.await(t, "two lines", func() bool { return len(led.lines) == 2 })
		stop()
		if !strings.HasSuffix(led.lines[0], "line 3") || !strings.HasSuffix(led.lines[1], "line 4") || len(led.gaps) != gaps {
			t.Errorf("after entry %d: %q, gaps %+v", from, led.lines, led.gaps)
		}
	}
}

// TestAnotherLogIsAGap: what the log of the stored position still has is not read.
func TestAnotherLogIsAGap(t *testing.T) {
	old, log := newLog(t), newLog(t)
	old.write("one\n")
	log.write("before\n")
	led := newLedger()
	stop := led.run(t, old.path, FromStart)
	led.awaitLines(t, "one")
	stop()
	before := led.pos
	old.write("two\n")
	stop = led.run(t, log.path, FromEnd)
	led.await(t, "the new log's position", func() bool { return led.pos.Path == log.path })
	log.write("three\n")
	led.awaitLines(t, "one", "three")
	stop()
	if len(led.gaps) != 1 || led.gaps[0] != (Gap{Reason: Lost, Path: old.path, After: before}) {
		t.Errorf("gaps %+v", led.gaps)
	}
}
