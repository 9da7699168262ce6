package warden

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"runtime/debug"
	"slices"

	"postward/internal/host/nft"
	"postward/internal/wire/sock"
)

// Renew takes over the networks of a configuration that was read again.
func (a *Acts) Renew(never []netip.Prefix) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.Never = never
}

// never are the prefixes that are not banned: those of the start, and those that the daemon named when it last ensured
// the table.
func (a *Acts) never() []netip.Prefix {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := slices.Concat(a.Never, a.allowed)
	for i, p := range all {
		all[i] = plain(p)
	}
	return all
}

// opened is the table in the kernel, opened once.
func (a *Acts) opened() (*nft.Table, error) {
	if a.table == nil {
		table, err := nft.Open()
		if err != nil {
			return nil, err
		}
		table.Ports, a.table = a.ports(), table
	}
	return a.table, nil
}

func (a *Acts) ports() []uint16 {
	if len(a.Ports) == 0 {
		return nft.MailPorts
	}
	return a.Ports
}

// ban carries out those of the bans that are not refused, and has ended what the banned have open. stay says why that could not be done
// for some before. dry: it only says which are refused, also where the kernel has no table.
func (a *Acts) ban(bans []nft.Ban, dry bool) (results []result, stay, err error) {
	s, err := a.spared()
	if err != nil {
		return nil, nil, err
	}
	results, good := s.sort(bans)
	if dry {
		return results, nil, nil
	}
	table, err := a.opened()
	if err != nil {
		return nil, nil, err
	}
	if err := table.Add(good); err != nil {
		return nil, nil, err
	}
	return results, a.hanging.soon(good, a.hangUp), nil
}

// spared is who may not be banned now.
func (a *Acts) spared() (s spared, err error) {
	s.never = a.never()
	if s.host, err = hostAddrs(); err != nil {
		return s, err
	}
	if s.logins, err = a.Logins.addrs(); err != nil {
		return s, fmt.Errorf("ban nobody, for it could be the administrator: %w", err)
	}
	return s, nil
}

// sort tells the bans that are carried out from those that are refused.
func (s *spared) sort(bans []nft.Ban) (results []result, good []nft.Ban) {
	for _, b := range bans {
		b.Prefix = plain(b.Prefix)
		var r result
		if err := s.refusal(b); err != nil {
			r.Err = fmt.Sprintf("ban refused: %v", err)
		} else {
			good = append(good, b)
		}
		results = append(results, r)
	}
	return results, good
}

// hangUp ends the open sessions of the banned at the ports that are closed to them.
func (a *Acts) hangUp(bans []nft.Ban) error {
	all, logins := map[netip.Prefix]bool{}, map[netip.Prefix]bool{}
	for _, b := range bans {
		if b.Logins {
			logins[b.Prefix] = true
		} else {
			all[b.Prefix] = true
		}
	}
	return errors.Join(hangUp(a.ports(), all), hangUp(nft.LoginPorts(a.ports()), logins))
}

func hangUp(ports []uint16, among map[netip.Prefix]bool) error {
	if len(among) == 0 {
		return nil
	}
	_, err := sock.Destroy(ports, func(addr netip.Addr) bool {
		for bits := addr.BitLen(); bits >= widest4; bits-- {
			if p, _ := addr.Prefix(bits); among[p] {
				return true
			}
		}
		return false
	})
	return err
}

func (a *Acts) unban(prefixes []netip.Prefix) error {
	table, err := a.opened()
	if err != nil {
		return err
	}
	var all []netip.Prefix
	for _, p := range prefixes {
		all = append(all, plain(p))
	}
	return table.Remove(all)
}

// bans lists those that stand, MaxBans at a time: from is how many were told before. left is how many follow.
func (a *Acts) bans(from int) (some []nft.Ban, left int, err error) {
	if from == 0 {
		if err := a.list(); err != nil {
			return nil, 0, err
		}
	}
	if part := from / MaxBans; part < len(a.listed) {
		some = a.listed[part][min(from%MaxBans, len(a.listed[part])):]
		left = a.count - from - len(some)
	}
	if left <= 0 && a.listed != nil {
		a.listed, a.count = nil, 0
		debug.FreeOSMemory() // a parent that does nothing for hours would keep what it took
	}
	return some, max(left, 0), nil
}

// list reads the bans that stand, in parts as they are told: a slice that grows would take several times as much.
func (a *Acts) list() error {
	table, err := a.opened()
	if err != nil {
		return err
	}
	a.listed, a.count = nil, 0
	err = table.Each(func(b nft.Ban) {
		if a.count%MaxBans == 0 {
			a.listed = append(a.listed, make([]nft.Ban, 0, MaxBans))
		}
		last := &a.listed[len(a.listed)-1]
		*last = append(*last, b)
		a.count++
	})
	if err != nil {
		a.listed = nil
	}
	return err
}

func (a *Acts) generation() (uint32, error) {
	table, err := a.opened()
	if err != nil {
		return 0, err
	}
	return table.Generation()
}

// ensure makes or mends the table. What the daemon allows is allowed beside what the operator's configuration names.
func (a *Acts) ensure(allow []netip.Prefix) (made bool, err error) {
	table, err := a.opened()
	if err != nil {
		return false, err
	}
	a.mu.Lock()
	a.allowed = allow
	a.mu.Unlock()
	return table.Ensure(a.never())
}

// disallow forgets what a daemon allowed that is gone.
func (a *Acts) disallow() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.allowed = nil
}

// ErrSessionsStay says that bans stand, and that sessions that the banned had open could not be ended at once: no packet
// of theirs arrives any more, and they end when the mail server's patience does.
var ErrSessionsStay = errors.New("open sessions of banned addresses were left to their time-outs")

// kinds are the errors that the daemon tells apart, by the word for them on the wire. An error may be of several, and is of the first:
// that the kernel lets nobody ban is a lack of rights too.
var kinds = []struct {
	word string
	is   error
}{
	{"unavailable", nft.ErrUnavailable}, {"missing", nft.ErrMissing}, {"gone", fs.ErrNotExist}, {"forbidden", fs.ErrPermission},
}

func kindOf(err error) string {
	for _, k := range kinds {
		if errors.Is(err, k.is) {
			return k.word
		}
	}
	return ""
}

// kindCalled is the error that a word means; nil: none that is told apart.
func kindCalled(word string) error {
	for _, k := range kinds {
		if k.word == word {
			return k.is
		}
	}
	return nil
}

// told is an error of the parent's as the child has it: its text, and what kind it is.
type told struct {
	text string
	kind error
}

func (e *told) Error() string { return e.text }
func (e *told) Unwrap() error { return e.kind }
