package dns

import (
	"errors"
	"strings"
	"testing"
)

// TestAPanicOfAQuestionComesInWait: once, with where it was, through a group within a group too; the others are waited for.
func TestAPanicOfAQuestionComesInWait(t *testing.T) {
	var g Group
	broken, others := errors.New("broken"), 0
	g.Go(func() { others++ })
	g.Wait()
	g.Go(func() {
		var within Group
		within.Go(func() { panic(broken) })
		within.Wait()
	})
	caught := func() (p any) {
		defer func() { p = recover() }()
		g.Wait()
		return nil
	}
	p, is := caught().(*Panicked)
	if !is || p.What != any(broken) || !strings.Contains(p.String(), "group_test.go") || others != 1 {
		t.Errorf("Wait panicked with %v; %d others", p, others)
	}
	if p := caught(); p != nil {
		t.Errorf("and again with %v", p)
	}
}
