package main

import (
	"context"
	"maps"
	"net"
	"net/netip"
	"slices"

	"postward/internal/host/attach"
	"postward/internal/host/doors"
	"postward/internal/host/learn"
	"postward/internal/host/postfix"
	"postward/internal/run/config"
)

// doorsOf says which ways past postward stay open on a host when it is attached. What attach itself says of a service is not
// said again, nor is it known who is declared.
func (a *app) doorsOf(ctx context.Context, h *attach.Host, l *learn.Learned) ([]string, error) {
	found, err := doors.Find(ctx, postfix.Instance{ConfigDir: h.ConfigDir})
	if err != nil {
		return nil, err
	}
	open := found.Open(doors.Known{Sees: seenBy(h), Wire: true, Local: true, Own: a.ownNetworks(l)})
	delete(open, "maps") // attach has notes of these
	delete(open, "sendmail")
	texts := []string{}
	for _, key := range slices.Sorted(maps.Keys(open)) {
		if open[key] != "" {
			texts = append(texts, open[key])
		}
	}
	return texts, nil
}

// seenBy tells which services attach gives a socket.
func seenBy(h *attach.Host) func(*postfix.Program) bool {
	return func(p *postfix.Program) bool {
		return !slices.ContainsFunc(h.Services, func(s attach.Service) bool {
			return s.Name == p.Name && s.Type == p.Type && s.Direction == attach.None
		})
	}
}

// ownNetworks are networks.own as configured or, where nothing is yet, as attach will propose it, and this host.
func (a *app) ownNetworks(l *learn.Learned) []netip.Prefix {
	own := slices.Clone(l.Networks)
	if c, err := config.Load(a.config); err == nil {
		own = c.Policy().Own
	}
	addresses, _ := net.InterfaceAddrs() // without them a network of this host alone is named
	for _, address := range addresses {
		if p, err := netip.ParsePrefix(address.String()); err == nil {
			own = append(own, netip.PrefixFrom(p.Addr(), p.Addr().BitLen()))
		}
	}
	return own
}
