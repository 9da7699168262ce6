package doors

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"postward/internal/host/postfix"
)

// Known is what is known of postward, to judge doors by.
type Known struct {
	Sees     func(*postfix.Program) bool // postward is asked about what comes through this smtpd(8) or cleanup(8)
	Wire     bool                        // it is wanted for every smtpd(8),
	Local    bool                        // and for what sendmail(1) hands in
	Own      []netip.Prefix              // networks.own, and the addresses of this host
	Declared func(user string) bool      // an operator said that a Unix user may send as anybody; nil: it is not known
	Shut     func(address string) bool   // this port is seen to let no other user in; nil: nobody looked
}

// Seeing is Known.Sees for the sockets of postward as they are configured.
func Seeing(sockets []string) func(*postfix.Program) bool {
	parameter := map[string]string{"smtpd": "smtpd_milters", "cleanup": "non_smtpd_milters"}
	return func(p *postfix.Program) bool {
		if p.Command == "smtpd" && has(p.Worth["receive_override_options"], "no_milters") {
			return false
		}
		return slices.ContainsFunc(sockets, func(s string) bool {
			return strings.Contains(p.Worth[parameter[p.Command]], postfix.SocketName(s))
		})
	}
}

// Open says of each kind of door by its key which ones are open; "" where none is. Where postward is not attached at all
// no door is one.
func (d *Doors) Open(k Known) map[string]string {
	open := map[string]string{"return": "", "sendmail": "", "maps": "", "filter": "", "networks": "", "unread": "", "certificates": ""}
	if !slices.ContainsFunc(d.programs, func(p postfix.Program) bool { return p.Command != "pipe" && k.Sees(&p) }) {
		return open
	}
	if open["maps"] = d.exempt(k); k.Wire {
		open["return"] = d.returns(k)
	}
	if k.Local {
		open["sendmail"], open["filter"] = d.sendmail(k), d.filters(k)
	}
	open["networks"], open["unread"] = d.wider(k)
	open["certificates"] = d.certificates(k)
	return open
}

// maxNamed bounds what a sentence names.
const maxNamed = 4

// some joins what a sentence names.
func some(all []string) string {
	if more := len(all) - maxNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:maxNamed], ", "), more)
	}
	return strings.Join(all, ", ")
}

// returns says which ports take mail that postward is not asked about: a content filter's way back, as a rule.
func (d *Doors) returns(k Known) string {
	var open, ports []string
	for p := range d.each("smtpd") {
		if p.Type != "inet" && p.Type != "pass" || k.Sees(p) || k.Shut != nil && p.Address != "" && k.Shut(p.Address) {
			continue
		}
		open = append(open, p.Name)
		if _, port, err := net.SplitHostPort(p.Address); err == nil {
			ports = append(ports, port)
		}
	}
	if len(open) == 0 {
		return ""
	}
	how := "give it postward's milter"
	if len(ports) > 0 {
		how = fmt.Sprintf("nft add rule inet filter output tcp dport '{ %s }' meta skuid != '{ root, amavis }' reject, with the filter's own user for amavis", strings.Join(ports, ", "))
	}
	return fmt.Sprintf("postward is not asked about mail through %s, as a content filter's way back is: every user of this host can send there unseen, as anybody and to any number. "+
		"Let only the filter in (%s), or run the filter as a milter", some(open), how)
}

// sendmail says why postward is not asked about what sendmail(1) hands in.
func (d *Doors) sendmail(k Known) string {
	for p := range d.each("pickup") {
		if has(p.Worth["receive_override_options"], "no_milters") {
			return p.Name + " has no_milters: every user of this host can send by sendmail(1) unseen, as anybody: take no_milters out of its receive_override_options and reload Postfix"
		}
		for c := range d.each("cleanup") {
			if c.Name == p.Worth["cleanup_service_name"] && !k.Sees(c) {
				return c.Name + " does not ask postward (non_smtpd_milters): every user of this host can send by sendmail(1) unseen, as anybody: postward detach, then postward attach --apply"
			}
		}
	}
	return ""
}

// exempt says which services leave clients of a table without a milter.
func (d *Doors) exempt(k Known) string {
	var open []string
	for p := range d.each("smtpd") {
		if maps := p.Worth["smtpd_milter_maps"]; maps != "" && k.Sees(p) {
			open = append(open, maps+" of "+p.Name)
		}
	}
	if len(open) == 0 {
		return ""
	}
	return fmt.Sprintf("clients that smtpd_milter_maps lists send past postward (%s): take smtpd_milter_maps out, or whoever may relay out of the table, and reload Postfix", some(open))
}

// filters names a content filter that hands mail back as a Unix user who is not declared: by sendmail(1), or over loopback.
func (d *Doors) filters(k Known) string {
	for p := range d.each("pipe") {
		user := userOf(p)
		if user == "" || !d.filtersBy(p.Name) || k.Declared != nil && k.Declared(user) {
			continue
		}
		return fmt.Sprintf("the content filter %s hands every mail back as the user %[2]s, what strangers write to you too: undeclared, local:%[2]s has few new recipients a day, "+
			"and what is more is held. For a user whom nothing else runs as: postward account allow local:%[2]s --class application --address '*' --budget 100000", p.Name, user)
	}
	return ""
}

// filtersBy reports whether a service gives mail to a transport as its content filter: "name" or "name:destination".
func (d *Doors) filtersBy(transport string) bool {
	return slices.ContainsFunc(d.programs, func(p postfix.Program) bool {
		name, _, _ := strings.Cut(p.Worth["content_filter"], ":")
		return name == transport && (p.Command == "smtpd" || p.Command == "pickup")
	})
}

// userOf returns whom a pipe(8) runs its command as: user=NAME, or user=NAME:GROUP.
func userOf(p *postfix.Program) string {
	for _, a := range p.Args {
		if user, is := strings.CutPrefix(a, "user="); is {
			name, _, _ := strings.Cut(user, ":")
			return name
		}
		if strings.HasPrefix(a, "argv=") {
			break
		}
	}
	return ""
}
