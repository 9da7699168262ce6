package daemon

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"postward/internal/host/postfix"
)

// A milter behind postward sees nothing of what postward holds: Postfix asks nobody after a quarantine, and nobody again
// at the release. attach puts postward last; a package or a person may put another behind it later.

// orderEvery is how often it is looked whether Postfix's configuration changed.
const orderEvery = 10 * time.Second

// watchOrder looks at the order of milters at the start and when Postfix's configuration changed, until ctx ends.
func (d *Daemon) watchOrder(ctx context.Context) error {
	every := time.NewTicker(orderEvery)
	defer every.Stop()
	seen := ""
	for {
		if is := d.configStamp(); is != seen && d.checkOrder(ctx) {
			seen = is
		}
		select {
		case <-ctx.Done():
			return nil
		case <-every.C:
		}
	}
}

// configStamp changes when one of Postfix's two files does.
func (d *Daemon) configStamp() string {
	stamp := "at"
	for _, name := range []string{"main.cf", "master.cf"} {
		if info, err := os.Stat(filepath.Join(d.config.Postfix.ConfigDir, name)); err == nil {
			stamp += fmt.Sprintf(" %d %d", info.ModTime().UnixNano(), info.Size())
		}
	}
	return stamp
}

// checkOrder looks at the order, and reports whether it could.
func (d *Daemon) checkOrder(ctx context.Context) bool {
	chains, err := (postfix.Instance{ConfigDir: d.config.Postfix.ConfigDir}).Chains(ctx)
	text := ""
	switch {
	case ctx.Err() != nil:
		return false
	case err != nil:
		text = fmt.Sprintf("the order of Postfix's milters cannot be read (%v): postfix check", err)
	default:
		var names []string
		for _, socket := range d.sockets() {
			names = append(names, nameOf(socket))
		}
		text = orderTrouble(chains, names)
	}
	d.troubles.set("order", text)
	return err == nil
}

// maxBehind bounds the services that the trouble names.
const maxBehind = 4

// orderTrouble says which milters stand behind postward, whose sockets have these names; "" when none does.
func orderTrouble(chains []postfix.Chain, names []string) string {
	var all []string
	for _, c := range chains {
		at := slices.IndexFunc(c.Milters, func(milter string) bool {
			return slices.ContainsFunc(names, func(name string) bool { return strings.Contains(milter, name) })
		})
		if at >= 0 && at < len(c.Milters)-1 && len(all) < maxBehind {
			all = append(all, fmt.Sprintf("%s of %s: %s", c.Parameter, c.Service, strings.Join(c.Milters[at+1:], ", ")))
		}
	}
	if len(all) == 0 {
		return ""
	}
	return fmt.Sprintf("Postfix asks other milters after postward (%s): what postward holds they never see, and what is released leaves without them: "+
		"put postward's word at the end of the list and reload Postfix, or postward detach, then postward attach --apply", strings.Join(all, "; "))
}
