package warden

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postward/internal/host/nft"
	"postward/internal/wire/sock"
)

func prefix(s string) netip.Prefix { return netip.MustParsePrefix(s) }

// someSpared are an operator's networks, this host, and an administrator who is logged in.
func someSpared() *spared {
	return &spared{
		never:  []netip.Prefix{prefix("192.0.2.0/25"), prefix("2001:db8:7::/48"), prefix("::ffff:198.51.100.9/128")},
		host:   []netip.Addr{netip.MustParseAddr("203.0.113.25"), netip.MustParseAddr("2001:db8:25::25")},
		logins: []netip.Addr{netip.MustParseAddr("203.0.114.9"), netip.MustParseAddr("2001:db8:9:9::9")},
	}
}

// TestTheParentRefusesToBan: a hijacked daemon asks.
func TestTheParentRefusesToBan(t *testing.T) {
	for p, says := range map[string]string{
		"0.0.0.0/0": "wider", "::/0": "wider", "203.0.0.0/23": "wider", "2001:db8::/47": "wider", "128.0.0.0/1": "wider",
		"127.0.0.1/32": "loopback", "127.9.9.0/24": "loopback", "::1/128": "loopback", "::/48": "loopback", "::/128": "unspecified", "0.0.0.0/32": "this network",
		"::ffff:127.0.0.1/128": "loopback", "::ffff:0.0.0.0/96": "wider", "::ffff:203.0.0.0/112": "wider", "::ffff:203.0.113.25/128": "this host",
		"::fffe:0:0/95": "IPv4 addresses in IPv6", "64:ff9b::cb00:0/112": "translator", "64:ff9b::/64": "translator", "64:ff9b:1::/48": "translator", "::203.0.113.5/128": "loopback",
		"169.254.1.1/32": "link-local", "fe80::1/128": "link-local", "224.0.0.1/32": "multicast", "ff02::1/128": "multicast", "255.255.255.255/32": "reserved",
		"203.0.113.25/32": "this host", "203.0.113.0/24": "this host", "2001:db8:25::/64": "this host", "2001:db8:25::25/128": "this host",
		"192.0.2.1/32": "never banned", "192.0.2.0/24": "never banned", "192.0.2.127/32": "never banned", "2001:db8:7:1::1/128": "never banned", "198.51.100.0/24": "never banned",
		"203.0.114.9/32": "logged in", "203.0.114.0/24": "logged in", "2001:db8:9:9::/64": "logged in", "::ffff:203.0.114.9/128": "logged in",
		"203.0.115.5/24": "host bits",
	} {
		err := someSpared().refusal(nft.Ban{Prefix: plain(prefix(p)), For: time.Hour})
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, not %q", p, err, says)
		}
	}
	if err := someSpared().refusal(nft.Ban{For: time.Hour}); err == nil {
		t.Error("nothing is banned")
	}
}

func TestTheParentBansWhoeverIsElsewhere(t *testing.T) {
	for p, becomes := range map[string]string{
		"203.0.113.5/32": "", "203.0.112.0/24": "", "192.0.2.128/25": "", "10.9.8.7/32": "", "64:ff9b::cb00:7105/128": "", "64:ff9b::cb00:7100/120": "", "fc00:1::/48": "", "2001:db8:25:1::/64": "", "2001:db8:9:9::8/128": "",
		"::ffff:203.0.113.5/128": "203.0.113.5/32", "::ffff:203.0.112.0/120": "203.0.112.0/24",
	} {
		got := plain(prefix(p))
		if err := someSpared().refusal(nft.Ban{Prefix: got, For: time.Hour}); err != nil {
			t.Errorf("%s: %v", p, err)
		}
		if becomes != "" && got.String() != becomes {
			t.Errorf("%s becomes %s", p, got)
		}
	}
}

