package investigate

import (
	"fmt"
	"time"

	"postward/internal/guard"
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

// NotChecked says how many logins failed for a trouble of the server's; empty: none.
func (r *Report) NotChecked() string {
	if r.Unchecked == 0 {
		return ""
	}
	return fmt.Sprintf("%s could not be checked, for the server that checks passwords did not answer: nobody's guesses", guard.Count(r.Unchecked, "login"))
}

// NotUnderstood is how many lines of mail programs mean nothing here: in a form that is not read, or in words that are not known.
func (r *Report) NotUnderstood() int64 {
	n := r.Strange
	for _, lines := range r.Unread {
		n += lines
	}
	return n
}

// Blind reports whether less was understood than not: then nothing that the report does not show is good news.
func (r *Report) Blind() bool { return r.NotUnderstood() > r.Ours }

// LeftOut says how many lines are not in the log; empty: none that is known.
func (r *Report) LeftOut() string {
	if r.Suppressed == 0 {
		return ""
	}
	return guard.Count(int(r.Suppressed), "line") + map[bool]string{true: " is", false: " are"}[r.Suppressed == 1] + " not in the log: left out by journald (raise RateLimitBurst in journald.conf(5)), or not printable"
}
