package attach

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postward/test/rig"
)

// TestPostwardIsTheLastMilter: after one that quarantines a mail, Postfix asks no other.
func TestPostwardIsTheLastMilter(t *testing.T) {
	for _, dir := range cases(t) {
		h := caseHost(t, dir)
		p, err := NewPlan(h, testSockets)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range h.Services {
			want := slices.Clone(s.Milters)
			if text := mustMilters(t, p)[s.Direction]; text != "" {
				want = append(want, text)
			}
			if got := p.want[s.key()]; !slices.Equal(got, want) {
				t.Errorf("%s %s: %q, want %q", dir, s.Name, got, want)
			}
		}
	}
}

// first are cases with the two files as attach wrote them when it put itself in front.
func first(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob("testdata/*/first")
	if err != nil || len(dirs) < 5 {
		t.Fatalf("%q %v", dirs, err)
	}
	return dirs
}

func TestDetachTakesOffWhatStoodFirst(t *testing.T) {
	for _, dir := range first(t) {
		for _, file := range []string{mainCF, masterCF} {
			want := rig.ReadFile(t, filepath.Join(filepath.Dir(dir), file))
			if got := strip([]byte(rig.ReadFile(t, filepath.Join(dir, file)))); string(got) != want {
				t.Errorf("%s/%s:\n%s", dir, file, strings.Join(diff([]byte(want), got), "\n"))
			}
		}
	}
}

func TestAnAttachmentThatStandsFirstIsKnownAndNamed(t *testing.T) {
	for _, dir := range first(t) {
		h := caseHost(t, dir)
		p, err := NewPlan(h, testSockets)
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Apply(t.Context(), Options{})
		if !h.Attached || len(p.Edits) > 0 || !errors.Is(err, ErrAttached) {
			t.Errorf("%s: attached=%t, %d edits, %v", dir, h.Attached, len(p.Edits), err)
		}
		if err == nil || !strings.Contains(err.Error(), "after postward") || !strings.Contains(err.Error(), "detach and attach again") {
			t.Errorf("%s: that others stand behind is not said: %v", dir, err)
		}
	}
}

// TestAMilterPutBehindPostwardLaterIsNamed: by a package, or by somebody with an editor; detach leaves it.
func TestAMilterPutBehindPostwardLaterIsNamed(t *testing.T) {
	p, err := NewPlan(caseHost(t, "testdata/04-opendkim-spamass"), testSockets)
	if err != nil {
		t.Fatal(err)
	}
	main := bytes.Replace(p.main, []byte(",$postward_milter"), []byte(",$postward_milter, inet:localhost:11332"), 1)
	h, err := inspect("/etc/postfix", main, p.master, testValues(main))
	if err != nil {
		t.Fatal(err)
	}
	q, err := NewPlan(h, testSockets)
	if err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(q.Notes, "\n"); !strings.Contains(notes, "asks inet:localhost:11332 after postward") {
		t.Errorf("notes: %s", notes)
	}
	want := strings.Replace(string(p.Host.main), "spamass.sock\n", "spamass.sock, inet:localhost:11332\n", 1)
	if got := string(strip(main)); got != want {
		t.Errorf("main.cf:\n%s", strings.Join(diff([]byte(want), []byte(got)), "\n"))
	}
}
