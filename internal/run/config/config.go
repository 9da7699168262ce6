// Package config reads postward.toml. Every key may be left out; the defaults stand in one table ([keys]) with what
// each key is for, and the shipped example is written from it. Reading is strict: an unknown key, a wrong type or a
// value out of its range is an error, and all errors of a file are told at once, each with its line and the way out.
//
// The package is pure but for Load, which reads one file. It imports guard for the numbers of the decision, message for
// the form of a domain, and sock for what may be listened at.
package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"postward/internal/guard"
)

// DefaultPath is where the configuration is looked for.
const DefaultPath = "/etc/postward/postward.toml"

// ListsDir is where an operator's own blocklists are looked for, besides the built-in ones.
const ListsDir = "/etc/postward/lists"

// RepliesDir is where an operator's own receivers and patterns of their replies are looked for, besides the built-in ones.
const RepliesDir = "/etc/postward/replies"

// maxFile bounds a configuration file, in octets.
const maxFile = 1 << 20

// Config is a read configuration. It does not change after Load.
type Config struct {
	Node     string // the name of this host in alerts
	User     string // whom the daemon runs as
	Group    string // whose members may use the operator's socket, besides root
	StateDir string
	TrashDir string
	Socket   string
	LogLevel string // info or debug

	Mode  guard.Mode
	Modes map[guard.Subject]*guard.Mode // empty: as Mode

	Postfix struct {
		ConfigDir string
		LogFile   string
	}
	Milter struct {
		Inbound, Submission, Local string // unix:/path, inet:host:port on loopback, or empty: off
		AnswerTimeout              time.Duration
		MaxSessions                int
	}
	AuthPolicy struct {
		Listen  string   // where Dovecot asks, on loopback; empty: off
		KeyFile string   // what Dovecot shows
		Dovecot string   // its configuration file; empty: where its tools look
		Lists   []string // blocklists that are asked about strangers who log in; none: no list is
	}
	MMDB   []string // files of networks and countries; empty: the built-in table
	Notify struct {
		URLs    []string
		Command []string
	}
	Watch struct {
		Names      []string // addresses and domains that blocklists are asked about; none: no list is asked
		Registered []string // lists that know the address of this host's resolver
	}
	Authentication Authentication
	DNS            struct {
		Server    string // whom updates of zones go to; empty: the server that the zone's SOA record names
		KeyFile   string // what signs them, as tsig-keygen writes it; empty: KeyName and KeySecret, or nobody may
		KeyName   string
		KeySecret string
		Senders   []string // addresses that the domains' mail is sent from; none: this host's
		Reports   string   // a mail address; empty: postmaster of the domain
		MTASTS    string   // testing, enforce, none, or empty: no policy of ours
	}
	Guessing struct {
		Mode   guard.Mode // empty: as Mode
		Kernel bool       // who is banned is kept out by the kernel
	}
	DKIM struct {
		Dir string // of the private keys; empty: see KeysDir
	}

	Canary struct {
		Every time.Duration // 0: off
	}
	Retention struct {
		JournalDays int
	}

	policy   *guard.Policy // all but its modes
	hostName string        // what Node is by default, if it is known
}

// Default is the configuration of a host that has none.
func Default() *Config {
	c := &Config{
		Node: "localhost", LogLevel: "info", User: "postward", Group: "postward", StateDir: "/var/lib/postward", TrashDir: "/var/lib/postward-trash",
		Socket: "/run/postward/control.sock", Mode: guard.Shadow, Modes: map[guard.Subject]*guard.Mode{}, policy: guard.DefaultPolicy(),
	}
	for _, s := range guard.Subjects {
		c.Modes[s] = new(guard.Mode)
	}
	c.Postfix.ConfigDir, c.Postfix.LogFile = "/etc/postfix", "/var/log/mail.log"
	const sockets = "unix:/var/spool/postfix/postward/"
	c.Milter.Inbound, c.Milter.Submission, c.Milter.Local = sockets+"inbound.sock", sockets+"submission.sock", sockets+"local.sock"
	c.Milter.AnswerTimeout, c.Milter.MaxSessions = 10*time.Second, 2000
	c.Guessing.Kernel = true
	c.Authentication = authenticationDefaults()
	c.AuthPolicy.KeyFile = "/etc/postward/authpolicy.key"
	c.Canary.Every = 4 * time.Minute
	c.Retention.JournalDays = 90
	return c
}

// BansEnforced reports whether who guesses passwords is kept out, and not only named.
func (c *Config) BansEnforced() bool {
	if c.Guessing.Mode != "" {
		return c.Guessing.Mode == guard.Enforce
	}
	return c.Mode == guard.Enforce
}

// ProofsDir is the directory where it is written down what was proved of each mail.
func (c *Config) ProofsDir() string { return filepath.Join(c.StateDir, "proofs") }

// KeysDir is the directory of the private keys that sign mail.
func (c *Config) KeysDir() string {
	if c.DKIM.Dir != "" {
		return c.DKIM.Dir
	}
	return filepath.Join(c.StateDir, "keys")
}

// Policy is what the configuration says to the guard.
func (c *Config) Policy() *guard.Policy {
	p := *c.policy
	p.Modes = map[guard.Subject]guard.Mode{}
	for s, m := range c.Modes {
		p.Modes[s] = *m
		if *m == "" {
			p.Modes[s] = c.Mode
		}
	}
	return &p
}

