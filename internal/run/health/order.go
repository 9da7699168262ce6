package health

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"postward/internal/host/postfix"
)

// A milter behind postward sees nothing of what postward holds: Postfix asks nobody after a quarantine, and nobody again
// at the release. attach puts postward last; a package or a person may put another behind it later.

// Order notes which milters stand behind postward, whose sockets these are, or why their order cannot be read.
func (t *Troubles) Order(chains []postfix.Chain, err error, sockets []string, now time.Time) {
	text := ""
	if err != nil {
		text = fmt.Sprintf("the order of Postfix's milters cannot be read (%v): postfix check", err)
	} else {
		text = orderTrouble(chains, sockets)
	}
	t.Set("order", text, now)
}

// askedGrace is how long it may be so before the owner is told: postward is started before it is attached.
const askedGrace = 2 * time.Minute

// Asked notes what of postward's attachment somebody undid, in sentences; none: it is whole.
func (t *Troubles) Asked(lacking []string, now time.Time) {
	text := strings.Join(lacking[:min(len(lacking), maxBehind)], "; ")
	if text != "" {
		text += ": postward attach --dry-run shows what mends it"
	}
	t.SetAfter("asked", text, askedGrace, now)
}

// maxBehind bounds the services that the trouble names.
const maxBehind = 4

// orderTrouble says which milters stand behind postward; "" when none does.
func orderTrouble(chains []postfix.Chain, sockets []string) string {
	var all []string
	for _, c := range chains {
		at := slices.IndexFunc(c.Milters, func(milter string) bool {
			return slices.ContainsFunc(sockets, func(socket string) bool { return strings.Contains(milter, postfix.SocketName(socket)) })
		})
		if at >= 0 && at < len(c.Milters)-1 && len(all) < maxBehind {
			all = append(all, fmt.Sprintf("%s of %s: %s", c.Parameter, c.Service, strings.Join(c.Milters[at+1:], ", ")))
		}
	}
	if len(all) == 0 {
		return ""
	}
	return fmt.Sprintf("Postfix asks other milters after postward (%s): what postward holds they never see, and what is released leaves without them: "+
		"put postward's word at the end of the list and reload Postfix, or postward detach, then postward attach --apply", strings.Join(all, "; "))
}
