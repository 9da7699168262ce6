package milter

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"

	"postward/internal/guard"
)

// stepLog is a log at a level that counts what it costs.
type stepLog struct {
	mu    sync.Mutex
	level slog.Level
	asked int
	steps []string
}

func (r *stepLog) Enabled(_ context.Context, l slog.Level) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	return l >= r.level
}

func (r *stepLog) Handle(_ context.Context, x slog.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.steps = append(r.steps, x.Message)
	return nil
}

func (r *stepLog) WithAttrs([]slog.Attr) slog.Handler { return r }
func (r *stepLog) WithGroup(string) slog.Handler      { return r }

// A line for each step of a mail when it is asked for; when not, a session asks once and writes nothing.
func TestATraceIsALineAStepOrNothing(t *testing.T) {
	for level, want := range map[slog.Level][]string{
		slog.LevelDebug: {"connect", "mail", "recipient", "recipient", "message", "mail", "recipient", "message"},
		slog.LevelInfo:  nil,
	} {
		r := &stepLog{level: level}
		path, stop := started(t, &Server{Direction: guard.Submission, Log: slog.New(r)})
		x := dial(t, path)
		send(t, x, "anna", "anna@example.org", "bob@far.example", "eve@far.example")
		send(t, x, "anna", "anna@example.org", "bob@far.example")
		x.Close()
		stop()
		if !slices.Equal(r.steps, want) {
			t.Errorf("at %s: %q", level, r.steps)
		}
		if level == slog.LevelInfo && r.asked != 1 {
			t.Errorf("off, and the log was asked %d times for two mails", r.asked)
		}
	}
}