func TestABanHasAnEnd(t *testing.T) {
	for d, taken := range map[time.Duration]bool{0: false, -time.Hour: false, time.Millisecond: false, time.Second: true, 7 * 24 * time.Hour: true,
		7*24*time.Hour + 1: false, 1<<63 - 1: false} {
		if err := someSpared().refusal(nft.Ban{Prefix: prefix("203.0.113.5/32"), For: d}); (err == nil) != taken {
			t.Errorf("%s: %v", d, err)
		}
	}
}

func TestOneRefusalLeavesTheOtherBans(t *testing.T) {
	results, good := someSpared().sort([]nft.Ban{{Prefix: prefix("127.0.0.1/32"), For: time.Hour}, {Prefix: prefix("::ffff:203.0.113.5/128"), For: time.Hour}, {Prefix: prefix("203.0.113.6/32"), For: time.Hour, Logins: true}})
	want := []nft.Ban{{Prefix: prefix("203.0.113.5/32"), For: time.Hour}, {Prefix: prefix("203.0.113.6/32"), For: time.Hour, Logins: true}}
	if !slices.Equal(good, want) || len(results) != 3 || results[0].err() == nil || results[1].err() != nil || results[2].err() != nil {
		t.Errorf("%v %v", results, good)
	}
}

func TestABatchOfBansIsBounded(t *testing.T) {
	for name, q := range map[string]request{
		"no ban":         {Act: actBan},
		"many bans":      {Act: actBan, Bans: make([]nft.Ban, MaxBans+1)},
		"no prefix":      {Act: actUnban},
		"many prefixes":  {Act: actUnban, Prefixes: make([]netip.Prefix, MaxBans+1)},
		"before them":    {Act: actBans, From: -1},
		"much to ensure": {Act: actEnsure, Prefixes: make([]netip.Prefix, maxAllow+1)},
	} {
		if err := q.check(); err == nil {
			t.Errorf("%s was not refused", name)
		}
	}
	all := request{Act: actBan}
	for range MaxBans {
		all.Bans = append(all.Bans, nft.Ban{Prefix: prefix("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/128"), For: longest, Logins: true})
	}
	allowed := request{Act: actEnsure}
	for range maxAllow {
		allowed.Prefixes = append(allowed.Prefixes, prefix("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff/128"))
	}
	for _, q := range []request{all, allowed, {Act: actBans}, {Act: actBans, From: 1 << 40}, {Act: actEnsure}} {
		if err := errors.Join(q.check(), writeFrame(new(bytes.Buffer), &q, maxRequest)); err != nil {
			t.Errorf("%s: %v", q.Act, err)
		}
	}
}

// TestARequestForABanIsStrict: JSON that says less or other than a prefix and a time.
func TestARequestForABanIsStrict(t *testing.T) {
	for _, body := range []string{
		`{"act":"ban","bans":[{"prefix":"203.0.113.5","for":1000000000}]}`, `{"act":"ban","bans":[{"prefix":"203.0.113.5/33","for":1000000000}]}`,
		`{"act":"ban","bans":[{"prefix":"fe80::1%eth0/128","for":1000000000}]}`, `{"act":"ban","bans":[{"prefix":"203.0.113.5/32","for":"1h"}]}`,
		`{"act":"ban","bans":[{"prefix":"203.0.113.5/32","for":1e30}]}`, `{"act":"ban","bans":[{"prefix":"203.0.113.5/32","for":1,"port":22}]}`,
		`{"act":"ban","ports":[22]}`, `{"act":"ban","bans":[{"prefix":"203.0.113.5/32","for":1,"logins":1}]}`, `{"act":"ban","dry":"no"}`,
	} {
		frame := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
		var q request
		if err := readFrame(bytes.NewReader(append(frame, body...)), &q, maxRequest); err == nil {
			t.Errorf("%s is taken as %+v", body, q)
		}
	}
}

