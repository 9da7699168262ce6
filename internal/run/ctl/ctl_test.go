package ctl

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postward/internal/wire/sock"
)

func serve(t *testing.T, s *Server) Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "c.sock")
	l, err := sock.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return Client{path}
}

func TestVerbReachesTheDaemonUnderTheActorsName(t *testing.T) {
	c := serve(t, &Server{Answer: func(_ context.Context, actor, verb string, request []byte) (any, error) {
		return []string{actor, verb, string(request)}, nil
	}})
	var got []string
	if err := c.Do(t.Context(), "account/allow", AccountChange{Account: "anna"}, &got); err != nil {
		t.Fatal(err)
	}
	if got[0] != actorName(uint32(os.Geteuid())) || got[1] != "account/allow" || !strings.Contains(got[2], `"anna"`) {
		t.Errorf("got %q", got)
	}
}

func TestProblemKeepsItsHint(t *testing.T) {
	c := serve(t, &Server{Answer: func(context.Context, string, string, []byte) (any, error) {
		return nil, &Problem{"no incident 7", "postward incident list"}
	}})
	err := c.Do(t.Context(), "incident/show", nil, nil)
	var p *Problem
	if !errors.As(err, &p) || p.Hint != "postward incident list" {
		t.Errorf("got %v", err)
	}
}

func TestStrangerIsRefused(t *testing.T) {
	asked := false
	c := serve(t, &Server{
		Allow:  func(uint32) bool { return false },
		Answer: func(context.Context, string, string, []byte) (any, error) { asked = true; return nil, nil },
	})
	err := c.Do(t.Context(), "status", nil, nil)
	if err == nil || asked || !strings.Contains(err.Error(), "may not speak") {
		t.Errorf("asked=%v, error %v", asked, err)
	}
}

func TestSocketIsNotForEverybody(t *testing.T) {
	c := serve(t, &Server{Answer: func(context.Context, string, string, []byte) (any, error) { return nil, nil }})
	fi, err := os.Stat(c.Path)
	if err != nil || fi.Mode().Perm() != 0o660 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
}

func TestSecondPostwardIsRefusedAndStaleSocketIsNot(t *testing.T) {
	c := serve(t, &Server{Answer: func(context.Context, string, string, []byte) (any, error) { return nil, nil }})
	if _, err := sock.Listen(c.Path); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("got %v", err)
	}
	stale := filepath.Join(t.TempDir(), "stale.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: stale, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	again, err := sock.Listen(stale)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

func TestNobodyThereSaysWhatToDo(t *testing.T) {
	err := Client{filepath.Join(t.TempDir(), "none")}.Do(t.Context(), "status", nil, nil)
	if err == nil || !strings.Contains(err.Error(), "systemctl start postward") {
		t.Errorf("got %v", err)
	}
}
