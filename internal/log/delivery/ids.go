package delivery

import (
	"bytes"
	"mime"
	"net/netip"
	"strings"
	"time"

	"postward/internal/log/maillog"
)

// takenAs returns the queue ID that who took a mail names: smtpd's "250 2.0.0 Ok: queued as ID", also within a filter's
// words, or local(8)'s "forwarded as ID".
func takenAs(l *maillog.Line) []byte {
	if l.Status != maillog.StatusSent {
		return nil
	}
	words := []byte("queued as ")
	if string(l.Relay.Name) == "local" && len(l.Relay.Addr) == 0 {
		words = []byte("forwarded as ")
	} else if len(l.Relay.Addr) == 0 {
		return nil
	}
	at := bytes.LastIndex(l.Reply, words)
	if at < 0 {
		return nil
	}
	id := l.Reply[at+len(words):]
	if end := bytes.IndexFunc(id, func(r rune) bool { return !(r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z') }); end >= 0 {
		id = id[:end]
	}
	if !maillog.ValidQueueID(id) {
		return nil
	}
	return id
}

// near reports whether an address is this host's or of a private network.
func near(a netip.Addr) bool { return a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() }

// mayBeOurs reports whether who took a mail can be a filter of this site's: not a server elsewhere, whose words are its own.
func mayBeOurs(l *maillog.Line) bool {
	relay := address(l.Relay.Addr)
	return !relay.IsValid() || near(relay)
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