func TestTheDaemonTellsKindsOfErrorsApart(t *testing.T) {
	for _, is := range []error{nft.ErrMissing, nft.ErrUnavailable} {
		here := fmt.Errorf("ban: %w", is)
		there := &told{here.Error(), kindCalled(kindOf(here))}
		if !errors.Is(there, is) || there.Error() != here.Error() {
			t.Errorf("%v", there)
		}
	}
	if there := (&told{"no", kindCalled(kindOf(errors.New("no")))}); errors.Is(there, nft.ErrMissing) || errors.Is(there, nft.ErrUnavailable) {
		t.Error("any error is one of a kind")
	}
}

// TestSessionsThatStayAreSaidAndTheBansStand: where the kernel ends no connection of another process.
func TestSessionsThatStayAreSaidAndTheBansStand(t *testing.T) {
	ours, theirs := net.Pipe()
	go func() {
		var q request
		if readFrame(ours, &q, maxRequest) == nil {
			writeFrame(ours, &answer{Results: make([]result, len(q.Bans)), Stay: sock.ErrNoDestroy.Error()}, maxAnswer)
		}
		ours.Close()
	}()
	c := connect(theirs)
	refused, err := c.Ban(t.Context(), []nft.Ban{{Prefix: prefix("203.0.113.5/32"), For: time.Hour}})
	if !errors.Is(err, ErrSessionsStay) || !strings.Contains(err.Error(), "CONFIG_INET_DIAG_DESTROY") || len(refused) != 1 || refused[0] != nil {
		t.Errorf("%v %v", refused, err)
	}
	<-c.Gone()
}

func TestThisHostHasItsAddresses(t *testing.T) {
	all, err := hostAddrs()
	if err != nil || !slices.Contains(all, netip.MustParseAddr("127.0.0.1")) {
		t.Errorf("%v %v", all, err)
	}
}

// aSession is what systemd 252 writes for a login by ssh.
const aSession = `# This is private data. Do not parse.
UID=1000
USER=anna
ACTIVE=1
STATE=active
REMOTE=1
TYPE=tty
CLASS=user
SCOPE=session-12.scope
FIFO=/run/systemd/sessions/12.ref
TTY=pts/0
REMOTE_HOST=203.0.114.9
SERVICE=sshd
LEADER=4711
`

func TestASessionNamesItsAddress(t *testing.T) {
	for text, want := range map[string]string{
		aSession: "203.0.114.9", "REMOTE_HOST=2001:db8:9:9::9\n": "2001:db8:9:9::9", "REMOTE_HOST=::ffff:203.0.114.9": "203.0.114.9", "REMOTE_HOST=fe80::1%eth0\n": "fe80::1",
		"REMOTE_HOST=office.example.net\n": "", "REMOTE=0\n": "", "": "", "XREMOTE_HOST=203.0.114.9\n": "",
	} {
		a, ok := parseSession([]byte(text))
		if ok != (want != "") || ok && a.String() != want {
			t.Errorf("%q: %v %v", text, a, ok)
		}
	}
}

// aRecord is one of utmp(5).
func aRecord(l layout, kind uint16, host, addr string) []byte {
	b := make([]byte, l.size)
	binary.NativeEndian.PutUint16(b, kind)
	copy(b[utmpHost:], host)
	if addr != "" {
		copy(b[l.addr:], netip.MustParseAddr(addr).AsSlice())
	}
	return b
}

func TestUtmpNamesItsAddresses(t *testing.T) {
	for _, arch := range []string{"amd64", "arm64", "arm"} {
		l := utmpLayout(arch)
		b := bytes.Join([][]byte{
			aRecord(l, userProcess, "203.0.114.9", "203.0.114.9"), aRecord(l, userProcess, "office.example.net", "2001:db8:9:9::9"),
			aRecord(l, userProcess, "2001:db8:8::8", ""), aRecord(l, userProcess, ":0", ""), aRecord(l, 8, "203.0.114.10", "203.0.114.10"), // logged out
			aRecord(l, userProcess, "", "203.0.114.11")[:l.size-1],
		}, nil)
		var want []netip.Addr
		for _, s := range []string{"203.0.114.9", "203.0.114.9", "2001:db8:9:9::9", "2001:db8:8::8"} {
			want = append(want, netip.MustParseAddr(s))
		}
		if got := parseUtmp(b, l); !slices.Equal(got, want) {
			t.Errorf("%s: %v", arch, got)
		}
	}
}

