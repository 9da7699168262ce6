package follow

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestBeginsAtTheEndUnlessTold(t *testing.T) {
	for begin, want := range map[Begin][]string{FromEnd: {"two", "three"}, FromStart: {"one", "two", "three"}} {
		log, led := newLog(t), newLedger()
		log.write("one\ntw") // the second line has no end yet
		stop := led.run(t, log.path, begin)
		led.await(t, "a first position", func() bool { return led.pos.Ino != 0 })
		log.write("o\nthree\n")
		led.awaitLines(t, want...)
		stop()
	}
}

func TestALogMayAppearLater(t *testing.T) {
	log, led := newLog(t), newLedger()
	stop := led.run(t, log.path, FromEnd)
	led.await(t, "waiting is told", func() bool { return len(led.ills) == 1 && strings.Contains(led.ills[0], "waiting") })
	log.write("one\n")
	led.awaitLines(t, "one")
	stop()
	if len(led.ills) != 2 || led.ills[1] != "<nil>" {
		t.Errorf("the end of the trouble was not told, once: %q", led.ills)
	}
}

func TestALogThatAppearsWhileWeAreDownIsReadWhole(t *testing.T) {
	log, led := newLog(t), newLedger()
	stop := led.run(t, log.path, FromEnd)
	led.await(t, "a first position", func() bool { return led.pos.Path != "" })
	stop()
	log.write("one\ntwo\n")
	log.rename()
	log.reopen()
	log.write("three\n")
	stop = led.run(t, log.path, FromEnd)
	led.awaitLines(t, "one", "two", "three")
	stop()
	if len(led.gaps) != 0 {
		t.Errorf("gaps %v", led.gaps)
	}
}

func TestAnEmptyFileMayBeFilledAndCopiedUnseen(t *testing.T) {
	log, led := newLog(t), newLedger()
	log.reopen()
	stop := led.run(t, log.path, FromStart)
	led.await(t, "a first position", func() bool { return led.pos.Ino != 0 })
	stop()
	log.write("one\n")
	log.copyTruncate()
	log.write("two\n")
	log.copyTruncate()
	stop = led.run(t, log.path, FromStart)
	log.write("three\n")
	led.awaitLines(t, "one", "two", "three")
	stop()
}

func TestALineIsHandedOutWhenItEnds(t *testing.T) {
	log, led := newLog(t), newLedger()
	stop := led.run(t, log.path, FromStart)
	for _, piece := range []string{"o", "n", "e", "\nt", "wo\n\nthr", "ee\n"} {
		log.write(piece)
	}
	led.awaitLines(t, "one", "two", "", "three")
	stop()
}

func TestRestartResumesExactly(t *testing.T) {
	log, led := newLog(t), newLedger()
	var want []string
	for _, word := range []string{"one", "two", "three", "four"} {
		stop := led.run(t, log.path, FromStart)
		log.write(word + "\n" + word + " again\nhalf of ")
		want = append(want, word, word+" again")
		led.await(t, "lines", func() bool { return len(led.lines) == len(want) })
		stop()
		stored, err := json.Marshal(led.pos)
		log.must(err)
		led.pos = Position{}
		log.must(json.Unmarshal(stored, &led.pos))
		want = append(want, "half of "+word)
		log.write(word + "\n")
	}
	stop := led.run(t, log.path, FromStart)
	led.awaitLines(t, want...)
	stop()
}

func TestRefusedLinesComeAgainUnderTheSameKey(t *testing.T) {
	log, led := newLog(t), newLedger()
	log.write("one\ntwo\n")
	full := errors.New("disk full")
	var first []Key
	refuse := func(b Batch) error {
		for i := range b.Lines {
			first = append(first, b.Key(i))
		}
		if len(b.Lines) > 0 {
			return full
		}
		return led.take(b)
	}
	if err := Follow(t.Context(), Config{Path: log.path, Begin: FromStart}, refuse); !errors.Is(err, full) {
		t.Fatalf("the consumer's error is not the reason: %v", err)
	}
	log.copyTruncate() // not even a copy changes the keys
	stop := led.run(t, log.path, FromStart)
	led.awaitLines(t, "one", "two")
	stop()
	for i, key := range first {
		if led.keys[key] != led.lines[i] {
			t.Errorf("key %v is not line %q again", key, led.lines[i])
		}
	}
}

func TestLongLinesAreCut(t *testing.T) {
	log, led := newLog(t), newLedger()
	stop := led.run(t, log.path, FromStart)
	long := strings.Repeat("x", MaxLine+1)
	giant := strings.Repeat("y", 3*bufferSize)
	log.write("one\n" + long + "\ntwo\n" + giant)
	led.await(t, "the lines before", func() bool { return len(led.lines) == 3 })
	log.write(giant)
	log.write("\nthree\n")
	led.awaitLines(t, "one", long[:MaxLine], "two", giant[:MaxLine], "three")
	stop()
	for i, want := range []bool{false, true, false, true, false} {
		if led.cut[i] != want {
			t.Errorf("line %d: cut is %v", i, led.cut[i])
		}
	}
}

