package authpolicy

import (
	"strconv"
	"strings"
	"time"
)

// MaxDelay is the longest wait that an answer may ask for. Postfix gives Dovecot 10 s for all of a login and then tells
// the client to try again later (xsasl_dovecot_server.c), so that of mail clients of its own is shorter.
const (
	MaxDelay     = 15 * time.Second
	MaxSMTPDelay = 5 * time.Second
)

// maxSentence bounds what a client is told, in octets.
const maxSentence = 200

// Answer is what Dovecot is told. The zero Answer lets the login go on.
type Answer struct {
	delay    time.Duration
	refused  bool
	sentence string
}

// Pass lets a login go on: the password decides.
func Pass() Answer { return Answer{} }

// Delay lets a login wait, in whole seconds, at most MaxDelay, and then go on. It means Pass after the password was right.
func Delay(d time.Duration) Answer { return Answer{delay: max(d, 0)} }

// Refuse refuses a login, also with the right password. The client is told the sentence and Dovecot logs it: one line of
// ASCII; of other characters there is a question mark.
func Refuse(sentence string) Answer { return Answer{refused: true, sentence: said(sentence)} }

// Refuses reports whether an answer refuses.
func (a Answer) Refuses() bool { return a.refused }

func said(sentence string) string {
	plain := strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t':
			return ' '
		case r < ' ' || r > '~':
			return '?'
		}
		return r
	}, sentence)
	plain = strings.TrimSpace(plain[:min(len(plain), maxSentence)])
	if plain == "" {
		return "login refused"
	}
	return plain
}

// seconds is the wait that is asked for. A part of a second is a whole one, for 0 is none.
func (a Answer) seconds(protocol string) int {
	most := MaxDelay
	if protocol == "smtp" {
		most = MaxSMTPDelay
	}
	return int((min(a.delay, most) + time.Second - 1) / time.Second)
}

// json is the answer on the wire. Dovecot 2.3 takes these two keys and no other.
func (a Answer) json(protocol string) []byte {
	status := a.seconds(protocol)
	if a.refused {
		status = -1
	}
	return []byte(`{"status":` + strconv.Itoa(status) + `,"msg":` + quoted(a.sentence) + `}`)
}

// quoted is JSON of what said returns.
func quoted(s string) string { return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"` }
