package investigate

import (
	"fmt"
	"time"

	"postward/internal/log/maillog"
)

// leftOut takes a line of journald's that says how many lines it left out, if these were of the mail log:
// "Suppressed 17 messages from postfix@-.service".
func (i *Investigation) leftOut(l *maillog.Line, changed time.Time) {
	if string(l.Program) != "systemd-journald" {
		return
	}
	n := uint64(0)
	if _, err := fmt.Sscanf(string(l.Text[:min(len(l.Text), 200)]), "Suppressed %d messages from ", &n); err != nil || !maillog.NamesMail(l.Text) {
		return
	}
	if at := l.Stamp.Next(i.last, changed); !at.Before(i.options.Since) {
		i.report.Suppressed += n
	}
}

// LeftOut says how many lines are not in the log; empty: none that is known.
func (r *Report) LeftOut() string {
	if r.Suppressed == 0 {
		return ""
	}
	return fmt.Sprintf("%d lines are not in the log: journald left them out (raise RateLimitBurst in journald.conf(5)), or cannot print them", r.Suppressed)
}
