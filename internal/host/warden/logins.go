package warden

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Logins is where this host writes down who is logged in. Both are root's; a host may have one of them or none.
type Logins struct {
	Sessions string // logind's directory, a file a session; empty: /run/systemd/sessions
	Utmp     string // utmp(5); empty: /run/utmp
}

// Bounds of what is read of them.
const (
	maxSessions = 4096
	maxSession  = 64 << 10
	maxUtmp     = 1 << 20
)

// addrs are the addresses that somebody is logged in from. A session that names a host name instead of an address is not
// seen: root asks no name server.
func (l Logins) addrs() (all []netip.Addr, err error) {
	utmp, err := readBounded(or(l.Utmp, "/run/utmp"), maxUtmp)
	if err != nil {
		return nil, fmt.Errorf("look who is logged in: %w", err)
	}
	all = parseUtmp(utmp, utmpLayout(runtime.GOARCH))
	dir := or(l.Sessions, "/run/systemd/sessions")
	names, err := sessionNames(dir)
	if err != nil {
		return nil, fmt.Errorf("look who is logged in: %w", err)
	}
	for _, name := range names {
		text, err := readBounded(filepath.Join(dir, name), maxSession)
		if err != nil {
			return nil, fmt.Errorf("look who is logged in: %w", err)
		}
		if a, ok := parseSession(text); ok {
			all = append(all, a)
		}
	}
	return all, nil
}

func or(path, standard string) string {
	if path == "" {
		return standard
	}
	return path
}

// sessionNames lists the files of sessions. Beside each lies a pipe with .ref behind its name.
func sessionNames(dir string) (names []string, err error) {
	d, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer d.Close()
	all, err := d.Readdirnames(2*maxSessions + 1)
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, err
	case len(all) > 2*maxSessions:
		return nil, fmt.Errorf("%s has more than %d files", dir, 2*maxSessions)
	}
	for _, name := range all {
		if !strings.Contains(name, ".") {
			names = append(names, name)
		}
	}
	return names, nil
}

// readBounded reads a file, or nothing where there is none. What is no file, or too long, is an error.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(err, fmt.Errorf("%s is no file", path))
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s is longer than %d octets", path, limit)
	}
	return b, err
}

// parseSession reads a file that logind wrote: NAME=value, a line each.
func parseSession(text []byte) (netip.Addr, bool) {
	for line := range bytes.Lines(text) {
		if value, ok := bytes.CutPrefix(bytes.TrimRight(line, "\n"), []byte("REMOTE_HOST=")); ok {
			return parseHost(string(value))
		}
	}
	return netip.Addr{}, false
}

// parseHost reads an address that may have a zone.
func parseHost(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	return a.Unmap().WithZone(""), err == nil
}

// layout is where struct utmp has its fields: they are the same up to ut_session, which is a long where the machine
// writes 64-bit times.
type layout struct{ size, addr int }

const (
	utmpHost    = 76
	utmpHostLen = 256
	userProcess = 7
)

func utmpLayout(arch string) layout {
	switch arch {
	case "arm64", "riscv64", "loong64":
		return layout{400, 360}
	}
	return layout{384, 348}
}

// parseUtmp reads the addresses of who is logged in: ut_addr_v6, and ut_host when it is an address. A record that is cut
// is none.
func parseUtmp(b []byte, l layout) (all []netip.Addr) {
	for ; len(b) >= l.size; b = b[l.size:] {
		if binary.NativeEndian.Uint16(b) != userProcess {
			continue
		}
		addr := [16]byte(b[l.addr : l.addr+16])
		if a := netip.AddrFrom16(addr); [12]byte(addr[4:]) != [12]byte{} {
			all = append(all, a.Unmap())
		} else if !a.IsUnspecified() { // IPv4 has the first four
			all = append(all, netip.AddrFrom4([4]byte(addr[:4])))
		}
		host, _, _ := bytes.Cut(b[utmpHost:utmpHost+utmpHostLen], []byte{0})
		if a, ok := parseHost(string(host)); ok {
			all = append(all, a)
		}
	}
	return all
}
