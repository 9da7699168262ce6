//go:build daemons

package spine_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"postward/test/rig"
	names "postward/test/world"
)

// A blocklist begins to list the server's address: the daemon asks by itself, through the machine's resolver, and says so.
func TestAListingIsNoticed(t *testing.T) {
	server, err := names.StartServer("127.0.0.1:53") // the room's resolver
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	const soa = "@ SOA ns.example. h.example. 1 3600 900 604800 300\n"
	if err := server.SetZone("bl.spamcop.net.", soa+"2.0.0.127 A 127.0.0.2\n25.2.0.192 A 127.0.0.2\n"); err != nil {
		t.Fatal(err)
	}
	if err := server.SetZone("psbl.surriel.com.", soa+"2.0.0.127 A 127.0.0.2\n"); err != nil {
		t.Fatal(err)
	}
	f := attached(t, rig.PostwardConfig{Settings: settings + "\n[watch]\nnames = [\"192.0.2.25\"]\n"})
	var s struct{ Troubles []string }
	f.wait(t, "the listing is shown", func() error {
		err := f.Ask(f.ctx, &s, "status")
		if err != nil || slices.ContainsFunc(s.Troubles, func(text string) bool {
			return strings.Contains(text, "192.0.2.25 is listed by SpamCop") && strings.Contains(text, "postward lists show spamcop")
		}) {
			return err
		}
		return fmt.Errorf("%q", s.Troubles)
	})
	f.wait(t, "a list that has nothing is asked too", func() error { // each at its time
		if server.AskedBelow("psbl.surriel.com.") == 0 {
			return errors.New("not yet")
		}
		return nil
	})
	if err := f.Ask(f.ctx, &s, "status"); err != nil || slices.ContainsFunc(s.Troubles, func(text string) bool { return strings.Contains(text, "PSBL") }) {
		t.Errorf("%v, status says %q", err, s.Troubles)
	}
}
