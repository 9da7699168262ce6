package main

import (
	"bufio"
	"bytes"
	_ "embed"
	"fmt"
	"math"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

//go:embed logtime.py
var logtime string

// fail2ban reads the log with fail2ban's filters, counters and bans; see logtime.py.
func fail2ban(path string) (bans, cost, error) {
	cmd := exec.Command("fail2ban-python", "-c", logtime, path, strconv.FormatInt(begin.Unix(), 10))
	cmd.Env = append(os.Environ(), "TZ=UTC")
	out, spent, err := measured(cmd)
	if err != nil {
		return nil, spent, fmt.Errorf("run fail2ban's filters: %w", err)
	}
	all := bans{}
	for line := range strings.Lines(string(out)) {
		var addr string
		var from, until float64
		if _, err := fmt.Sscan(line, &addr, &from, &until); err != nil {
			return nil, spent, fmt.Errorf("read fail2ban's ban %q: %w", line, err)
		}
		a, err := netip.ParseAddr(addr)
		if err != nil {
			return nil, spent, fmt.Errorf("read fail2ban's ban: %w", err)
		}
		all.add(netip.PrefixFrom(a, a.BitLen()), seconds(from), seconds(until))
	}
	return all, spent, nil
}

func seconds(s float64) time.Time {
	whole, part := math.Modf(s)
	return time.Unix(int64(whole), int64(part*1e9)).UTC()
}

// parser is sshguard's, where Debian puts it.
const parser = "/usr/libexec/sshguard/sshg-parser"

// sshguard reads the log with sshguard's parser. Its blocker knows the wall clock alone, so the blocker's rule is held here, at the
// log's time; TestTheRuleIsThatOfSshguardsBlocker holds it against the real one. What the parser costs is measured; the blocker
// costs nothing beside it.
func sshguard(path string) (bans, cost, error) {
	out, spent, err := parsed(path)
	if err != nil {
		return nil, spent, err
	}
	marked, _, err := parsed(path, "-a") // the same lines, those that are attacks marked
	if err != nil {
		return nil, spent, err
	}
	b, last := blocker{}, begin
	attacks := bufio.NewScanner(bytes.NewReader(out))
	for line := range bytes.Lines(marked) {
		if !bytes.HasPrefix(line, []byte("* ")) {
			continue
		}
		last = stamped(line[2:], last)
		if !attacks.Scan() {
			return nil, spent, fmt.Errorf("read sshguard's attacks: fewer than it marked")
		}
		f := strings.Fields(attacks.Text()) // service, address, kind, danger
		if len(f) != 4 {
			return nil, spent, fmt.Errorf("read sshguard's attack %q: %d fields, not 4", attacks.Text(), len(f))
		}
		a, err := netip.ParseAddr(f[1])
		if err != nil {
			return nil, spent, fmt.Errorf("read sshguard's attack: %w", err)
		}
		danger, err := strconv.Atoi(f[3])
		if err != nil {
			return nil, spent, fmt.Errorf("read sshguard's attack: %w", err)
		}
		b.attack(a, danger, last)
	}
	return b.bans, spent, nil
}

func parsed(path string, args ...string) ([]byte, cost, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, cost{}, err
	}
	defer f.Close()
	cmd := exec.Command(parser, args...)
	cmd.Stdin = f
	out, spent, err := measured(cmd)
	if err != nil {
		return nil, spent, fmt.Errorf("run sshguard's parser: %w", err)
	}
	return out, spent, nil
}

// stamped is when a line of a generated log was written, or when the one before it was.
func stamped(line []byte, last time.Time) time.Time {
	word, _, _ := bytes.Cut(line, []byte(" "))
	if at, err := time.Parse(time.RFC3339Nano, string(word)); err == nil {
		return at.UTC()
	}
	if len(line) < len(time.Stamp) {
		return last
	}
	at, err := time.Parse(time.Stamp, string(line[:len(time.Stamp)]))
	if err != nil {
		return last
	}
	return at.AddDate(begin.Year(), 0, 0)
}

// blocker is the rule of sshguard's: block at a danger of 30 within 30 minutes of the first attack, for 2 minutes, and half as long
// again each time (its defaults -a 30, -s 1800, -p 120).
type blocker struct {
	bans   bans
	limbo  map[netip.Addr]*suspect
	blocks map[netip.Addr]int
}

type suspect struct {
	first  time.Time
	danger int
}

func (b *blocker) attack(a netip.Addr, danger int, at time.Time) {
	if b.bans == nil {
		b.bans, b.limbo, b.blocks = bans{}, map[netip.Addr]*suspect{}, map[netip.Addr]int{}
	}
	net := netip.PrefixFrom(a, a.BitLen())
	if list := b.bans[net]; len(list) > 0 && at.Before(list[len(list)-1].Until) {
		return // blocked already
	}
	s := b.limbo[a]
	if s == nil || at.Sub(s.first) > 1800*time.Second {
		s = &suspect{first: at}
		b.limbo[a] = s
	}
	if s.danger += danger; s.danger < 30 {
		return
	}
	pardon := 120 * math.Pow(1.5, float64(b.blocks[a]))
	b.blocks[a]++
	delete(b.limbo, a)
	b.bans.add(net, at, at.Add(time.Duration(pardon*float64(time.Second))))
}