func TestRenamedFilesAreReadToTheirEnd(t *testing.T) {
	log, led := newLog(t), newLedger()
	stop := led.run(t, log.path, FromStart)
	log.write("one\n")
	led.awaitLines(t, "one")
	log.rename()
	log.write("two\n") // still the old file
	led.awaitLines(t, "one", "two")
	log.reopen()
	log.write("three\n")
	led.awaitLines(t, "one", "two", "three")
	stop()

	log.write("four\n") // all of this while nobody looks
	log.rename()
	log.write("five\nends without a line break")
	log.reopen()
	log.write("six\n")
	log.rename()
	log.reopen()
	log.rename() // an empty file among them
	log.reopen()
	log.write("seven\n")
	stop = led.run(t, log.path, FromStart)
	led.awaitLines(t, "one", "two", "three", "four", "five", "ends without a line break", "six", "seven")
	stop()
	if len(led.gaps) != 0 {
		t.Errorf("gaps %v", led.gaps)
	}
}

func TestCopiedFilesAreReadToTheirEnd(t *testing.T) {
	log, led := newLog(t), newLedger()
	stop := led.run(t, log.path, FromStart)
	log.write("one\n")
	led.awaitLines(t, "one")
	stop()
	log.write("two\n")
	log.copyTruncate()
	log.write("three, and longer than what was there before\n")
	log.copyTruncate()
	log.write("four\n")
	stop = led.run(t, log.path, FromStart)
	led.awaitLines(t, "one", "two", "three, and longer than what was there before", "four")
	log.copyTruncate()
	log.write("five\n")
	led.awaitLines(t, "one", "two", "three, and longer than what was there before", "four", "five")
	stop()
	if len(led.gaps) != 0 {
		t.Errorf("gaps %v", led.gaps)
	}
}

func TestATruncatedFileIsAGap(t *testing.T) {
	log, led := newLog(t), newLedger()
	stop := led.run(t, log.path, FromStart)
	log.write("one\n")
	led.awaitLines(t, "one")
	log.must(os.Truncate(log.path, 0))
	led.await(t, "a gap", func() bool { return len(led.gaps) == 1 && led.gaps[0].Reason == Truncated })
	log.write("two\n")
	led.awaitLines(t, "one", "two")
	stop()
}

func TestAFileThatIsGoneIsAGap(t *testing.T) {
	log, led := newLog(t), newLedger()
	stop := led.run(t, log.path, FromStart)
	log.write("one\n")
	led.awaitLines(t, "one")
	stop()
	log.write("two\n")
	log.must(os.Remove(log.path))
	log.reopen()
	log.write("three\n") // perhaps in the same inode
	stop = led.run(t, log.path, FromStart)
	led.awaitLines(t, "one", "three")
	stop()
	if len(led.gaps) != 1 || led.gaps[0].Reason != Lost || led.gaps[0].After.Offset != 4 {
		t.Errorf("gaps %v", led.gaps)
	}
}

// pack compresses a file as logrotate does after it has renamed it, with a program of the system.
func pack(l *log, program, path string) {
	l.t.Helper()
	args := []string{"-q", path}
	if program == "zstd" {
		args = []string{"-q", "--rm", path}
	}
	if out, err := exec.CommandContext(l.t.Context(), program, args...).CombinedOutput(); err != nil {
		l.t.Fatalf("%s %s: %v %s", program, path, err, out)
	}
}

func needs(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("%s is not installed", program)
		}
		t.Skipf("%s is not installed: test/setup.sh test does that", program)
	}
}

func TestWhatWasCompressedMeanwhileIsReadOnce(t *testing.T) {
	for _, program := range []string{"gzip", "bzip2", "xz", "zstd"} {
		t.Run(program, func(t *testing.T) {
			needs(t, program)
			log, led := newLog(t), newLedger()
			stop := led.run(t, log.path, FromStart)
			log.write("one\n")
			led.awaitLines(t, "one")
			stop()
			log.write("two\n") // the second half of a file of which the first was read
			for _, line := range []string{"three\n", "four\n"} {
				log.rename()
				log.reopen()
				log.write(line)
			}
			pack(log, program, log.path+".1")
			pack(log, program, log.path+".2")
			stop = led.run(t, log.path, FromStart)
			led.awaitLines(t, "one", "two", "three", "four")
			log.write("five\n")
			led.awaitLines(t, "one", "two", "three", "four", "five")
			stop()
			if len(led.gaps) != 0 {
				t.Errorf("gaps %v", led.gaps)
			}
		})
	}
}

