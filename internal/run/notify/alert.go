// Package notify tells the owner, by another way than the mail that may be what is broken: a program of his, or a
// service named by a shoutrrr URL (ntfy, a webhook, Matrix, Telegram, …).
//
// An incident has one alert and updates of it; which, and when to try again after a failure, its caller decides.
// Every send has a deadline, texts are bounded and free of control characters, and no
// error, name or log line shows a password or token of a URL. The package imports nothing of the house. A Notifier
// is safe for several goroutines.
package notify

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Alert is one thing to tell. As JSON it is what the command reads on its standard input.
type Alert struct {
	Incident int64     `json:"incident,omitempty"`
	Stage    string    `json:"stage"` // opened, contained, closed, trouble, test
	Node     string    `json:"node"`
	Account  string    `json:"account,omitempty"`
	Title    string    `json:"title"` // one line
	Text     string    `json:"text,omitempty"`
	Next     []string  `json:"next,omitempty"` // commands to go on with
	At       time.Time `json:"at"`
}

// Bounds of an alert's texts, in octets.
const (
	maxTitle = 200
	maxText  = 2000
	maxNext  = 8
)

// clean returns a with its texts bounded and printable: some of them are a stranger's.
func clean(a Alert) Alert {
	a.Account, a.Node = printable(a.Account, maxTitle), printable(a.Node, maxTitle)
	a.Title, a.Text = printable(a.Title, maxTitle), printable(a.Text, maxText)
	next := make([]string, 0, maxNext)
	for _, n := range a.Next[:min(len(a.Next), maxNext)] {
		next = append(next, printable(n, maxTitle))
	}
	a.Next = next
	return a
}

func printable(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if r == '\n' {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// message is an alert as a person reads it.
func (a *Alert) message() string {
	var b strings.Builder
	b.WriteString(a.Title)
	if a.Text != "" {
		b.WriteString("\n" + a.Text)
	}
	for _, n := range a.Next {
		fmt.Fprintf(&b, "\n→ %s", n)
	}
	return b.String()
}
