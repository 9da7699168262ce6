package attach

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Lacking says in sentences what of an attachment somebody has undone or spoiled since, as the configuration shows it: the kinds of
// mail that Postfix does not ask about, with the line of main.cf, and what stands in a list of milters and is none. socket is
// how Postfix names where postward listens for a direction.
func (h *Host) Lacking(socket map[Direction]string) (all []string) {
	for _, d := range []Direction{Inbound, Submission, Local} {
		if socket[d] == "" {
			continue
		}
		if i := slices.IndexFunc(h.Services, func(s Service) bool { return s.Direction == d && !s.asks(socket[d]) }); i >= 0 {
			s := h.Services[i]
			all = append(all, fmt.Sprintf("Postfix does not ask postward about %s mail: %s (master.cf:%d) has not its socket; %s", d, s.Name, s.Line, h.says(s.parameter())))
		}
	}
	return append(all, h.strangers()...)
}

func (s Service) asks(socket string) bool {
	return slices.ContainsFunc(s.Milters, func(m string) bool { return strings.Contains(m, socket) })
}

// parameter is the list of milters that holds for a service.
func (s Service) parameter() string {
	if s.Direction == Local {
		return "non_smtpd_milters"
	}
	return "smtpd_milters"
}

// says is what main.cf says of a parameter.
func (h *Host) says(name string) string {
	p, ok := parameter(h.main, name)
	if !ok {
		return "main.cf does not set " + name
	}
	text := fmt.Sprintf("main.cf:%d says %s = %s", p.number, name, p.value)
	for _, ref := range ourWord.FindAllString(p.value, -1) {
		if _, set := parameter(h.main, ref[1:]); !set {
			text += ", and " + ref[1:] + " is not set"
		}
	}
	return text
}

// transport is what Postfix takes for one: transport:endpoint, or that and more in braces.
var transport = regexp.MustCompile(`^(?:\{\s*)?(?:inet6?|unix|local):`)

// strangers names what stands in a list of milters and is none: smtpd then answers 451 to all mail, cleanup takes none.
func (h *Host) strangers() (all []string) {
	first, lines := goesOn(h.main)
	if first > 0 {
		all = append(all, fmt.Sprintf("main.cf:%d goes on with the last line of postward's block, so Postfix takes %s for a milter: mail gets 451", first, strings.Join(lines, " ")))
	}
	for _, s := range h.Services {
		for _, m := range s.Milters {
			said := first > 0 && strings.Contains(strings.Join(lines, " "), m)
			if !said && !transport.MatchString(m) {
				all = append(all, fmt.Sprintf("%s has %q among its milters, which is none: mail gets 451 at %s (master.cf:%d); %s", s.parameter(), m, s.Name, s.Line, h.says(s.parameter())))
			}
		}
	}
	return all
}
