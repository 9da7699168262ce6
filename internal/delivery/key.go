package delivery

import "postward/internal/maillog"

// Key names the mail of a line within a log in which several instances of Postfix write: each has queue IDs of its own.
func Key(l *maillog.Line) string { return keyOf(l.Program, string(l.QueueID)) }
