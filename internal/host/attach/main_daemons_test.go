//go:build daemons

package attach

import (
	"os"
	"testing"

	"postward/test/rig"
)

// TestMain runs this package's tests in a room of their own: private mounts, network and processes. On a machine
// that cannot be a room the tests that need one skip with the reason, and fail in CI.
func TestMain(m *testing.M) {
	room := rig.Room{Addresses: []string{rig.Outside + "/32"}, Needs: []string{"postfix", "dovecot"}}
	os.Exit(rig.MainIn(room, m, func(lack *rig.Lacking) int {
		noRoom = lack.Error()
		return m.Run()
	}))
}

// noRoom is why there is no room, "" inside of one. Written by TestMain alone.
var noRoom string

func needRoom(t *testing.T) {
	t.Helper()
	if noRoom != "" {
		t.Skip(noRoom)
	}
}
