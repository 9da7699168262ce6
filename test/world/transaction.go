package world

import (
	"errors"
	"slices"
	"strings"
)

func (t *session) mail(rest string) {
	from, ok := path(rest, "FROM:")
	switch {
	case t.helo == "":
		t.error("503 5.5.1 Error: send HELO/EHLO first")
	case t.from != nil:
		t.error("503 5.5.1 Error: nested MAIL command")
	case !ok:
		t.error("501 5.5.4 Syntax: MAIL FROM:<address>")
	default:
		t.from = &from
		t.reply("250 2.1.0 Ok")
	}
}

func (t *session) rcpt(rest string) {
	to, ok := path(rest, "TO:")
	switch {
	case t.from == nil:
		t.error("503 5.5.1 Error: need MAIL command")
	case !ok || to == "":
		t.error("501 5.5.4 Syntax: RCPT TO:<address>")
	case len(t.to) >= 1000:
		t.error("452 4.5.3 Error: too many recipients")
	default:
		t.recipient(to)
	}
}

// recipient takes mail for its own; a percent sign or an exclamation mark in a local part is no way around that, for
// then it is a mailbox that nobody has.
func (t *session) recipient(to string) {
	c := &t.server.config
	local, domain := to, ""
	if at := strings.LastIndexByte(to, '@'); at >= 0 {
		local, domain = to[:at], to[at+1:]
	}
	same := func(text string) func(string) bool { return func(s string) bool { return strings.EqualFold(s, text) } }
	ours := slices.ContainsFunc(c.Domains, same(domain)) || strings.EqualFold(to, "postmaster") // RFC 5321 section 4.5.1
	switch {
	case c.Fault == OpenRelay:
	case !ours:
		t.error("554 5.7.1 <%s>: Relay access denied", to)
		return
	case !slices.ContainsFunc(append([]string{"postmaster", "abuse"}, c.Mailboxes...), same(local)):
		t.error("550 5.1.1 <%s>: Recipient address rejected: User unknown in local recipient table", to)
		return
	}
	t.to = append(t.to, to)
	t.reply("250 2.1.5 Ok")
}

// path reads "FROM:<address> parameters".
func path(rest, word string) (string, bool) {
	if len(rest) < len(word) || !strings.EqualFold(rest[:len(word)], word) {
		return "", false
	}
	inside, found := strings.CutPrefix(strings.TrimLeft(rest[len(word):], " "), "<")
	address, _, closed := strings.Cut(inside, ">")
	return address, found && closed && !strings.ContainsAny(address, " <")
}

func (t *session) data() error {
	if len(t.to) == 0 {
		t.error("503 5.5.1 Error: need RCPT command")
		return nil
	}
	t.reply("354 End data with <CR><LF>.<CR><LF>")
	text, err := t.text()
	switch {
	case errors.Is(err, errLong):
		t.error("552 5.3.4 Error: message file too big")
	case err != nil:
		return err
	default:
		t.server.took(Mail{HELO: t.helo, From: *t.from, To: t.to, Text: text, TLS: t.tls})
		t.reply("250 2.0.0 Ok: queued as 4WORLD")
	}
	t.from, t.to = nil, nil
	return nil
}

// text reads a message. Only a dot alone between two CR LF ends it (RFC 5321 section 4.1.1.4), as Postfix has it with
// smtpd_forbid_bare_newline; the tolerant server is content with less.
func (t *session) text() (string, error) {
	var b strings.Builder
	tolerant, size, ended := t.server.config.Fault == SmugglingTolerant, 0, true
	for {
		part, err := t.in.ReadSlice('\n')
		if len(part) == 0 {
			return "", err
		}
		if string(part) == ".\r\n" && ended || tolerant && (string(part) == ".\n" || string(part) == ".\r\n") {
			break
		}
		if size += len(part); size <= maxMessage {
			b.Write(part)
		}
		ended = strings.HasSuffix(string(part), "\r\n")
	}
	if size > maxMessage {
		return "", errLong
	}
	return b.String(), nil
}
