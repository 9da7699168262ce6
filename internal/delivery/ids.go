package delivery

import (
	"bytes"
	"mime"
	"net/netip"
	"strings"
	"time"

	"postward/internal/maillog"
)

// keyOf names a queue ID of an instance: the first part of syslog_name, where that is Postfix's own way to name one
// ("postfix-out/smtpd"). A service with a name all of its own ("submission/smtpd") counts as the main instance's.
func keyOf(program []byte, id string) string {
	instance, _, _ := strings.Cut(string(program), "/")
	if !strings.HasPrefix(instance, "postfix") {
		instance = "postfix"
	}
	return instance + "/" + id
}

// keyID is the queue ID of a key.
func keyID(key string) string { return key[strings.IndexByte(key, '/')+1:] }

// takenAs returns the queue ID under which this host's own Postfix took a mail again: from a content filter on loopback
// (smtpd's "250 2.0.0 Ok: queued as ID", or within a filter's words), or by local(8) ("forwarded as ID"). What a server
// elsewhere says about queue IDs is about its own queue.
func takenAs(l *maillog.Line) string {
	if l.Status != maillog.StatusSent {
		return ""
	}
	words := []byte("queued as ")
	switch {
	case string(l.Relay.Name) == "local" && len(l.Relay.Addr) == 0:
		words = []byte("forwarded as ")
	case !address(l.Relay.Addr).IsLoopback():
		return ""
	}
	at := bytes.LastIndex(l.Reply, words)
	if at < 0 {
		return ""
	}
	id := l.Reply[at+len(words):]
	if end := bytes.IndexFunc(id, func(r rune) bool { return !(r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z') }); end >= 0 {
		id = id[:end]
	}
	if !maillog.ValidQueueID(id) {
		return ""
	}
	return string(id)
}

func address(b []byte) netip.Addr {
	a, err := netip.ParseAddr(string(b))
	if err != nil {
		return netip.Addr{} // a socket, or not known
	}
	return a.Unmap()
}

// text copies a part of a line, cut.
func text(b []byte) string { return strings.ToValidUTF8(string(b[:min(len(b), maxText)]), "?") }

// subject is what a header field, as header_checks log it, has of a subject: decoded if it is encoded (RFC 2047).
func subject(field []byte) string {
	name, value, _ := bytes.Cut(field[:min(len(field), 4*maxText)], []byte(":"))
	if !bytes.EqualFold(name, []byte("Subject")) {
		return ""
	}
	value = bytes.TrimSpace(value)
	if decoded, err := new(mime.WordDecoder).DecodeHeader(string(value)); err == nil {
		value = []byte(decoded)
	}
	return text(value)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
