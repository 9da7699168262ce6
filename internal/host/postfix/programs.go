package postfix

import (
	"context"
	"slices"
	"strings"
)

// Program is a service of master.cf, and what parameters are worth to it.
type Program struct {
	Name    string // as in master.cf: "smtp", "127.0.0.1:10025", "pickup"
	Type    string // inet, unix, pass
	Command string // smtpd, pickup, pipe
	Args    []string
	Address string            // host:port where a client of this host finds one of type inet; else empty
	Worth   map[string]string // as in force for it
}

// Programs returns the services of master.cf that run one of these commands, with what the named parameters are worth to each.
func (p Instance) Programs(ctx context.Context, commands []string, names ...string) ([]Program, error) {
	table, err := p.conf(ctx, "-M")
	if err != nil {
		return nil, err
	}
	overrides, err := p.overrides(ctx)
	if err != nil {
		return nil, err
	}
	interfaces, err := p.Get(ctx, "inet_interfaces")
	if err != nil {
		return nil, err
	}
	all := running(table, commands, interfaces)
	for i := range all {
		if all[i].Worth, err = p.Values(ctx, overrides[all[i].Name+"/"+all[i].Type], names...); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// running picks the services that run one of these commands out of the lines of postconf -M.
func running(table, commands []string, interfaces string) []Program {
	var all []Program
	for _, line := range table {
		f := strings.Fields(line)
		if len(f) < 8 || !slices.Contains(commands, f[7]) {
			continue
		}
		p := Program{Name: f[0], Type: f[1], Command: f[7], Args: f[8:]}
		if p.Type == "inet" {
			p.Address, _ = reach(p.Name, interfaces) // a name that no port has: nobody can be there
		}
		all = append(all, p)
	}
	return all
}
