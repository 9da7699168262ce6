package health

import (
	"fmt"
	"time"

	"postward/internal/guard"
	"postward/internal/guard/guess"
)

// Front notes that guesses come by an address by which nearly everybody comes; nil: they do not.
func (t *Troubles) Front(f *guess.Front, now time.Time) {
	t.SetAfter("front", frontTrouble(f), time.Minute, now)
}

func frontTrouble(f *guess.Front) string {
	if f == nil {
		return ""
	}
	by := "nobody is known to log in from elsewhere"
	if f.Logins+f.Mails > 0 {
		by = fmt.Sprintf("%s and %s of strangers came by it, hardly any login from elsewhere", guard.Count(f.Logins, "login"), guard.Count(f.Mails, "mail"))
	}
	return fmt.Sprintf("whoever guesses passwords comes by %s (%s within a day), and so does everybody else (%s): it looks like a proxy, or a router that hides the clients' addresses, and nobody is kept out there. "+
		"Have it hand the addresses on (HAProxy, nginx: PROXY protocol, with smtpd_upstream_proxy_protocol or postscreen_upstream_proxy_protocol in Postfix and haproxy_trusted_networks in Dovecot; "+
		"Docker: \"userland-proxy\": false, and IPv6 for its networks); if it is one machine that guesses: postward ban add %s",
		f.Client, guard.Count(f.Tries, "refused login"), by, f.Client)
}
