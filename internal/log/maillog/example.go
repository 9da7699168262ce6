package maillog

import "bytes"

// Example returns the beginning of a line's text, to be shown as one that is not understood: at most n octets. Dovecot's
// processes that check passwords say them in their logs when they are asked to (auth_verbose_passwords, auth_debug_passwords),
// in words of many kinds: of theirs no more than the name of the process is shown.
func (l *Line) Example(n int) []byte {
	text := l.Text[:min(len(l.Text), n)]
	if l.secretive() {
		end := bytes.IndexAny(text, ":(<")
		return text[:max(end, 0)]
	}
	return text
}

// secretive reports whether a line may hold a password.
func (l *Line) secretive() bool {
	switch string(l.Program) {
	case "auth", "auth-worker", "dovecot-auth":
		return true
	case "dovecot":
		return bytes.Contains(l.Text, []byte("auth")) || bytes.Contains(l.Text, []byte("password"))
	}
	return false
}
