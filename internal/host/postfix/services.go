package postfix

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// Service is an smtpd.
type Service struct {
	Name    string // as in master.cf: "smtp", "submission", "127.0.0.1:10025"
	Address string // host:port where it greets a client of this host; empty behind postscreen, and in TLS wrapper mode
	Milters string // smtpd_milters as it is in force for it
}

// Services returns the smtpd services that master.cf names.
func (p Instance) Services(ctx context.Context) ([]Service, error) {
	table, err := p.conf(ctx, "-M")
	if err != nil {
		return nil, err
	}
	interfaces, err := p.Get(ctx, "inet_interfaces")
	if err != nil {
		return nil, err
	}
	overrides, err := p.overrides(ctx)
	if err != nil {
		return nil, err
	}
	services := listening(table, interfaces)
	for i := range services {
		s := &services[i]
		own := slices.Concat(overrides[s.Name+"/inet"], overrides[s.Name+"/pass"])
		worth, err := p.Values(ctx, own, "smtpd_milters")
		if err != nil {
			return nil, err
		}
		s.Milters = worth["smtpd_milters"]
		if slices.Contains(own, "smtpd_tls_wrappermode=yes") {
			s.Address = ""
		}
	}
	return services, nil
}

// listening picks the smtpd services out of the lines of postconf -M.
func listening(table []string, interfaces string) []Service {
	var services []Service
	for _, line := range table {
		f := strings.Fields(line)
		if len(f) < 8 || f[7] != "smtpd" {
			continue
		}
		switch f[1] {
		case "pass":
			services = append(services, Service{Name: f[0]})
		case "inet":
			if address, err := reach(f[0], interfaces); err == nil {
				services = append(services, Service{Name: f[0], Address: address})
			}
		}
	}
	return services
}

// reach returns where a service of the inet type is reached from this host: master(5), "Service name".
func reach(name, interfaces string) (string, error) {
	host, port := "", name
	if i := strings.LastIndexByte(name, ':'); i >= 0 {
		host, port = strings.Trim(name[:i], "[]"), name[i+1:]
	}
	n, err := net.LookupPort("tcp", port)
	if err != nil {
		return "", fmt.Errorf("service %q: %w", name, err)
	}
	if host == "" {
		host = "localhost" // by IPv4 or IPv6
		if first := strings.FieldsFunc(interfaces, func(r rune) bool { return r == ',' || r == ' ' }); len(first) > 0 && first[0] != "all" && first[0] != "loopback-only" {
			host = strings.Trim(first[0], "[]")
		}
	}
	return net.JoinHostPort(host, strconv.Itoa(n)), nil
}
