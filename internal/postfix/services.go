package postfix

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
)

// Service is an smtpd that listens for connections.
type Service struct {
	Name    string // as in master.cf: "smtp", "submission", "127.0.0.1:10025"
	Address string // host:port to reach it from this host
	Milters string // smtpd_milters as it is in force for it
	TLS     bool   // wrapper mode: it says nothing before the TLS handshake
}

// maxConfig bounds what postconf prints, in octets.
const maxConfig = 1 << 20

// Services returns the smtpd services of the inet type that master.cf names. Those that a postscreen hands its clients
// to are not among them: nobody can connect to them.
func (p Instance) Services(ctx context.Context) ([]Service, error) {
	table, err := p.conf(ctx, "-M")
	if err != nil {
		return nil, err
	}
	milters, err := p.Get(ctx, "smtpd_milters")
	if err != nil {
		return nil, err
	}
	interfaces, err := p.Get(ctx, "inet_interfaces")
	if err != nil {
		return nil, err
	}
	own, err := p.conf(ctx, "-Px", "*/inet/smtpd_milters", "*/inet/smtpd_tls_wrappermode")
	if err != nil {
		return nil, err
	}
	services := listening(table, interfaces)
	for i := range services {
		s := &services[i]
		s.Milters = milters
		for _, line := range own {
			key, value, _ := strings.Cut(line, " = ")
			switch key {
			case s.Name + "/inet/smtpd_milters":
				s.Milters = value
			case s.Name + "/inet/smtpd_tls_wrappermode":
				s.TLS = value == "yes"
			}
		}
	}
	return services, nil
}

// listening picks the smtpd services out of the lines of postconf -M.
func listening(table []string, interfaces string) []Service {
	var services []Service
	for _, line := range table {
		f := strings.Fields(line)
		if len(f) < 8 || f[1] != "inet" || f[7] != "smtpd" {
			continue
		}
		if address, err := reach(f[0], interfaces); err == nil {
			services = append(services, Service{Name: f[0], Address: address})
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
		host = "127.0.0.1"
		if first := strings.FieldsFunc(interfaces, func(r rune) bool { return r == ',' || r == ' ' }); len(first) > 0 && first[0] != "all" && first[0] != "loopback-only" {
			host = strings.Trim(first[0], "[]")
		}
	}
	return net.JoinHostPort(host, strconv.Itoa(n)), nil
}

// conf returns the lines that postconf prints.
func (p Instance) conf(ctx context.Context, args ...string) ([]string, error) {
	var lines []string
	err := p.run(ctx, nil, func(r io.Reader) error {
		s := bufio.NewScanner(io.LimitReader(r, maxConfig))
		s.Buffer(nil, maxConfig)
		for s.Scan() {
			lines = append(lines, s.Text())
		}
		return errors.Join(s.Err(), discard(r))
	}, "postconf", args...)
	return lines, err
}
