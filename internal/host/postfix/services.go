package postfix

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
)

// Service is an smtpd.
type Service struct {
	Name    string // as in master.cf: "smtp", "submission", "127.0.0.1:10025"
	Address string // host:port where it greets a client of this host; empty behind postscreen, and in TLS wrapper mode
	Milters string // smtpd_milters as it is in force for it
}

// maxConfig bounds what postconf prints, in octets.
const maxConfig = 1 << 20

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
	overrides, err := p.conf(ctx, "-P", "*/inet/*", "*/pass/*")
	if err != nil {
		return nil, err
	}
	services := listening(table, interfaces)
	for i := range services {
		s := &services[i]
		own := overridesOf(overrides, s.Name, "inet", "pass")
		if s.Milters, err = p.expand(ctx, "$smtpd_milters", own, maxDepth); err != nil {
			return nil, err
		}
		if own["smtpd_tls_wrappermode"] == "yes" {
			s.Address = ""
		}
	}
	return services, nil
}

// overridesOf picks a service's -o parameters out of the lines of postconf -P.
func overridesOf(lines []string, service string, kinds ...string) map[string]string {
	own := map[string]string{}
	for _, line := range lines {
		key, value, _ := strings.Cut(line, "=")
		for _, kind := range kinds {
			if name, ok := strings.CutPrefix(strings.TrimSpace(key), service+"/"+kind+"/"); ok {
				own[name] = strings.TrimSpace(value)
			}
		}
	}
	return own
}

// maxDepth bounds how deep parameters name each other.
const maxDepth = 8

// reference is a parameter named in a value: $name, ${name} or $(name). Conditional forms are left as they are.
var reference = regexp.MustCompile(`\$(?:\{(\w+)\}|\((\w+)\)|(\w+))`)

// expand returns a value as it is in force for a service: what it sets by -o goes before main.cf, at every depth.
func (p Instance) expand(ctx context.Context, value string, own map[string]string, depth int) (string, error) {
	if depth == 0 {
		return value, nil
	}
	var failed error
	out := reference.ReplaceAllStringFunc(value, func(ref string) string {
		name := strings.Trim(ref, "${}()")
		raw, set := own[name]
		if !set {
			lines, err := p.conf(ctx, "-h", name)
			failed = errors.Join(failed, err)
			raw = strings.Join(lines, " ")
		}
		full, err := p.expand(ctx, raw, own, depth-1)
		failed = errors.Join(failed, err)
		return full
	})
	return out, failed
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
