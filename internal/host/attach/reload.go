package attach

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"postward/internal/host/postfix"
)

const (
	greetingTime = 20 * time.Second // after a reload, until a new connection must have its greeting
	retryPause   = 200 * time.Millisecond
)

// reload makes a running Postfix read its configuration. Reloads have been seen after which new connections got
// no greeting; so one is asked for, and Postfix is stopped and started if it does not come.
func reload(ctx context.Context, h *Host, o Options) error {
	if o.NoReload {
		return nil
	}
	if _, _, err := postfix.Tool(ctx, "postfix", "-c", h.ConfigDir, "status"); err != nil {
		o.say("Postfix does not run; the change works from its next start")
		return nil
	}
	if _, _, err := postfix.Tool(ctx, "postfix", "-c", h.ConfigDir, "reload"); err != nil {
		return err
	}
	err := greeted(ctx, h)
	if err == nil {
		o.say("reloaded Postfix; it greets new connections")
		return nil
	}
	o.say("after the reload %v; Postfix is stopped and started", err)
	if err := restart(ctx, h.ConfigDir); err != nil {
		return err
	}
	if err := greeted(ctx, h); err != nil {
		return fmt.Errorf("restart Postfix: %w", err)
	}
	o.say("restarted Postfix; it greets new connections")
	return nil
}

// restart stops and starts Postfix, through systemd where that started it.
func restart(ctx context.Context, dir string) error {
	if unit := systemdUnit(ctx, dir); unit != "" {
		_, _, err := postfix.Tool(ctx, "systemctl", "restart", unit)
		return err
	}
	if _, _, err := postfix.Tool(ctx, "postfix", "-c", dir, "stop"); err != nil {
		return err
	}
	_, _, err := postfix.Tool(ctx, "postfix", "-c", dir, "start")
	return err
}

// systemdUnit returns the active unit that runs the instance, or "". Debian 12 has a unit an instance and a
// postfix.service that only stands for them all.
func systemdUnit(ctx context.Context, dir string) string {
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		return ""
	}
	units := []string{"postfix@" + filepath.Base(dir) + ".service"}
	if dir == "/etc/postfix" {
		units = []string{"postfix@-.service", "postfix.service"}
	}
	for _, unit := range units {
		if _, _, err := postfix.Tool(ctx, "systemctl", "is-active", "--quiet", unit); err == nil {
			return unit
		}
	}
	return ""
}

// greeted waits until every port that speaks SMTP in the clear gives a greeting to a new connection.
func greeted(ctx context.Context, h *Host) error {
	for _, address := range h.ports() {
		deadline := time.Now().Add(greetingTime)
		for {
			err := greeting(ctx, address, deadline)
			if err == nil {
				break
			}
			if time.Now().Add(retryPause).After(deadline) {
				return fmt.Errorf("a new connection to %s had no greeting within %s: %w", address, greetingTime, err)
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(retryPause):
			}
		}
	}
	return nil
}

// greeting connects once and reads a greeting (RFC 5321 section 3.1) to its end: who speaks before that is a spammer to postscreen(8),
// which logs it. Any code will do: 554 is an answer too.
func greeting(ctx context.Context, address string, deadline time.Time) error {
	d := net.Dialer{Deadline: deadline}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	in := bufio.NewReader(io.LimitReader(conn, maxGreeting))
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		if _, err := strconv.Atoi(line[:min(3, len(line))]); err != nil {
			return fmt.Errorf("it said %.100q", line)
		}
		if len(line) < 4 || line[3] != '-' {
			break
		}
	}
	fmt.Fprint(conn, "QUIT\r\n")
	in.ReadString('\n') // its goodbye, if there is one: else it would log that we were lost
	return nil
}

// maxGreeting bounds what is read of a greeting, in octets.
const maxGreeting = 64 << 10

// ports returns the addresses to ask for a greeting: inet services that speak SMTP in the clear.
func (h *Host) ports() []string {
	var all []string
	for _, e := range entries(h.master) {
		program := filepath.Base(e.command)
		if e.kind != "inet" || (program != "smtpd" && program != "postscreen") || h.wrapped(e.name) {
			continue
		}
		host, port := endpoint(e.name)
		if host == "" {
			host = h.interfaceAddress()
		}
		all = append(all, net.JoinHostPort(host, port))
	}
	return all
}

func (h *Host) wrapped(name string) bool {
	for _, s := range h.Services {
		if s.Name == name && s.wrapper {
			return true
		}
	}
	return false
}

// interfaceAddress is an address at which services without a host part listen.
func (h *Host) interfaceAddress() string {
	first := append(postfix.SplitList(h.values["inet_interfaces"]), "all")[0]
	if first == "all" || first == "loopback-only" {
		return "127.0.0.1"
	}
	return strings.Trim(first, "[]")
}