func TestALargeCompressedFileIsReadOnOverRestarts(t *testing.T) {
	needs(t, "gzip")
	log, led := newLog(t), newLedger()
	log.reopen()
	const total = 40_000 // some 4 MB: far more than is kept of what was unpacked
	for from := 0; from < total; from += 1000 {
		var b strings.Builder
		for i := from; i < from+1000; i++ {
			fmt.Fprintf(&b, "line %d %s\n", i, strings.Repeat("x", 90))
		}
		log.write(b.String())
	}
	batches := 0
	led.crash = func() error { // before each third commit, and after some
		if batches++; batches%3 == 0 {
			return errCrash
		}
		return nil
	}
	begin := func(b Batch) error { return errors.Join(led.take(b), errCrash) }
	if err := Follow(t.Context(), Config{Path: log.path, Begin: FromStart}, begin); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	log.rename()
	log.reopen()
	pack(log, "gzip", log.path+".1")
	log.write("the last\n")
	for seen(led) < total+1 {
		runUntilCrash(t, led, log.path, total+1)
	}
	for i, line := range led.lines[:total] {
		if !strings.HasPrefix(line, fmt.Sprintf("line %d ", i)) {
			t.Fatalf("line %d is %.20q", i, line)
		}
	}
	if len(led.lines) != total+1 || led.lines[total] != "the last" || len(led.gaps) != 0 {
		t.Errorf("%d lines, gaps %v", len(led.lines), led.gaps)
	}
}

// rotateAs rotates twice while nobody reads; what lay between is left in a file of some packing, or so it says.
func rotateAs(t *testing.T, extension string, content []byte) *ledger {
	log, led := newLog(t), newLedger()
	stop := led.run(t, log.path, FromStart)
	log.write("one\n")
	led.awaitLines(t, "one")
	stop()
	log.rename()
	log.must(os.WriteFile(log.path+".0"+extension, content, 0o640))
	log.reopen()
	log.write("three\n")
	stop = led.run(t, log.path, FromStart)
	led.awaitLines(t, "one", "three")
	stop()
	if len(led.gaps) != 1 || led.gaps[0].Path != log.path+".0"+extension {
		t.Fatalf("gaps %v", led.gaps)
	}
	return led
}

func TestAFileCompressedInAnUnknownWayIsAGap(t *testing.T) {
	if led := rotateAs(t, ".lz4", []byte(strings.Repeat("z", 100))); led.gaps[0].Reason != Compressed {
		t.Errorf("gaps %v", led.gaps)
	}
}

func TestACorruptCompressedFileIsAGap(t *testing.T) {
	if led := rotateAs(t, ".gz", []byte(strings.Repeat("z", 100))); led.gaps[0].Reason != Unreadable {
		t.Errorf("gaps %v", led.gaps)
	}
}

func TestForbiddenFilesSayWhatToDo(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root reads everything")
	}
	log, led := newLog(t), newLedger()
	log.write("one\n")
	log.must(os.Chmod(log.path, 0))
	stop := led.run(t, log.path, FromStart)
	led.await(t, "trouble", func() bool { return len(led.ills) == 1 && strings.Contains(led.ills[0], "adm") })
	log.must(os.Chmod(log.path, 0o640))
	led.awaitLines(t, "one")
	stop()
}

// TestALogOfRootsAloneIsReadThroughWhoOpensIt: also what is rotated away from it, and what comes in its place.
func TestALogOfRootsAloneIsReadThroughWhoOpensIt(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can take a right from itself and leave it to another thread")
	}
	log, led := newLog(t), newLedger()
	log.closed()
	log.write("one\n")
	asked := make(chan string, 100)
	stop := led.runAs(t, nobody, Config{Path: log.path, Begin: FromStart, Open: func(path string) (*os.File, error) {
		asked <- filepath.Base(path)
		return openedElsewhere(path)
	}})
	led.awaitLines(t, "one")
	log.write("two\n")
	log.rename()
	log.reopen()
	log.write("three\n")
	led.awaitLines(t, "one", "two", "three")
	stop()
	if len(led.ills) > 0 || len(led.gaps) > 0 || len(asked) < 2 {
		t.Errorf("%v %v, asked %d times", led.ills, led.gaps, len(asked))
	}
}

// TestALogOfRootsAloneSaysSo: a group that may not read it either is no advice.
func TestALogOfRootsAloneSaysSo(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can take a right from itself")
	}
	log, led := newLog(t), newLedger()
	log.closed()
	log.write("one\n")
	stop := led.runAs(t, nobody, Config{Path: log.path, Begin: FromStart})
	led.await(t, "trouble", func() bool { return len(led.ills) == 1 })
	log.must(os.Chmod(log.path, 0o644))
	led.awaitLines(t, "one")
	stop()
	if !strings.Contains(led.ills[0], "maillog_file_permissions=0644") || strings.Contains(led.ills[0], "adm") {
		t.Error(led.ills[0])
	}
}