// someLogins are files as logind and login write them, with the pipe that logind keeps open.
func someLogins(t *testing.T) Logins {
	t.Helper()
	l := Logins{Sessions: t.TempDir(), Utmp: filepath.Join(t.TempDir(), "utmp")}
	must(t, os.WriteFile(filepath.Join(l.Sessions, "12"), []byte(aSession), 0o644), os.WriteFile(filepath.Join(l.Sessions, "c1"), []byte("REMOTE=0\n"), 0o644),
		unix.Mkfifo(filepath.Join(l.Sessions, "12.ref"), 0o600),
		os.WriteFile(l.Utmp, aRecord(utmpLayout(runtime.GOARCH), userProcess, "office", "2001:db8:9:9::9"), 0o644))
	return l
}

func TestWhoIsLoggedInIsRead(t *testing.T) {
	l := someLogins(t)
	want := []netip.Addr{netip.MustParseAddr("2001:db8:9:9::9"), netip.MustParseAddr("203.0.114.9")}
	if got, err := l.addrs(); !slices.Equal(got, want) || err != nil {
		t.Errorf("%v %v", got, err)
	}
	none := filepath.Join(t.TempDir(), "none")
	if got, err := (Logins{none, none}).addrs(); len(got) > 0 || err != nil {
		t.Errorf("a host without either: %v %v", got, err)
	}
}

