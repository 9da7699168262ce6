package guard

import (
	"fmt"
	"strings"
)

// maxReply bounds the text of a reply, in octets.
const maxReply = 400

// Reply returns the SMTP reply for a verdict that refuses; the zero Reply otherwise. It names the account, the reason, and
// what an administrator does about it.
func (v *Verdict) Reply() Reply {
	r := Reply{Code: 550, Enhanced: "5.7.1"}
	switch v.Action {
	case Accept, Hold:
		return Reply{}
	case Tempfail:
		r = Reply{Code: 451, Enhanced: "4.7.1"}
	}
	switch v.Reason {
	case ReasonNotListed:
		r.Text = v.Why + "; ask the administrator to allow it"
		if plainWord(v.Account) {
			r.Text = shorter(fmt.Sprintf("%s (postward account allow %s)", r.Text, v.Account), r.Text)
		}
	case ReasonContained:
		r.Text = fmt.Sprintf("sending from this account was stopped, incident %d; ask the administrator (postward incident show %[1]d)", v.Incident)
	case ReasonReversePath, ReasonAuthor:
		r.Text = v.Why + "; use an address of your own or ask the administrator"
		if plainWord(v.Account) && plainWord(v.About) {
			r.Text = shorter(fmt.Sprintf("%s (postward account allow %s --address %s)", r.Text, v.Account, v.About), r.Text)
		}
	case ReasonTooMuchHeld:
		r.Text = fmt.Sprintf("too much mail of this account is held, incident %d; ask the administrator (postward incident show %[1]d)", v.Incident)
	default:
		r.Text = v.Why
	}
	return r
}

// plainWord reports whether a word may stand in a command that somebody copies: nothing in it says anything to a shell, nor is it a
// pattern.
func plainWord(word string) bool {
	return word != "" && !strings.ContainsFunc(word, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("@._+=:-", r))
	})
}

// shorter is a text, or another one where it is too long.
func shorter(text, other string) string {
	if len(text) > maxReply {
		return other
	}
	return text
}