// Load reads a file. Without one at DefaultPath the defaults are in force; any other path must exist. An error of
// the file's contents is an Errors.
func Load(path string) (*Config, error) {
	c := Default()
	if name, err := os.Hostname(); err == nil && name != "" {
		c.Node, c.hostName = name, name
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) && path == DefaultPath {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", hint(err, path))
	}
	defer f.Close()
	text := make([]byte, maxFile+1)
	n, err := readFull(f, text)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	if n > maxFile {
		return nil, fmt.Errorf("read the configuration: %s is larger than %d octets: is it the right file?", path, maxFile)
	}
	return c, c.read(path, string(text[:n]))
}

func hint(err error, path string) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: write one, or leave --config out to use the defaults", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: run as root, or add yourself to the group of %s", err, path)
	}
	return err
}

// Parse reads text over the defaults; name stands in its errors.
func Parse(name, text string) (*Config, error) {
	c := Default()
	return c, c.read(name, text)
}

func (c *Config) read(name, text string) error {
	var tree map[string]any
	if _, err := toml.Decode(text, &tree); err != nil {
		var parse toml.ParseError
		if errors.As(err, &parse) {
			return Errors{{File: name, Line: parse.Position.Line, Text: parse.Message}}
		}
		return Errors{{File: name, Text: err.Error()}}
	}
	r := reader{config: c, file: name, lines: linesOf(text)}
	r.table("", tree)
	c.agree(&r)
	if len(r.errors) == 0 {
		return nil
	}
	slices.SortStableFunc(r.errors, func(a, b Error) int { return a.Line - b.Line })
	return r.errors
}

// agree checks what no key can check alone.
func (c *Config) agree(r *reader) {
	if b := c.policy.Budget; b.FamiliarMax < b.Familiar {
		r.fail("budget.familiar_max", "%d is less than budget.familiar, %d", b.FamiliarMax, b.Familiar)
	}
	if (c.DNS.KeyName == "") != (c.DNS.KeySecret == "") {
		r.fail("dns.key_name", "dns.key_name and dns.key_secret belong together: set both, or dns.key_file")
	}
	if c.DNS.KeyName != "" && c.DNS.KeyFile != "" {
		r.fail("dns.key_file", "dns.key_file and dns.key_name both name a key: leave one out")
	}
	seen := map[string]string{}
	for name, address := range map[string]string{"milter.inbound": c.Milter.Inbound, "milter.submission": c.Milter.Submission, "milter.local": c.Milter.Local} {
		if other, twice := seen[address]; twice && address != "" {
			r.fail(max(name, other), "%s is the socket of %s too: postward knows the direction of a mail by its socket", address, min(name, other))
		}
		seen[address] = name
	}
}

// Error is one thing that is wrong in a file.
type Error struct {
	File string
	Line int // 0: unknown
	Text string
}

func (e Error) Error() string {
	if e.Line == 0 {
		return e.File + ": " + e.Text
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text)
}

// Errors is everything that is wrong in a file, in the order of its lines.
type Errors []Error

func (e Errors) Error() string {
	var b strings.Builder
	for i, one := range e {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(one.Error())
	}
	return b.String()
}

// Differs returns the first of some keys whose value is not the same in two configurations; empty if there is none.
func (c *Config) Differs(other *Config, some ...string) string {
	for _, k := range keys() {
		if slices.Contains(some, k.name) && show(k.at(c)) != show(k.at(other)) {
			return k.name
		}
	}
	return ""
}

// Change is a key whose value is not the default.
type Change struct {
	Key     string `json:"key"`
	Default string `json:"default"`
	Value   string `json:"value"` // as in TOML; passwords and tokens are masked
}

// Diff lists what differs from the defaults, in the order of the example.
func (c *Config) Diff() []Change {
	plain, changes := Default(), []Change{}
	if c.hostName != "" {
		plain.Node = c.hostName
	}
	for _, k := range keys() {
		was, is := show(k.at(plain)), show(k.at(c))
		if was != is {
			changes = append(changes, Change{k.name, masked(k, was), masked(k, is)})
		}
	}
	return changes
}

func masked(k key, value string) string {
	switch {
	case !k.secret || value == "[]" || value == `""`:
		return value
	case value[0] == '"':
		return `"…"`
	}
	return `["…"]`
}

// Example is a file with every key, its default and what it is for.
func Example() string {
	var b strings.Builder
	b.WriteString("# postward.toml: every key with its default. A key that is left out has it; delete what you do not change.\n")
	section := ""
	for _, k := range keys() {
		table, name, found := strings.Cut(k.name, ".")
		if !found {
			table, name = "", k.name
		}
		if table != section {
			fmt.Fprintf(&b, "\n[%s]\n", table)
			section = table
		} else {
			b.WriteByte('\n')
		}
		for line := range strings.Lines(k.doc + "\n") {
			b.WriteString("# " + line)
		}
		fmt.Fprintf(&b, "#%s = %s\n", name, show(k.at(Default())))
	}
	return b.String()
}

// names lists all keys and tables.
func names() []string {
	all := map[string]bool{}
	for _, k := range keys() {
		all[k.name] = true
		if table, _, found := strings.Cut(k.name, "."); found {
			all[table] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}
