package milter

import (
	"context"
	"log/slog"
)

// trace writes one Debug line for a step of a mail: what Postfix said and what it was answered. It is off unless the
// operator switches it on, and costs nothing then: the session asks once whether it is on.
func (s *session) trace(step string, args ...slog.Attr) {
	attrs := append([]slog.Attr{slog.String("direction", string(s.server.Direction))}, args...)
	if s.t != nil && s.t.QueueID != "" {
		attrs = append(attrs, slog.String("queue_id", s.t.QueueID))
	}
	s.server.Log.LogAttrs(context.Background(), slog.LevelDebug, step, attrs...)
}

// traced reports whether steps are to be written.
func traced(log *slog.Logger) bool {
	return log != nil && log.Enabled(context.Background(), slog.LevelDebug)
}

// attr is the answer in a trace.
func (a *Answer) attr() slog.Attr {
	return slog.Group("answer", slog.String("action", string(a.Action)), slog.Int("code", a.Reply.Code), slog.String("text", a.Reply.Text), slog.String("quarantine", a.Quarantine))
}
