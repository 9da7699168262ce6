package follow

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"
)

var errCrash = errors.New("crash")

// torture writes numbered lines and rotates between them, while the follower is stopped and started, and its
// consumer crashes before and after commits. Every line must arrive once, in order, without a gap.
func torture(t *testing.T, seed uint64, rotate func(l *log, r *rand.Rand)) {
	t.Helper()
	log, led := newLog(t), newLedger()
	log.reopen()
	writing, following := rand.New(rand.NewPCG(seed, 1)), rand.New(rand.NewPCG(seed, 2))
	begin := func(b Batch) error { return errors.Join(led.take(b), errCrash) } // or the first rotation may be before it
	if err := Follow(t.Context(), Config{Path: log.path, Begin: FromStart}, begin); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	led.crash = func() error { // under the ledger's lock
		if following.IntN(6) == 0 {
			return errCrash
		}
		return nil
	}
	const total = 4000
	written := make(chan struct{})
	log.elsewhere = true
	go func() {
		defer close(written)
		for i := 0; i < total; i++ {
			line := fmt.Sprintf("line %d %s\n", i, strings.Repeat("x", writing.IntN(200)))
			at := writing.IntN(len(line))
			log.write(line[:at])
			log.write(line[at:])
			if writing.IntN(60) == 0 {
				rotate(log, writing)
			}
		}
	}()
	for seen(led) < total {
		runUntilCrash(t, led, log.path, total)
	}
	<-written
	for i, line := range led.lines {
		if !strings.HasPrefix(line, fmt.Sprintf("line %d ", i)) {
			t.Fatalf("seed %d: line %d is %.20q", seed, i, line)
		}
	}
	if len(led.lines) != total || len(led.gaps) != 0 {
		t.Errorf("seed %d: %d lines, gaps %v", seed, len(led.lines), led.gaps)
	}
}

func seen(led *ledger) int {
	led.mu.Lock()
	defer led.mu.Unlock()
	return len(led.lines)
}

// runUntilCrash follows until the consumer crashes or has all lines; it fails when nothing comes in time.
func runUntilCrash(t *testing.T, led *ledger, path string, total int) {
	t.Helper()
	ctx, cancel := context.WithTimeoutCause(t.Context(), deadline, errors.New("no more lines"))
	defer cancel()
	out := func(b Batch) error {
		err := led.take(b)
		if seen(led) >= total {
			return errCrash
		}
		return err
	}
	c := Config{Path: path, From: led.pos, Begin: FromStart, Poll: 5 * time.Millisecond}
	if err := Follow(ctx, c, out); !errors.Is(err, errCrash) {
		t.Fatalf("%v (%v) after %d lines, gaps %v, position %+v", err, context.Cause(ctx), len(led.lines), led.gaps, led.pos)
	}
}

func TestNoLineIsLostOrTwiceAcrossRenames(t *testing.T) {
	for seed := range uint64(3) {
		torture(t, seed, func(l *log, r *rand.Rand) {
			l.rename()
			for range r.IntN(3) { // sometimes rotated again before the writer notices
				l.must(os.WriteFile(l.path, nil, 0o640))
				l.rename()
			}
			l.reopen()
		})
	}
}

func TestNoLineIsLostOrTwiceAcrossDatedRenames(t *testing.T) {
	n := 0
	torture(t, 11, func(l *log, r *rand.Rand) {
		n++
		l.must(os.Rename(l.path, fmt.Sprintf("%s-20241123-%04d", l.path, n)))
		l.reopen()
	})
}

// The writer rests while the file is copied and truncated, so nothing falls into logrotate's own hole.
func TestNoLineIsLostOrTwiceAcrossCopies(t *testing.T) {
	for seed := range uint64(3) {
		torture(t, seed, func(l *log, r *rand.Rand) { l.copyTruncate() })
	}
}
