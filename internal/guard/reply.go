package guard

import "fmt"

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
		r.Text = shorter(fmt.Sprintf("%s; ask the administrator to allow it (postward account allow %s)", v.Why, v.Account), v.Why+"; ask the administrator to allow it")
	case ReasonContained:
		r.Text = fmt.Sprintf("sending from this account was stopped, incident %d; ask the administrator (postward incident show %[1]d)", v.Incident)
	case ReasonReversePath, ReasonAuthor:
		r.Text = v.Why + "; use an address of your own or ask the administrator"
		if v.About != "" {
			r.Text = shorter(fmt.Sprintf("%s (postward account allow %s --address %s)", r.Text, v.Account, v.About), r.Text)
		}
	case ReasonTooMuchHeld:
		r.Text = fmt.Sprintf("too much mail of this account is held, incident %d; ask the administrator (postward incident show %[1]d)", v.Incident)
	default:
		r.Text = v.Why
	}
	return r
}

// shorter is a text, or another one where it is too long.
func shorter(text, other string) string {
	if len(text) > maxReply {
		return other
	}
	return text
}
