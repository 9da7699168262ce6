package warden

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postward/internal/host/postfix"
)

// nowhere is a warden of a Postfix that is not there.
func nowhere(t *testing.T) *Acts {
	t.Helper()
	return &Acts{Postfix: postfix.Instance{ConfigDir: filepath.Join(t.TempDir(), "none")}, Trash: Trash{Dir: filepath.Join(t.TempDir(), "trash")}}
}

func TestWhatIsNoActIsRefused(t *testing.T) {
	held := []postfix.Held{{ID: "A1B2C3D4", Before: time.Now()}}
	for name, q := range map[string]request{
		"no act":          {},
		"another act":     {Act: "exec"},
		"hold of nothing": {Act: actHold},
		"a path is found": {Act: actFind, Mails: []postfix.Held{{ID: "../A1B2C3D4"}}},
		"too many":        {Act: actRelease, Mails: make([]postfix.Held, postfix.MaxBatch+1)},
		"ALL":             {Act: actRelease, Mails: []postfix.Held{{ID: "ALL"}}},
		"one bad of two":  {Act: actDelete, Mails: append(held, postfix.Held{ID: "-"})},
		"look at a path":  {Act: actLook, ID: "../../etc/passwd"},
		"restore of all":  {Act: actRestore},
		"restore of two":  {Act: actRestore, Mails: append(held, held...)},
		"restore a path":  {Act: actRestore, Mails: []postfix.Held{{ID: "../A1B2C3D4"}}},
	} {
		if err := q.check(); err == nil {
			t.Errorf("%s was not refused", name)
		}
	}
	for _, q := range []request{{Act: actHeld}, {Act: actFind, Mails: held}, {Act: actLook, ID: "A1B2C3D4"}, {Act: actDelete, Mails: held}} {
		if err := q.check(); err != nil {
			t.Errorf("%s: %v", q.Act, err)
		}
	}
}

func TestAFrameIsBoundedAndStrict(t *testing.T) {
	for name, frame := range map[string]string{
		"longer than allowed": "\x00\x10\x00\x00{}",
		"cut":                 "\x00\x00\x00\x10{\"act\":",
		"unknown field":       "\x00\x00\x00\x1b{\"act\":\"held\",\"run\":\"true\"}",
		"two requests":        "\x00\x00\x00\x1d{\"act\":\"held\"} {\"act\":\"held\"}",
		"not JSON":            "\x00\x00\x00\x04list",
	} {
		var q request
		if err := readFrame(strings.NewReader(frame), &q, maxRequest); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%s: %v %+v", name, err, q)
		}
	}
	var b bytes.Buffer
	want := request{Act: actLook, ID: "A1B2C3D4"}
	if err := writeFrame(&b, &want, maxRequest); err != nil {
		t.Fatal(err)
	}
	var got request
	if err := readFrame(&b, &got, maxRequest); err != nil || got.ID != want.ID {
		t.Errorf("%+v %v", got, err)
	}
	if err := readFrame(&b, &got, maxRequest); err != io.EOF {
		t.Errorf("the end of the stream is %v", err)
	}
}

func TestAClientNoticesThatTheWardenEnded(t *testing.T) {
	ours, theirs := net.Pipe()
	c := connect(theirs)
	if err := ours.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-c.Gone():
	case <-time.After(10 * time.Second):
		t.Fatal("it did not notice")
	}
	if _, err := c.HeldIDs(t.Context()); !errors.Is(err, ErrNoWarden) {
		t.Error(err)
	}
}

func TestAWardenEndsWithAChildThatSaysNonsense(t *testing.T) {
	ours, theirs := net.Pipe()
	served := make(chan error, 1)
	go func() { served <- nowhere(t).serve(t.Context(), ours) }()
	if _, err := theirs.Write([]byte("GET ")); err != nil {
		t.Fatal(err)
	}
	if err := <-served; err == nil {
		t.Error("it was taken for a request")
	}
}

