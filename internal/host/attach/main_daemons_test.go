//go:build daemons

package attach

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"postward/test/rig"
)

// TestMain runs this package's tests in a room of their own: private mounts, network and processes. On a machine
// that cannot be a room the tests that need one skip with the reason, and fail in CI.
func TestMain(m *testing.M) { os.Exit(inRoom(m)) }

func inRoom(m *testing.M) int {
	inside, code, err := rig.Enter(rig.Room{Addresses: []string{rig.Outside + "/32"}, Needs: []string{"postfix", "dovecot"}})
	var lacking *rig.Lacking
	switch {
	case errors.As(err, &lacking) && os.Getenv("CI") != "true":
		noRoom = lacking.Error()
		return m.Run()
	case err != nil:
		fmt.Fprintln(os.Stderr, "FAIL:", err)
		return 1
	case !inside:
		return code
	}
	code = m.Run()
	if left := rig.Leftovers(2 * time.Second); len(left) > 0 {
		fmt.Fprintln(os.Stderr, "FAIL: processes outlived the tests:", left)
		return max(code, 1)
	}
	return code
}

// noRoom is why there is no room, "" inside of one. Written by TestMain alone.
var noRoom string

func needRoom(t *testing.T) {
	t.Helper()
	if noRoom != "" {
		t.Skip(noRoom)
	}
}
