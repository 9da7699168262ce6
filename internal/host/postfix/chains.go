package postfix

import (
	"context"
	"path"
	"strings"
)

// Chain is the milters of a service, in the order in which Postfix asks them.
type Chain struct {
	Service   string   // as in master.cf: "submission", "cleanup"
	Parameter string   // smtpd_milters, or non_smtpd_milters of a cleanup(8)
	Milters   []string // as in force: "inet:localhost:8891", "{ unix:postward/local.sock, … }"
}

// Chains returns the milters of every smtpd(8) and cleanup(8) that master.cf names.
func (p Instance) Chains(ctx context.Context) ([]Chain, error) {
	table, err := p.Master(ctx)
	if err != nil {
		return nil, err
	}
	overrides, err := p.overrides(ctx)
	if err != nil {
		return nil, err
	}
	parameters := map[string]string{"smtpd": "smtpd_milters", "cleanup": "non_smtpd_milters"}
	var all []Chain
	for _, line := range table {
		f := strings.Fields(line)
		name := parameters[f[2]]
		if name == "" {
			continue
		}
		worth, err := p.Values(ctx, overrides[f[0]+"/"+f[1]], name)
		if err != nil {
			return nil, err
		}
		all = append(all, Chain{Service: f[0], Parameter: name, Milters: SplitList(worth[name])})
	}
	return all, nil
}

// SocketName is what stands of a milter socket's address ("unix:/path", "inet:host:port") in the name that Postfix knows it
// by: a path in its queue directory.
func SocketName(address string) string {
	name := strings.TrimPrefix(address, "unix:")
	if strings.HasPrefix(name, "/") {
		name = path.Join(path.Base(path.Dir(name)), path.Base(name))
	}
	return name
}

// SplitList cuts a parameter's value at commas and white space outside braces, as Postfix does with lists.
func SplitList(value string) []string {
	var items []string
	depth, start := 0, -1
	for i := 0; i <= len(value); i++ {
		if i == len(value) || (depth == 0 && (value[i] == ',' || isSpace(value[i]))) {
			if start >= 0 {
				items = append(items, value[start:i])
			}
			start = -1
			continue
		}
		if start < 0 {
			start = i
		}
		switch {
		case value[i] == '{':
			depth++
		case value[i] == '}' && depth > 0:
			depth--
		}
	}
	return items
}

func isSpace(c byte) bool { return c == ' ' || (c >= '\t' && c <= '\r') }
