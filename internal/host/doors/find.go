package doors

import (
	"context"
	"net/netip"
	"slices"
	"strings"

	"postward/internal/host/postfix"
)

// Doors is how mail comes into a Postfix, as far as doors may be in it. It is read only.
type Doors struct {
	programs []postfix.Program
	networks map[string]networks // by what mynetworks is worth
}

// networks is what a list of networks names, and why a part of it could not be read.
type networks struct {
	all    []netip.Prefix
	unread []string
}

// What Postfix is asked of each program that takes mail, or hands it to a filter.
var (
	commands = []string{"smtpd", "pickup", "cleanup", "pipe"}
	names    = append(slices.Clone(restrictions),
		"smtpd_milters", "non_smtpd_milters", "smtpd_milter_maps", "receive_override_options", "cleanup_service_name", "content_filter",
		"mynetworks", "relay_clientcerts", "smtpd_tls_ask_ccert", "smtpd_tls_req_ccert",
	)
	restrictions = []string{
		"smtpd_client_restrictions", "smtpd_helo_restrictions", "smtpd_sender_restrictions", "smtpd_relay_restrictions", "smtpd_recipient_restrictions",
	}
)

// Find asks a Postfix for all of it. It changes nothing.
func Find(ctx context.Context, i postfix.Instance) (*Doors, error) {
	all, err := i.Programs(ctx, commands, names...)
	if err != nil {
		return nil, err
	}
	d := &Doors{programs: all, networks: map[string]networks{}}
	for p := range d.each("smtpd") {
		list := p.Worth["mynetworks"]
		if _, known := d.networks[list]; !known {
			n := networks{}
			n.all, n.unread = i.Networks(ctx, list)
			n.unread = slices.DeleteFunc(n.unread, func(why string) bool { return strings.HasPrefix(why, "!") }) // an exclusion opens nothing
			d.networks[list] = n
		}
	}
	return d, nil
}

// each goes through the services of a command.
func (d *Doors) each(command string) func(func(*postfix.Program) bool) {
	return func(yield func(*postfix.Program) bool) {
		for i := range d.programs {
			if d.programs[i].Command == command && !yield(&d.programs[i]) {
				return
			}
		}
	}
}

func has(list, word string) bool { return slices.Contains(postfix.SplitList(list), word) }
