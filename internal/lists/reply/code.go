package reply

import (
	"net/url"
	"strings"
)

// hostOf is where a link leads; empty when that is in doubt: a user in it, a port, or letters that are no name's.
func hostOf(link string) string {
	u, err := url.Parse(link)
	if err != nil || u.User != nil || u.Port() != "" || strings.ContainsAny(link, "\\@") {
		return ""
	}
	if host := strings.ToLower(u.Hostname()); validHost.MatchString(host) {
		return host
	}
	return ""
}

// sure are enhanced codes that say by themselves what a reply is about, without their class (RFC 3463 section 3, the IANA registry;
// x.7.20 to x.7.26: RFC 7372, x.7.29: RFC 8617, x.7.30: RFC 8689). x.7.1 and its like say only that somebody does not want the mail.
var sure = map[string]Class{
	"1.1": User, "1.2": User, "1.3": User, "1.6": User, "1.10": User, "2.1": Mailbox, "2.2": Mailbox,
	"7.10": TLS, "7.11": TLS, "7.20": Authentication, "7.21": Authentication, "7.22": Authentication, "7.23": Authentication,
	"7.24": Authentication, "7.25": Authentication, "7.26": Authentication, "7.28": Rate, "7.29": Authentication, "7.30": TLS,
}

// codeSays is what to do where the code alone speaks.
var codeSays = map[Class]Meaning{
	User:           {Action: "drop", Means: "there is no such address", Do: "check the address; many of these at once are an account that guesses addresses"},
	Mailbox:        {Action: "recipient", Means: "the mailbox is full or takes nothing", Do: "tell the sender"},
	TLS:            {Action: "fix", Means: "the receiver wants encryption", Do: "smtp_tls_security_level = may or better"},
	Authentication: {Action: "fix", Means: "SPF, DKIM, DMARC or the name of the address fails", Do: "postward check, and what it says"},
	Rate:           {Action: "throttle", Means: "too much mail at once", Do: "slow down; look which account sent it"},
}

// codeKnowsBetter reports whether a code is surer than words that anybody uses: "Recipient address rejected" with 5.7.26 is about
// authentication (RFC 7372), and "blocked" with 5.1.1 about the address, unless a blocklist is named.
func (p *Parsed) codeKnowsBetter(hit *Pattern) bool {
	if len(hit.At) > 0 || len(hit.Lists) > 0 || !strings.HasPrefix(p.Enhanced, "5.") {
		return false
	}
	switch sure[p.Enhanced[2:]] {
	case Authentication:
		return hit.Class == User || hit.Class == Policy || hit.Class == Other
	case User, Mailbox:
		return hit.Class.Reputation()
	}
	return false
}

// byCode says what a reply means that no pattern knows.
func (m *Meaning) byCode(p *Parsed) {
	_, detail, _ := strings.Cut(p.Enhanced, ".")
	subject, _, _ := strings.Cut(detail, ".")
	if m.Class = sure[detail]; m.Class != "" {
		says := codeSays[m.Class]
		m.Action, m.Means, m.Do = says.Action, says.Means, says.Do
		return
	}
	switch {
	case subject == "3" || subject == "4":
		m.Class, m.Action, m.Means, m.Do = Other, "retry", "trouble of the receiver or of the way there", "nothing: Postfix tries again"
	case subject == "7":
		m.Class, m.Means = Policy, "refused, and nothing known says why"
	default:
		m.Class, m.Means = Other, "nothing that is known matches"
	}
}

// noTLS is how Postfix says that it wanted encryption and had none.
var noTLS = []string{"tls is required", "cannot start tls", "server certificate not", "tlsa lookup error", "tls handshake failure"}

// ownWords says what Postfix itself says when nobody spoke.
func (m *Meaning) ownWords(p *Parsed) {
	m.Class, m.Action, m.Means, m.Do = Other, "retry", "no reply: the receiver was not reached", "nothing: Postfix tries again"
	for _, words := range noTLS {
		if strings.HasPrefix(p.words, words) {
			m.Class, m.Action, m.Means, m.Do = TLS, "fix", "no encryption as it is wanted here", "posttls-finger HOST shows what the receiver offers; smtp_tls_policy_maps says what is wanted"
		}
	}
}
