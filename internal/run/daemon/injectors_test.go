package daemon

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestALineThatCameLongBeforeItsMailIsOfAnotherMail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, start := newInjectors(), time.Now()
		i.note("4ABC", 0, start)
		if user := i.wait(t.Context(), "4ABC", start.Add(injectorKeep)); user != "" {
			t.Errorf("a line of a minute ago says %s", user)
		}
		i.note("4ABD", 0, start.Add(time.Minute))
		if user := i.wait(t.Context(), "4ABD", start.Add(time.Minute)); user != "root" {
			t.Errorf("%q", user)
		}
		if user := i.wait(t.Context(), "4ABD", start.Add(time.Minute)); user != "" {
			t.Errorf("a line counts twice: %s", user)
		}
	})
}

// A mail may take longer than a minute to come in: cleanup reads it from a pipe. Its line is as old as its beginning.
func TestAMailThatComesInSlowlyKeepsItsUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, begun := newInjectors(), time.Now()
		i.note("4ABC", 0, begun)
		time.Sleep(2 * injectorKeep)
		if user := i.wait(t.Context(), "4ABC", begun); user != "root" {
			t.Errorf("it came from %q", user)
		}
	})
}

func TestALineThatComesTooLateIsSaidAndOfNoOtherMail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, at := newInjectors(), time.Now()
		if user := i.wait(t.Context(), "4ABC", at); user != "" || time.Since(at) != injectorWait {
			t.Errorf("%q after %s", user, time.Since(at))
		}
		if i.late() != 0 {
			t.Errorf("no line came, and it was %s late", i.late())
		}
		time.Sleep(3 * time.Second)
		i.note("4ABC", 0, at)
		if i.late() != 3*time.Second {
			t.Errorf("late by %s", i.late())
		}
		if user := i.wait(t.Context(), "4ABC", time.Now()); user != "" {
			t.Errorf("the next mail with that ID is said to be %s's", user)
		}
		i.note("4ABC", 0, time.Now().Add(time.Second))
		if user := i.wait(t.Context(), "4ABC", time.Now()); user != "root" {
			t.Errorf("its own line says %q", user)
		}
	})
}

func TestManyWaitAndEachIsToldOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, at := newInjectors(), time.Now()
		var all sync.WaitGroup
		for n := range 500 {
			all.Go(func() {
				if user := i.wait(t.Context(), fmt.Sprintf("4A%d", n), at); user != fmt.Sprintf("uid%d", 3_000_000_000+n) {
					t.Errorf("mail %d is of %q", n, user)
				}
			})
		}
		synctest.Wait()
		for n := range 500 {
			i.note(fmt.Sprintf("4A%d", n), 3_000_000_000+uint64(n), at)
		}
		all.Wait()
		if time.Since(at) != 0 || len(i.known)+len(i.waiting)+len(i.missed) != 0 {
			t.Errorf("after %s: %d known, %d waited for, %d missed", time.Since(at), len(i.known), len(i.waiting), len(i.missed))
		}
	})
}

// Lines that nobody asks for fill no memory, and do not push out what is new.
func TestLinesThatNobodyAsksForAreBounded(t *testing.T) {
	i, at := newInjectors(), time.Now()
	for n := range 5 * maxInjectors / 2 {
		i.note(fmt.Sprintf("4A%d", n), 0, at)
	}
	if n := len(i.known) + len(i.older); n > 2*maxInjectors {
		t.Errorf("%d are kept", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, n := range []int{5*maxInjectors/2 - 1, 5*maxInjectors/2 - maxInjectors} {
		if user := i.wait(ctx, fmt.Sprintf("4A%d", n), at); user != "root" {
			t.Errorf("line %d is forgotten", n)
		}
	}
}
