package doveadm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"strconv"
	"strings"

	"postward/internal/host/postfix"
)

// Instance is a Dovecot by its configuration file; the zero Instance is the one that the tools take by themselves.
type Instance struct{ Config string }

// Session is somebody who is logged in.
type Session struct {
	Account  string
	Protocol string // imap, pop3, sieve, …
	PID      int    // of the process that serves it; 0 if it is not said
	Client   netip.Addr
}

// How doveadm kick says that nobody was there: in 2.3 by EX_NOHOST of sysexits.h, in 2.4 by a table.
const (
	notFound   = 68
	noneKicked = "count\n0\n"
)

// maxSessions bounds what Who returns: an account has a few, and a thief's may have hundreds.
const maxSessions = 10_000

// Who lists the sessions of an account. Dovecot must run, and the caller be root.
func (d Instance) Who(ctx context.Context, account string) ([]Session, error) {
	account, err := ParseAccount(account)
	if err != nil {
		return nil, fmt.Errorf("list the sessions of an account: %w", err)
	}
	out, _, err := d.doveadm(ctx, "-f", "tab", "who", "-1", account)
	if err != nil {
		return nil, fmt.Errorf("list the sessions of %s: %w", account, err)
	}
	return readSessions(out), nil
}

// Kick ends the sessions of an account, and reports whether there were any. Who logs in with the right password is there
// again at once: refuse that first.
func (d Instance) Kick(ctx context.Context, account string) (kicked bool, err error) {
	account, err = ParseAccount(account)
	if err != nil {
		return false, fmt.Errorf("end the sessions of an account: %w", err)
	}
	out, _, err := d.doveadm(ctx, "-f", "tab", "kick", account)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == notFound:
		return false, nil
	case err != nil:
		return false, fmt.Errorf("end the sessions of %s: %w", account, err)
	}
	return out != noneKicked, nil
}

func (d Instance) doveadm(ctx context.Context, args ...string) (stdout, stderr string, err error) {
	return postfix.Tool(ctx, "doveadm", append(d.args(), args...)...)
}

func (d Instance) args() []string {
	if d.Config == "" {
		return nil
	}
	return []string{"-c", d.Config}
}

// readSessions reads a table with a head, its columns parted by tabs. Columns are found by their names: 2.4 has more than
// 2.3, and calls the protocol "service". What has no name is no session.
func readSessions(table string) []Session {
	var all []Session
	var head map[string]int
	for line := range strings.Lines(table) {
		fields := strings.Split(strings.TrimRight(line, "\r\n"), "\t")
		if head == nil {
			head = columns(fields)
			continue
		}
		at := func(name string) string {
			if i, ok := head[name]; ok && i < len(fields) {
				return fields[i]
			}
			return ""
		}
		s := Session{Account: at("username"), Protocol: cmp.Or(at("proto"), at("service"))}
		if s.Account == "" || len(all) == maxSessions {
			continue
		}
		if n, err := strconv.ParseUint(at("pid"), 10, 31); err == nil {
			s.PID = int(n)
		}
		if a, err := netip.ParseAddr(at("ip")); err == nil {
			s.Client = a.Unmap()
		}
		all = append(all, s)
	}
	return all
}

func columns(names []string) map[string]int {
	at := map[string]int{}
	for i, name := range names {
		at[name] = i
	}
	return at
}
