package delivery

import (
	"bytes"

	"postward/internal/log/maillog"
)

// Key names the mail of a line within a log in which several hosts, or instances of Postfix, write: each has queue IDs of its
// own. Instances whose name does not begin with "postfix" are the main one here: a Tracker, which reads on, knows better.
func Key(l *maillog.Line) string {
	name := instanceName(l)
	if !bytes.HasPrefix(name, []byte(mainInstance)) {
		name = []byte(mainInstance)
	}
	return string(l.Host) + " " + string(name) + "/" + string(l.QueueID)
}
