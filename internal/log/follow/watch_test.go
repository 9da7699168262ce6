package follow

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// streamed follows a log that is written line by line, each as soon as the one before was handed out, or as it says itself.
func streamed(t *testing.T, hurry func() bool, write func(line func(), handed <-chan int)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mail.log")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	ctx, cancel := context.WithCancel(t.Context())
	handed, ended := make(chan int, 1000), make(chan error, 1)
	go func() {
		ended <- Follow(ctx, Config{Path: path, Begin: FromStart, Hurry: hurry}, func(b Batch) error {
			handed <- len(b.Lines)
			return nil
		})
	}()
	<-handed // the first position
	write(func() {
		if _, err := f.WriteString("a line\n"); err != nil {
			t.Error(err)
		}
	}, handed)
	stopping(t, cancel, ended)()
}

// TestTheLinesOfAStreamAreReadTogether: waking up for each would be nearly all that they cost.
func TestTheLinesOfAStreamAreReadTogether(t *testing.T) {
	const lines = 300
	streamed(t, nil, func(line func(), handed <-chan int) {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		began, before, silences := time.Now(), time.Now(), 1
		for range lines {
			line()
			now := <-tick.C
			if now.Sub(before) > together/2 { // this test was kept waiting
				silences++
			}
			before = now
		}
		batches := 0
		for n := 0; n < lines; batches++ {
			n += <-handed
		}
		if most := atOnce*silences + int(time.Since(began)/together) + 2; batches > most {
			t.Errorf("%d lines in %v were handed out in %d batches, want at most %d", lines, time.Since(began), batches, most)
		}
	})
}

// TestLinesAreReadAsTheyComeInAHurry, however many there were before: who is about to be banned tries on.
func TestLinesAreReadAsTheyComeInAHurry(t *testing.T) {
	const lines = 4 * atOnce
	streamed(t, func() bool { return true }, func(line func(), handed <-chan int) {
		began := time.Now()
		for range lines {
			line()
			<-handed
		}
		if took := time.Since(began); took > (lines-atOnce)*together/2 {
			t.Errorf("%d lines, each after the one before was read, took %v", lines, took)
		}
	})
}

// TestTheFirstLinesAfterASilenceAreReadAsTheyCome, after many in a stream.
func TestTheFirstLinesAfterASilenceAreReadAsTheyCome(t *testing.T) {
	streamed(t, nil, func(line func(), handed <-chan int) {
		for range atOnce + 2 {
			line()
			<-handed
		}
		quickest := time.Hour
		for range 5 {
			<-time.After(2 * together) // the silence
			began := time.Now()
			for range 3 {
				line()
				<-handed
			}
			quickest = min(quickest, time.Since(began))
		}
		if quickest > together/2 {
			t.Errorf("it took %v at best", quickest)
		}
	})
}
