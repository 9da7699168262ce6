//go:build daemons

package attach

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"postward/internal/host/authpolicy"
	"postward/test/rig"
)

// includingDovecot is a mail site whose Dovecot includes a directory.
func includingDovecot(t *testing.T) *rig.Site {
	t.Helper()
	needRoom(t)
	s := rig.TestSite(t, rig.PostfixConfig{}, map[string]string{"bert": "right"}, "!include_try conf.d/*.conf")
	rig.WriteFile(t, filepath.Join(s.Dovecot.Dir, "conf.d", "10-auth.conf"), []byte("auth_cache_size = 0\n"), 0o644)
	return s
}

func testKeyOf(t *testing.T) authpolicy.Key {
	t.Helper()
	k, err := authpolicy.MakeKey(filepath.Join(t.TempDir(), "key"), -1)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func found(t *testing.T, s *rig.Site) *Dovecot {
	t.Helper()
	d, err := FindDovecot(t.Context(), s.Postfix.ConfigDir, s.Dovecot.Config)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// configured are the entries of Dovecot's configuration, without what it writes as it runs.
func configured(t *testing.T, s *rig.Site) string {
	t.Helper()
	digest, err := Digest(filepath.Join(s.Dovecot.Dir, "conf.d"))
	if err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(s.Dovecot.Dir, "*.conf*"))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(digest, names, rig.ReadFile(t, s.Dovecot.Config))
}

// TestDovecotIsToldToAskAndForgetsItByteForByte with a Dovecot that runs, and reads it all again.
func TestDovecotIsToldToAskAndForgetsItByteForByte(t *testing.T) {
	s, key := includingDovecot(t), testKeyOf(t)
	before := configured(t, s)
	d := found(t, s)
	if len(d.Problems)+len(d.Notes) > 0 || d.Attached || !strings.HasPrefix(d.Version, "2.") {
		t.Fatalf("%+v", d)
	}
	l, err := authpolicy.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &authpolicy.Server{Key: key, Before: func(context.Context, *authpolicy.Attempt) authpolicy.Answer { return authpolicy.Refuse("not today") }}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, l) }()
	if err := d.Apply(t.Context(), l.Addr().String(), key, Options{Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(d.Settings); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v %v", info.Mode(), err)
	}
	logsIn(t, s, false)
	if d := found(t, s); !d.Attached || len(d.Problems) > 0 {
		t.Errorf("%+v", d)
	} else if err := d.Apply(t.Context(), l.Addr().String(), key, Options{Now: time.Now()}); !errors.Is(err, ErrAttached) {
		t.Errorf("told again: %v", err)
	} else if err := d.Apply(t.Context(), "127.0.0.1:4", key, Options{Now: time.Now()}); err != nil {
		t.Errorf("told otherwise: %v", err)
	}
	if gone, err := DetachDovecot(s.Dovecot.Config, Options{DryRun: true}); err != nil || len(gone.Removed) != 2 || configured(t, s) == before {
		t.Errorf("%+v %v", gone, err)
	}
	gone, err := DetachDovecot(s.Dovecot.Config, Options{})
	if err != nil || len(gone.Removed) != 2 || len(gone.Kept) > 0 {
		t.Errorf("%+v %v", gone, err)
	}
	if after := configured(t, s); after != before {
		t.Errorf("%s\nwas\n%s", after, before)
	}
	logsIn(t, s, true)
	if _, err := DetachDovecot(s.Dovecot.Config, Options{}); !errors.Is(err, ErrNotAttached) {
		t.Error(err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

// logsIn lets Dovecot read its configuration again, and waits until the right password is taken, or is not.
func logsIn(t *testing.T, s *rig.Site, want bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if said, err := s.Dovecot.Doveadm(ctx, "reload"); err != nil {
		t.Fatalf("%v %s", err, said)
	}
	err := rig.Wait(ctx, "Dovecot to read it again", func() error {
		if taken, said := s.Dovecot.Login(ctx, "imap", "203.0.113.9", "s", "bert", "right"); taken != want {
			return errors.New(said)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// asNobody runs a program as another user.
func asNobody(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: rig.Nobody, Gid: rig.Nobody}}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestWhoIsNotRootReadsDovecotsConfigurationAsBefore: dovecot-lda runs as the mailbox's owner, and must not fail.
func TestWhoIsNotRootReadsDovecotsConfigurationAsBefore(t *testing.T) {
	s := includingDovecot(t)
	read := func() string {
		out, err := asNobody(t, "doveconf", "-c", s.Dovecot.Config, "-n")
		if err != nil {
			t.Errorf("%v %s", err, out)
		}
		return out
	}
	before := read()
	if err := found(t, s).Apply(t.Context(), "127.0.0.1:4002", testKeyOf(t), Options{Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	if after := read(); after != before {
		t.Errorf("%s\nwas\n%s", after, before)
	}
}

func TestWhatDovecotDoesNotLikeIsPutBack(t *testing.T) {
	s := includingDovecot(t)
	late := filepath.Join(s.Dovecot.Dir, "conf.d", "999-late.conf")
	for name, text := range map[string]string{"another server": "auth_policy_server_url = http://user:secret@192.0.2.1/\nauth_policy_hash_nonce = x\n", "an error": "no_such_setting = 1\n"} {
		d := found(t, s)
		rig.WriteFile(t, late, []byte(text), 0o644) // between the look and the act
		before := configured(t, s)
		err := d.Apply(t.Context(), "127.0.0.1:4002", testKeyOf(t), Options{Now: time.Now()})
		if err == nil || !strings.Contains(err.Error(), "everything was put back") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
		if after := configured(t, s); after != before {
			t.Errorf("%s: %s\nwas\n%s", name, after, before)
		}
		looked, err := FindDovecot(t.Context(), s.Postfix.ConfigDir, s.Dovecot.Config)
		if err != nil || len(looked.Problems) != 1 {
			t.Errorf("%s: a later look does not see it: %+v %v", name, looked, err)
		}
		if err := looked.Apply(t.Context(), "127.0.0.1:4002", testKeyOf(t), Options{}); !errors.Is(err, ErrProblems) {
			t.Errorf("%s: %v", name, err)
		}
		if err := os.Remove(late); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatSomebodyEditedInDovecotsConfigurationStays(t *testing.T) {
	s := includingDovecot(t)
	d := found(t, s)
	if err := d.Apply(t.Context(), "127.0.0.1:4002", testKeyOf(t), Options{Now: time.Now()}); err != nil {
		t.Fatal(err)
	}
	own := rig.ReadFile(t, d.Settings) + "auth_policy_log_only = yes\n"
	rig.WriteFile(t, d.Settings, []byte(own), 0o600)
	if d := found(t, s); len(d.Problems) != 1 || !strings.Contains(d.Problems[0], "edited") {
		t.Errorf("%+v", d)
	}
	gone, err := DetachDovecot(s.Dovecot.Config, Options{})
	if err != nil || len(gone.Removed) != 1 || len(gone.Kept) != 1 || rig.ReadFile(t, gone.Kept[0]) != own {
		t.Errorf("%+v %v", gone, err)
	}
	if server, err := d.server(t.Context()); server != "" || err != nil {
		t.Errorf("Dovecot still asks %s: %v", server, err)
	}
	if d := found(t, s); d.Attached || len(d.Problems) > 0 {
		t.Errorf("%+v", d)
	}
}

// TestAConfigurationThatIncludesNothingIsNotChanged: what to do is said.
func TestAConfigurationThatIncludesNothingIsNotChanged(t *testing.T) {
	needRoom(t)
	s := rig.TestSite(t, rig.PostfixConfig{}, map[string]string{"bert": "right"})
	d := found(t, s)
	if d.Place != "" || len(d.Problems) != 1 || !strings.Contains(d.Problems[0], "!include_try "+d.Settings) {
		t.Errorf("%+v", d)
	}
	text, err := d.Preview("127.0.0.1:4002", "/etc/postward/authpolicy.key")
	if err != nil || !strings.Contains(text, "auth_policy_server_url = http://127.0.0.1:4002/") {
		t.Errorf("%v %s", err, text)
	}
	if err := d.Apply(t.Context(), "127.0.0.1:4002", testKeyOf(t), Options{}); !errors.Is(err, ErrProblems) {
		t.Error(err)
	}
	if _, err := os.Stat(d.Settings); !errors.Is(err, os.ErrNotExist) {
		t.Error("it was written all the same")
	}
}
