package dns

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
)

// Bounds of resolv.conf.
const (
	maxConf     = 64 << 10
	maxServers  = 6
	maxTimeout  = 30 * time.Second
	maxAttempts = 5
)

// Config is what a Client needs to know of resolv.conf(5).
type Config struct {
	Servers  []netip.AddrPort // in the order in which they are asked; at most 6
	Timeout  time.Duration    // for one try, 1 to 30 s; less when the context leaves less
	Attempts int              // tries at each server, 1 to 5
	Rotate   bool             // begin with another server each time
	TCP      bool             // option use-vc: no UDP
	// Unchecked asks for answers whose signatures do not verify too (CD, RFC 4035 section 3.2.2): to tell a zone that is
	// signed wrongly from a server that fails.
	Unchecked bool
	// Authority asks servers for what they have themselves: without recursion, and a reply without the bit AA (RFC 1035 section
	// 4.1.1) is a Failure. It is some cache's, and a cache may know what was true yesterday.
	Authority bool
	TrustAD   bool     // the authentic-data bit of these servers counts
	Notes     []string // what was not understood, with its line
}

// ReadConfig reads a file like /etc/resolv.conf. Without one, or without a server in it, the server is this host,
// as resolv.conf(5) says.
func ReadConfig(path string) (Config, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return ParseConfig(strings.NewReader(""))
	}
	if err != nil {
		return Config{}, err // os says what and where
	}
	defer f.Close()
	c, err := ParseConfig(f)
	if err != nil {
		return Config{}, fmt.Errorf("read %s: %w", path, err)
	}
	return c, nil
}

// ResolvConf is where a host says whom it asks: resolv.conf(5).
const ResolvConf = "/etc/resolv.conf"

// HostConfig is how this host asks: ResolvConf. With servers these are asked, and the file is not read.
func HostConfig(servers ...netip.AddrPort) (Config, error) {
	if len(servers) == 0 {
		return ReadConfig(ResolvConf)
	}
	c, err := ParseConfig(strings.NewReader(""))
	c.Servers = servers
	return c, err
}

// HostClient returns a client that asks as this host does.
func HostClient() (*Client, error) {
	c, err := HostConfig()
	if err != nil {
		return nil, err
	}
	return New(c)
}

// ParseConfig reads the text of resolv.conf. Like the resolver of libc it passes over what it does not understand,
// but leaves a note. domain, search, sortlist and ndots are not for those who ask for absolute names.
func ParseConfig(r io.Reader) (Config, error) {
	c := Config{Timeout: 5 * time.Second, Attempts: 2}
	lines := bufio.NewScanner(io.LimitReader(r, maxConf))
	lines.Buffer(make([]byte, 4096), maxConf+1)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if strings.HasPrefix(line, "#") || strings.HasPrefix(line, ";") {
			continue
		}
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		c.line(n, words[0], words[1:])
	}
	if err := lines.Err(); err != nil {
		return Config{}, err
	}
	if len(c.Servers) == 0 {
		c.Servers = []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:53")}
	}
	return c, nil
}

func (c *Config) line(n int, word string, rest []string) {
	switch word {
	case "nameserver":
		c.server(n, rest)
	case "options":
		for _, option := range rest {
			c.option(n, option)
		}
	case "domain", "search", "sortlist", "lookup", "family":
	default:
		c.note(n, "unknown word "+strconv.QuoteToASCII(word[:min(len(word), 40)]))
	}
}

func (c *Config) server(n int, rest []string) {
	if len(rest) == 0 {
		c.note(n, "nameserver without an address")
		return
	}
	addr, err := netip.ParseAddr(rest[0])
	switch {
	case err != nil:
		c.note(n, "not an address: "+strconv.QuoteToASCII(rest[0][:min(len(rest[0]), 64)]))
	case len(c.Servers) == maxServers:
		c.note(n, fmt.Sprintf("only the first %d servers are asked", maxServers))
	default:
		if addr.IsUnspecified() {
			addr = loopback(addr) // 0.0.0.0 is this host to libc
		}
		c.Servers = append(c.Servers, netip.AddrPortFrom(addr, 53))
	}
}

func loopback(like netip.Addr) netip.Addr {
	if like.Is4() {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.IPv6Loopback()
}

func (c *Config) option(n int, option string) {
	name, value, _ := strings.Cut(option, ":")
	switch name {
	case "timeout":
		c.Timeout = time.Duration(c.number(n, name, value, 1, int(maxTimeout/time.Second), 5)) * time.Second
	case "attempts":
		c.Attempts = c.number(n, name, value, 1, maxAttempts, 2)
	case "rotate":
		c.Rotate = true
	case "use-vc":
		c.TCP = true
	case "trust-ad":
		c.TrustAD = true
	}
}

// number is an option's value, brought between low and high as libc does; fallback when it is no number.
func (c *Config) number(n int, name, value string, low, high, fallback int) int {
	v, err := strconv.ParseUint(value, 10, 31)
	if err != nil {
		c.note(n, "no number in option "+name)
		return fallback
	}
	return max(low, min(int(v), high))
}

func (c *Config) note(n int, text string) {
	if len(c.Notes) < 20 {
		c.Notes = append(c.Notes, fmt.Sprintf("line %d: %s", n, text))
	}
}

// trusted reports whether the servers' authentic-data bit counts.
func (c *Config) trusted() bool {
	if c.TrustAD {
		return true
	}
	for _, s := range c.Servers {
		if !s.Addr().IsLoopback() {
			return false
		}
	}
	return true
}
