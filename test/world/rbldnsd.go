package world

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	mdns "github.com/miekg/dns"

	"postward/test/rig"
)

// SetKind is a kind of rbldnsd's data.
type SetKind string

// The kinds.
const (
	IP4Set  SetKind = "ip4set"
	IP6Trie SetKind = "ip6trie"
	DNSet   SetKind = "dnset"
)

// Blocklist is a zone that rbldnsd serves. Its test points are there (RFC 5782 section 5): 127.0.0.2 or ::ffff:7f00:2 or
// the name "test" is listed, 127.0.0.1 or ::ffff:7f00:1 or "invalid" is not.
type Blocklist struct {
	Zone   string
	Kind   SetKind  // empty is IP4Set
	Listed []string // addresses, networks as 192.0.2.0/24, names, names with a dot before them for what is below too
	Value  string   // the A record of a listing; empty is 127.0.0.2
	Text   string   // its TXT record, $ is what was asked for; empty is "listed, see $"
}

// listTTL is short, in seconds: tests take entries away and ask again.
const listTTL = 2

// Rbldnsd is a running rbldnsd, and its data.
type Rbldnsd struct {
	addr    netip.AddrPort
	dir     string
	process *rig.Process

	mu    sync.Mutex
	lists map[string]*served
}

// served is a list and how often it was written: the serial of its SOA.
type served struct {
	Blocklist
	file   string
	serial int
}

// StartRbldnsd starts the real rbldnsd on a free port of 127.0.0.1, over UDP, which is all that it speaks, and waits
// until every list answers. Started by root it becomes the user rbldns. An error that is an exec.ErrNotFound says that
// it is not installed.
func StartRbldnsd(ctx context.Context, lists []Blocklist) (*Rbldnsd, error) {
	program, err := rbldnsdProgram()
	if err != nil {
		return nil, fmt.Errorf("start rbldnsd: %w", err)
	}
	r := &Rbldnsd{lists: make(map[string]*served)}
	if r.dir, err = os.MkdirTemp("", "postward-rbldnsd-"); err != nil {
		return nil, fmt.Errorf("start rbldnsd: %w", err)
	}
	if err = r.start(ctx, program, lists); err != nil {
		return nil, errors.Join(fmt.Errorf("start rbldnsd: %w", err), r.Close())
	}
	return r, nil
}

func rbldnsdProgram() (string, error) {
	path, err := exec.LookPath("rbldnsd")
	if err != nil {
		return exec.LookPath("/usr/sbin/rbldnsd") // an ordinary PATH does not have sbin
	}
	return path, nil
}

func (r *Rbldnsd) start(ctx context.Context, program string, lists []Blocklist) error {
	if err := os.Chmod(r.dir, 0o755); err != nil { // for the user rbldns
		return err
	}
	for i, b := range lists {
		s := &served{Blocklist: b, file: "list" + strconv.Itoa(i)}
		if r.lists[b.Zone] != nil {
			return fmt.Errorf("zone %s for the second time", b.Zone)
		}
		if s.Kind == "" {
			s.Kind = IP4Set
		}
		r.lists[b.Zone] = s
		if err := r.write(s); err != nil {
			return err
		}
	}
	var err error
	for range 5 { // the free port may be somebody else's by then
		if err = r.run(ctx, program); err == nil || ctx.Err() != nil {
			return err
		}
	}
	return err
}

// run starts the process and waits for its answers, or its end.
func (r *Rbldnsd) run(ctx context.Context, program string) error {
	free, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return err
	}
	r.addr = free.LocalAddr().(*net.UDPAddr).AddrPort()
	free.Close()
	args := []string{"-n", "-c", "0", "-w", r.dir, "-b", fmt.Sprintf("%s/%d", r.addr.Addr(), r.addr.Port())}
	if os.Geteuid() == 0 {
		args = append([]string{"-u", "rbldns", "-r", "/"}, args...)
	}
	for _, zone := range slices.Sorted(maps.Keys(r.lists)) {
		args = append(args, fmt.Sprintf("%s:%s:%s", zone, r.lists[zone].Kind, r.lists[zone].file))
	}
	log := filepath.Join(r.dir, "log")
	if r.process, err = rig.StartProcess(log, nil, program, args...); err != nil {
		return err
	}
	for zone := range r.lists {
		if err = r.fresh(ctx, zone); err != nil {
			said, _ := os.ReadFile(log)
			return errors.Join(err, r.process.Stop(), errors.New(string(said)))
		}
	}
	return nil
}

// fresh waits until rbldnsd answers with the data that was written last.
func (r *Rbldnsd) fresh(ctx context.Context, zone string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	ended := false
	err := rig.Wait(ctx, "list "+zone, func() error {
		select {
		case <-r.process.Ended():
			ended = true
			return nil
		default:
			return r.answers(ctx, zone)
		}
	})
	if ended {
		return errors.New("it ended")
	}
	return err
}

func (r *Rbldnsd) answers(ctx context.Context, zone string) error {
	m := new(mdns.Msg).SetQuestion(mdns.Fqdn(zone), mdns.TypeSOA)
	c := mdns.Client{Timeout: 300 * time.Millisecond}
	reply, _, err := c.ExchangeContext(ctx, m, r.addr.String())
	if err != nil {
		return err
	}
	for _, record := range reply.Answer {
		if soa, ok := record.(*mdns.SOA); ok && int(soa.Serial) == r.lists[zone].serial {
			return nil
		}
	}
	return fmt.Errorf("it has other data: %v", reply.Answer)
}

// write makes a list's file. rbldnsd looks at its time, in seconds: each one is another.
func (r *Rbldnsd) write(s *served) error {
	s.serial++
	value, text := s.Value, s.Text
	if value == "" {
		value = "127.0.0.2"
	}
	if text == "" {
		text = "listed, see $"
	}
	lines := []string{
		fmt.Sprintf("$SOA %d ns.%s. hostmaster.%s. %d 3600 900 604800 %d", listTTL, s.Zone, s.Zone, s.serial, listTTL),
		fmt.Sprintf("$TTL %d", listTTL), fmt.Sprintf(":%s:%s", value, text),
		map[SetKind]string{IP4Set: "127.0.0.2", IP6Trie: "::ffff:7f00:2/128", DNSet: "test"}[s.Kind],
	}
	lines = append(lines, s.Listed...)
	path := filepath.Join(r.dir, s.file)
	if err := os.WriteFile(path+".new", []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		return err
	}
	at := time.Now().Add(time.Duration(s.serial) * time.Second)
	return errors.Join(os.Chmod(path+".new", 0o644), os.Chtimes(path+".new", at, at), os.Rename(path+".new", path))
}

// Addr is where rbldnsd listens, on UDP.
func (r *Rbldnsd) Addr() netip.AddrPort { return r.addr }

// SetListed changes what a list lists, besides its test point, and waits until rbldnsd says so.
func (r *Rbldnsd) SetListed(ctx context.Context, zone string, listed ...string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.lists[zone]
	if s == nil {
		return fmt.Errorf("change list %s: there is none", zone)
	}
	s.Listed = slices.Clone(listed)
	if err := r.write(s); err != nil {
		return fmt.Errorf("change list %s: %w", zone, err)
	}
	if err := r.process.Signal(syscall.SIGHUP); err != nil {
		return fmt.Errorf("change list %s: %w", zone, err)
	}
	return r.fresh(ctx, zone)
}

// Close ends rbldnsd and takes its data away.
func (r *Rbldnsd) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var err error
	if r.process != nil {
		err = r.process.Stop()
	}
	return errors.Join(err, os.RemoveAll(r.dir))
}
