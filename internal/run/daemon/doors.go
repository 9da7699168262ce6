package daemon

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"postward/internal/guard"
	"postward/internal/host/doors"
	"postward/internal/host/postfix"
	"postward/internal/wire/sock"
)

const (
	doorsEvery = 10 * time.Second // Postfix's two files are looked at, and what is known of networks and accounts is compared,
	doorsAnew  = 5 * time.Minute  // and Postfix is asked again: its tables change too, and so does a firewall
	doorCall   = 5 * time.Second  // for a port to take a connection
)

// doorkeeper looks for ways past postward. What it finds are troubles for as long as it is so.
type doorkeeper struct {
	daemon    *Daemon
	configDir string

	stamp string // of Postfix's files, when found was found
	at    time.Time
	found *doors.Doors
	shut  map[string]bool // by address, as seen since then
}

func (k *doorkeeper) watch(ctx context.Context) error {
	return every(ctx, doorsEvery, func() error {
		k.look(ctx, time.Now())
		return nil
	})
}

// first asks Postfix who else looks at mail, before the first one comes: not for long.
func (k *doorkeeper) first(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, proveTime)
	defer cancel()
	found, err := doors.Find(ctx, postfix.Instance{ConfigDir: k.configDir})
	if err != nil {
		return // the next look will say it
	}
	k.tellBeside(found)
}

func (k *doorkeeper) tellBeside(found *doors.Doors) {
	all := slices.Collect(maps.Values(sockets(k.daemon.config)))
	k.daemon.beside(found.Beside(doors.Seeing(all), all))
}

// look asks Postfix if it must, and compares what it said with what is known now.
func (k *doorkeeper) look(ctx context.Context, now time.Time) {
	if stamp := configStamp(k.configDir); stamp != k.stamp || now.Sub(k.at).Abs() >= doorsAnew {
		found, err := doors.Find(ctx, postfix.Instance{ConfigDir: k.configDir})
		if err != nil {
			return // watchOrder says that it cannot be read
		}
		k.found, k.stamp, k.at, k.shut = found, stamp, now, map[string]bool{}
	}
	k.tellBeside(k.found)
	open := k.found.Open(k.known(ctx))
	if ctx.Err() != nil {
		return // a call that was broken off says nothing
	}
	for key, text := range open {
		k.daemon.troubles.Set("door "+key, text, now)
	}
}

// known is what is known of postward, to judge doors by.
func (k *doorkeeper) known(ctx context.Context) doors.Known {
	c, all := k.daemon.config, sockets(k.daemon.config)
	is := doors.Known{
		Sees: doors.Seeing(slices.Collect(maps.Values(all))), Declared: k.daemon.handsBack, Own: k.daemon.ownNetworks(),
		Wire: all[guard.Inbound] != "" && all[guard.Submission] != "", Local: all[guard.Local] != "",
	}
	if c.Canary.Every > 0 { // else the operator wants nobody to call on Postfix
		is.Shut = func(address string) bool {
			shut, looked := k.shut[address]
			if !looked {
				shut = isShut(ctx, address)
				k.shut[address] = shut
			}
			return shut
		}
	}
	return is
}

// ownNetworks are networks.own and this host.
func (d *Daemon) ownNetworks() []netip.Prefix {
	d.mu.Lock()
	own := slices.Clone(d.state.Policy().Own)
	d.mu.Unlock()
	for a := range hostAddresses() {
		own = append(own, netip.PrefixFrom(a, a.BitLen()))
	}
	return own
}

// handsBack reports whether a Unix user is declared so that a content filter may hand mail back as him: an application that
// may write as anybody.
func (d *Daemon) handsBack(user string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	a := d.state.Account(guard.LocalPrefix + strings.ToLower(user))
	if a == nil || a.Listing == nil || a.Listing.Denied || !slices.Contains(a.Listing.Addresses, "*") {
		return false
	}
	return a.Listing.Class != "" && a.Listing.Class != guard.Person
}

// isShut reports whether somebody listens at a port and the user postward, who is as good as any, may not connect: a firewall
// lets only others in. When nobody listens, nothing is known.
func isShut(ctx context.Context, address string) bool {
	_, digits, _ := net.SplitHostPort(address)
	port, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return false
	}
	if there, err := sock.Listens(uint16(port)); err != nil || !there {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, doorCall)
	defer cancel()
	var op *net.OpError
	return errors.As(greet(ctx, address), &op) && op.Op == "dial"
}
