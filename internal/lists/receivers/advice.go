package receivers

import (
	"regexp"
	"strings"
)

var plainDomain = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)+$`)

// Advice is how Postfix writes to a receiver slowly: a transport of its own, with its own rate (transport(5), postconf(5)). Nobody
// but a person applies it. Empty when it does not put mail off, or no domain of its people can be named.
func (r *Row) Advice() []string {
	var table []string
	name := transport(r.Receiver)
	for _, d := range r.Domains {
		if plainDomain.MatchString(d) {
			table = append(table, "  "+d+"   "+name+":")
		}
	}
	if r.State == Accepting || len(table) == 0 || name == "slow" {
		return nil
	}
	lines := []string{"/etc/postfix/master.cf (the fifth word as in the line of smtp):",
		"  " + name + "   unix  -  -  y  -  -  smtp",
		"/etc/postfix/main.cf (a table that you have already stays in front):",
		"  transport_maps = hash:/etc/postfix/transport",
		"  " + name + "_initial_destination_concurrency = 1",
		"  " + name + "_destination_concurrency_limit = 1",
		"  " + name + "_destination_rate_delay = 20s",
		"  " + name + "_destination_recipient_limit = 2",
		"/etc/postfix/transport:"}
	return append(append(lines, table...), "postmap /etc/postfix/transport && postfix reload")
}

// transport is the name of a receiver's own transport: letters and digits, as master.cf and the names of parameters take them.
func transport(receiver string) string {
	return "slow" + strings.Map(func(c rune) rune {
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' {
			return c
		}
		return -1
	}, receiver)
}
