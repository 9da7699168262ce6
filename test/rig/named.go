package rig

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"
)

// NamedZone is a zone that a Named serves.
type NamedZone struct {
	Name string
	// Text is what is in it beside SOA and NS, which are made of Servers: in the form of zone files, names relative to the zone.
	Text    string
	Updates string // a statement of named.conf(5) that lets somebody update it, like "allow-update { key k; };", or nothing
	// Of is another server: this one is a secondary of it or, with Cached, a resolver that asks it.
	Of     netip.Addr
	Cached bool
	// Servers are the addresses of its servers, the primary first: ns1, ns2, … below it.
	Servers []netip.Addr
}

// NamedConfig says how a name server is started.
type NamedConfig struct {
	Addr  netip.Addr // port 53; one that an interface has: 127.0.0.1, or one of Room.Addresses
	Keys  string     // statements as tsig-keygen(8) writes them
	Zones []NamedZone
}

// Named is BIND's named(8) in the foreground, with a directory of its own.
type Named struct {
	NamedConfig
	*Process
	dir string
}

// StartNamed starts a name server and waits until it answers for each zone.
func StartNamed(ctx context.Context, c NamedConfig) (*Named, error) {
	dir, err := NewDir("named")
	if err != nil {
		return nil, err
	}
	n := &Named{NamedConfig: c, dir: dir}
	if err := n.write(); err != nil {
		return nil, fmt.Errorf("write the configuration of named: %w", err)
	}
	n.Process, err = StartProcess(filepath.Join(dir, "log"), nil, "named", "-g", "-n", "1", "-c", filepath.Join(dir, "named.conf"))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // nobody waits for a server that has ended
		select {
		case <-n.Ended():
			cancel()
		case <-ctx.Done():
		}
	}()
	for _, z := range c.Zones {
		if err := Wait(ctx, "named to answer for "+z.Name, func() error { return n.serves(z.Name) }); err != nil {
			log, _ := os.ReadFile(n.Log)
			return nil, errors.Join(err, errors.New(string(log)), n.Stop())
		}
	}
	return n, nil
}

// NamedGrant is an update statement that lets the key postward write what belongs to mail into example.org, as docs/publishing.md has it.
const NamedGrant = "update-policy { grant postward name example.org TXT; grant postward name _dmarc.example.org TXT; grant postward name _smtp._tls.example.org TXT; " +
	"grant postward name _mta-sts.example.org TXT; grant postward subdomain _domainkey.example.org TXT; };"

// TestNamed is StartNamed for a test, with which it ends, if it was not stopped before; its log is shown when the test failed.
func TestNamed(t testing.TB, c NamedConfig) *Named {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	n, err := StartNamed(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(n.LogText())
		}
	})
	return n
}

// serves reports whether it answers for a zone.
func (n *Named) serves(zone string) error {
	select {
	case <-n.Ended():
		return errors.New("named has ended")
	default:
	}
	m := new(mdns.Msg).SetQuestion(mdns.Fqdn(zone), mdns.TypeSOA)
	c := mdns.Client{Timeout: 200 * time.Millisecond}
	reply, _, err := c.Exchange(m, netip.AddrPortFrom(n.Addr, 53).String())
	if err == nil && (reply.Rcode != mdns.RcodeSuccess || len(reply.Answer) == 0) {
		err = fmt.Errorf("it says %s", mdns.RcodeToString[reply.Rcode])
	}
	return err
}

// LogText is what it has logged.
func (n *Named) LogText() string {
	text, _ := os.ReadFile(n.Log)
	return string(text)
}

func (n *Named) write() error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\ncontrols { };\noptions {\n\tdirectory %q;\n\tpid-file none;\n\tsession-keyfile none;\n\tlisten-on { %s; };\n\tlisten-on-v6 { none; };\n", n.Keys, n.dir, n.Addr)
	b.WriteString("\tdnssec-validation no;\n\tallow-query { any; };\n\tallow-transfer { any; };\n\tnotify-delay 0;\n\tminimal-responses yes;\n\tcheck-names primary ignore;\n")
	recursion := "no"
	if slices.ContainsFunc(n.Zones, func(z NamedZone) bool { return z.Cached }) {
		recursion = "yes"
	}
	fmt.Fprintf(&b, "\tnotify-source %s;\n\tquery-source address %s;\n\ttransfer-source %s;\n\trecursion %s;\n", n.Addr, n.Addr, n.Addr, recursion)
	b.WriteString("};\n")
	for _, z := range n.Zones {
		file := filepath.Join(n.dir, z.Name+".zone")
		if z.Cached {
			fmt.Fprintf(&b, "zone %q { type static-stub; server-addresses { %s; }; };\n", z.Name, z.Of)
			continue
		}
		if z.Of.IsValid() {
			fmt.Fprintf(&b, "zone %q { type secondary; primaries { %s; }; file %q; };\n", z.Name, z.Of, file)
			continue
		}
		fmt.Fprintf(&b, "zone %q { type primary; file %q; notify explicit; also-notify { %s }; %s};\n", z.Name, file, addrList(z.Servers[1:]), z.Updates)
		if err := os.WriteFile(file, []byte(z.text()), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(n.dir, "named.conf"), []byte(b.String()), 0o644)
}

// text is the zone's file.
func (z *NamedZone) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "$ORIGIN %s.\n$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 86400 1\n", z.Name)
	for i, a := range z.Servers {
		fmt.Fprintf(&b, "@ NS ns%d\nns%d A %s\n", i+1, i+1, a)
	}
	return b.String() + z.Text
}

func addrList(all []netip.Addr) string {
	var b strings.Builder
	for _, a := range all {
		fmt.Fprintf(&b, "%s; ", a)
	}
	return b.String()
}
