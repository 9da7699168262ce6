package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postward/internal/ctl"
	"postward/internal/guard"
)

// desk answers verbs as a daemon does that knows these answers. It returns a configuration with its socket.
func desk(t *testing.T, answers map[string]any) (configuration string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "pw") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "control.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	s := &ctl.Server{Answer: func(_ context.Context, _, verb string, _ []byte) (any, error) {
		if a, ok := answers[verb]; ok {
			return a, nil
		}
		return nil, &ctl.Problem{What: "no answer to " + verb}
	}}
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() { cancel(); <-done; os.RemoveAll(dir) })
	return file(t, fmt.Sprintf("socket = %q\n", path))
}

func TestABrokenConfigurationIsToldByThoseWhoAsk(t *testing.T) {
	path := file(t, "mode = \"enforc\"\n")
	for _, verb := range [][]string{{"status"}, {"account", "list"}, {"held", "release", "A1"}} {
		_, said, code := postward(t, append([]string{"--config", path}, verb...)...)
		if code != exitCould || !strings.Contains(said, path+":1: mode") || strings.Contains(said, "nobody answers") {
			t.Errorf("%v: %d %s", verb, code, said)
		}
		_, said, code = postward(t, append([]string{"--config", path, "--socket", "/nonexistent/s"}, verb...)...)
		if code != exitCould || !strings.Contains(said, "speak to postward at /nonexistent/s") {
			t.Errorf("%v, told where: %d %s", verb, code, said)
		}
	}
}

func TestEverythingIsStruckOutByAWordOnly(t *testing.T) {
	path := desk(t, map[string]any{"account/forget": guard.Account{Name: "anna"}})
	out, said, code := postward(t, "--config", path, "account", "forget", "anna")
	if code != exitCould || !strings.Contains(said, "--yes") || out != "" {
		t.Errorf("%d %s %s", code, out, said)
	}
	for _, args := range [][]string{{"--yes"}, {"--network", "203.0.113.80"}} {
		if out, said, code := postward(t, append([]string{"--config", path, "account", "forget", "anna"}, args...)...); code != exitFine || !strings.Contains(out, "struck out") {
			t.Errorf("%v: %d %s %s", args, code, out, said)
		}
	}
}
