package doors

import (
	"slices"
	"strings"

	"postward/internal/host/postfix"
)

// Beside are the milters and policy servers, besides postward, that a Postfix asks about mail from outside and that may
// look after SPF, DKIM, DMARC or ARC by themselves: as main.cf names them, each once.
func (d *Doors) Beside(ours func(*postfix.Program) bool, sockets []string) []string {
	var all []string
	for p := range d.each("smtpd") {
		if !ours(p) {
			continue
		}
		for _, name := range append(others(p.Worth["smtpd_milters"], sockets), policies(p)...) {
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all
}

// others are the milters of a list that are not postward's, but for those that are known to do something else.
func others(list string, sockets []string) []string {
	var all []string
	for _, m := range postfix.SplitList(list) {
		name := strings.ToLower(m)
		ours := slices.ContainsFunc(sockets, func(s string) bool { return strings.Contains(m, postfix.SocketName(s)) })
		if !ours && !slices.ContainsFunc([]string{"clamav", "clamsmtp", "spamass", "greylist"}, func(s string) bool { return strings.Contains(name, s) }) {
			all = append(all, m)
		}
	}
	return all
}

// policies are the policy servers for SPF of a program, by their names.
func policies(p *postfix.Program) []string {
	var all []string
	for _, r := range restrictions {
		words := postfix.SplitList(p.Worth[r])
		for i, w := range words[:max(len(words)-1, 0)] {
			if w == "check_policy_service" && strings.Contains(strings.ToLower(words[i+1]), "spf") {
				all = append(all, words[i+1])
			}
		}
	}
	return all
}
