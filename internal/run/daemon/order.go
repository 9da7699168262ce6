package daemon

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"postward/internal/host/attach"
	"postward/internal/host/postfix"
)

// orderEvery is how often it is looked whether Postfix's configuration changed.
const orderEvery = 10 * time.Second

// watchOrder looks at the order of milters at the start and when Postfix's configuration changed, until ctx ends.
func (n *neighbour) watchOrder(ctx context.Context) error {
	seen := ""
	return every(ctx, orderEvery, func() error {
		if is := configStamp(n.configDir); is != seen && n.checkOrder(ctx) {
			seen = is
		}
		return nil
	})
}

// configStamp changes when one of Postfix's two files does.
func configStamp(dir string) string {
	stamp := "at"
	for _, name := range []string{"main.cf", "master.cf"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err == nil {
			stamp += fmt.Sprintf(" %d %d", info.ModTime().UnixNano(), info.Size())
		}
	}
	return stamp
}

// checkOrder looks at the order, and reports whether it could.
func (n *neighbour) checkOrder(ctx context.Context) bool {
	chains, err := (postfix.Instance{ConfigDir: n.configDir}).Chains(ctx)
	if ctx.Err() != nil {
		return false
	}
	n.troubles.Order(chains, err, slices.Collect(maps.Values(n.sockets)), time.Now())
	n.troubles.Asked(n.lacking(ctx), time.Now())
	return err == nil
}

// lacking is what of postward's attachment the configuration does not have any more. What no mail can show, for none comes that
// way, is seen here too.
func (n *neighbour) lacking(ctx context.Context) []string {
	host, err := attach.Inspect(ctx, n.configDir)
	if err != nil {
		return nil // Order says that it cannot be read
	}
	sockets := map[attach.Direction]string{}
	for dir, socket := range n.sockets {
		sockets[attach.Direction(dir)] = postfix.SocketName(socket)
	}
	return host.Lacking(sockets)
}