func TestAnActThatFailsSaysSoAndTheNextIsServed(t *testing.T) {
	ours, theirs := net.Pipe()
	go func() { _ = nowhere(t).serve(context.WithoutCancel(t.Context()), ours) }()
	c := connect(theirs)
	for range 2 {
		if _, err := c.HeldIDs(t.Context()); err == nil || errors.Is(err, ErrNoWarden) {
			t.Errorf("listing a Postfix that is not there: %v", err)
		}
	}
	if err := theirs.Close(); err != nil {
		t.Fatal(err)
	}
	<-c.Gone()
}

func TestACopyIsKeptAWeekAndAStrangerIsLeft(t *testing.T) {
	queue := t.TempDir()
	if err := os.MkdirAll(filepath.Join(queue, "hold", "A"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"hold/A1B2C3D4", "hold/A/A9B8C7D6"} {
		if err := os.WriteFile(filepath.Join(queue, f), []byte("queue file of "+f), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	trash := Trash{Dir: filepath.Join(t.TempDir(), "trash")}
	for _, id := range []postfix.QueueID{"A1B2C3D4", "A9B8C7D6"} {
		if err := trash.keep(queue, id); err != nil {
			t.Fatal(err)
		}
	}
	if err := trash.keep(queue, "A0A0A0A0"); err == nil {
		t.Error("a mail without a queue file was kept")
	}
	if err := os.WriteFile(filepath.Join(trash.Dir, "README"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(trash.Dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	for _, c := range []struct {
		after time.Duration
		want  int
	}{{6 * 24 * time.Hour, 0}, {8 * 24 * time.Hour, 2}, {80 * 24 * time.Hour, 0}} {
		if n, err := trash.Prune(time.Now().Add(c.after - keepTrash)); n != c.want || err != nil {
			t.Errorf("after %s: %d pruned, want %d: %v", c.after, n, c.want, err)
		}
	}
	if left, err := os.ReadDir(trash.Dir); err != nil || len(left) != 2 { // README, and the note of it
		t.Errorf("%v %v", left, err)
	}
}

func TestPrepareDirRefusesALink(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("/etc", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := PrepareDir(filepath.Join(dir, "link"), os.Geteuid(), os.Getegid(), 0o700); err == nil {
		t.Error("a link was taken for the directory")
	}
	if err := PrepareDir(filepath.Join(dir, "real"), os.Geteuid(), os.Getegid(), 0o750); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "real")); err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("%v %v", info, err)
	}
}

// FuzzServe plays a hijacked child. What passes the check names mails by grammatical IDs and accounts by grammatical
// names only, and the acts are those of the list; anything else ends the connection or is answered with an error. FuzzBan
// looks at bans.
func FuzzServe(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x0e{\"act\":\"held\"}"))
	f.Add([]byte("\x00\x00\x00\x20{\"act\":\"look\",\"id\":\"../A1B2C3\"}"))
	f.Add([]byte("\x00\x00\x00\x30{\"act\":\"delete\",\"mails\":[{\"id\":\"A1B2C3D4 ALL\"}]}"))
	f.Add([]byte("\x00\x00\x00\x1c{\"act\":\"kick\",\"account\":\"*\"}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := bytes.NewReader(b)
		for {
			var q request
			if readFrame(r, &q, maxRequest) != nil {
				return
			}
			if q.check() != nil {
				continue
			}
			ids := []string{}
			if q.Act == actLook {
				ids = append(ids, q.ID)
			}
			for _, m := range q.Mails {
				ids = append(ids, string(m.ID))
			}
			if q.Act == actKick && (q.Account == "" || q.Account[0] == '-' || strings.ContainsAny(q.Account, "*?/: \n\x00")) {
				t.Fatalf("%q reached an act", q.Account)
			}
			for _, id := range ids {
				if strings.ContainsAny(id, "-/. \n\x00") || strings.EqualFold(id, "ALL") || id == "" && q.Act != actHeld && q.Act != actShare {
					t.Fatalf("%q reached an act", id)
				}
			}
		}
	})
}