// TestNobodyIsBannedWhileItIsNotKnownWhoIsLoggedIn: what cannot be read could be the administrator.
func TestNobodyIsBannedWhileItIsNotKnownWhoIsLoggedIn(t *testing.T) {
	for name, spoil := range map[string]func(l Logins) error{
		"a pipe":   func(l Logins) error { return unix.Mkfifo(filepath.Join(l.Sessions, "13"), 0o600) },
		"a link":   func(l Logins) error { return os.Symlink("/etc/passwd", filepath.Join(l.Sessions, "13")) },
		"too long": func(l Logins) error { return os.WriteFile(l.Utmp, make([]byte, maxUtmp+1), 0o644) },
		"a socket": func(l Logins) error {
			at, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(l.Sessions, "13")})
			if err == nil {
				t.Cleanup(func() { at.Close() })
			}
			return err
		},
		"too many": func(l Logins) (err error) {
			for i := range 2*maxSessions + 1 {
				err = errors.Join(err, os.Link(filepath.Join(l.Sessions, "12"), filepath.Join(l.Sessions, fmt.Sprint("s", i))))
			}
			return err
		},
	} {
		l := someLogins(t)
		must(t, spoil(l))
		if err := soon(t, name, func() error { _, err := l.addrs(); return err }); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// FuzzBan plays a hijacked child that asks for bans: what is carried out is no wider and no longer than it may be, and
// holds nobody who is spared.
func FuzzBan(f *testing.F) {
	f.Add([]byte(`[{"prefix":"203.0.113.5/32","for":3600000000000},{"prefix":"0.0.0.0/0","for":1000000000}]`))
	f.Add([]byte(`[{"prefix":"::ffff:203.0.113.0/120","for":3600000000000}]`))
	f.Add([]byte(`[{"prefix":"127.0.0.1/32","for":3600000000000,"logins":true},{"prefix":"2001:db8::/64","for":3600000000000,"logins":true}]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		body := append(append([]byte(`{"act":"ban","bans":`), b...), '}')
		var q request
		if readFrame(bytes.NewReader(append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)), &q, maxRequest) != nil || q.check() != nil {
			return
		}
		s := someSpared()
		results, good := s.sort(q.Bans)
		if len(results) != len(q.Bans) {
			t.Fatalf("%d results of %d", len(results), len(q.Bans))
		}
		for _, ban := range good {
			p := ban.Prefix
			size := p.Addr().BitLen() - p.Bits()
			if !p.IsValid() || p.Addr().Is4In6() || p.Addr().Is4() && size > 8 || size > 80 || ban.For < shortest || ban.For > longest {
				t.Fatalf("%+v is carried out", ban)
			}
			for _, a := range append(append([]netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback(), netip.IPv6Unspecified()}, s.host...), s.logins...) {
				if p.Contains(a) {
					t.Fatalf("%s holds %s", p, a)
				}
			}
			for _, n := range s.never {
				if plain(n).Overlaps(p) {
					t.Fatalf("%s holds of %s", p, n)
				}
			}
		}
	})
}

// FuzzUtmp: whatever stands there, it is read to its end, and names at most two addresses a record.
func FuzzUtmp(f *testing.F) {
	for _, arch := range []string{"amd64", "arm64"} {
		f.Add(aRecord(utmpLayout(arch), userProcess, "203.0.114.9", "2001:db8:9:9::9"))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, arch := range []string{"amd64", "arm64"} {
			l := utmpLayout(arch)
			all := parseUtmp(b, l)
			if len(all) > 2*(len(b)/l.size) {
				t.Fatalf("%d addresses in %d octets", len(all), len(b))
			}
			checkLogins(t, all)
		}
	})
}

// FuzzSession: what it names is an address as a prefix of a ban could hold it.
func FuzzSession(f *testing.F) {
	f.Add([]byte(aSession))
	f.Add([]byte("REMOTE_HOST=fe80::1%REMOTE_HOST=\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, ok := parseSession(b); ok {
			checkLogins(t, []netip.Addr{a})
		}
	})
}

func checkLogins(t *testing.T, all []netip.Addr) {
	t.Helper()
	for _, a := range all {
		if !a.IsValid() || a.Is4In6() || a.Zone() != "" {
			t.Fatalf("%s is an address that no prefix holds", a)
		}
	}
}

// TestAnErrorOfTwoKindsIsTheFirst: the kernel's refusal says both that bans cannot be had and that a right is missing.
func TestAnErrorOfTwoKindsIsTheFirst(t *testing.T) {
	for range 50 {
		if got := kindOf(fmt.Errorf("%w: %w", nft.ErrUnavailable, unix.EPERM)); got != "unavailable" {
			t.Fatal(got)
		}
	}
}

// TestWhatWouldBeRefusedIsSaidWithoutAKernel: where nobody is banned by it the parent still knows who must not be.
func TestWhatWouldBeRefusedIsSaidWithoutAKernel(t *testing.T) {
	ours, theirs := net.Pipe()
	a := &Acts{Logins: someLogins(t), Never: []netip.Prefix{prefix("192.0.2.0/24")}}
	served := make(chan error, 1)
	go func() { served <- a.serve(context.WithoutCancel(t.Context()), ours) }()
	c := connect(theirs)
	var bans []nft.Ban
	for _, p := range []string{"203.0.113.5/32", "203.0.114.9/32", "192.0.2.1/32", "127.0.0.1/32"} {
		bans = append(bans, nft.Ban{Prefix: prefix(p), For: time.Hour, Logins: true})
	}
	refused, err := c.Refused(t.Context(), bans)
	if err != nil || len(refused) != 4 || refused[0] != nil || refused[1] == nil || refused[2] == nil || refused[3] == nil {
		t.Errorf("%v, %v", refused, err)
	}
	if a.table != nil {
		t.Error("it opened the table")
	}
	must(t, theirs.Close(), <-served)
	<-c.Gone()
}
