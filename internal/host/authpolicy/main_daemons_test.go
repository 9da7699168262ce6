//go:build daemons

package authpolicy

import (
	"os"
	"testing"

	"postward/test/rig"
)

// TestMain runs this package's tests in a room of their own.
func TestMain(m *testing.M) {
	os.Exit(rig.MainIn(rig.Room{Needs: []string{"postfix", "dovecot", "doveadm"}}, m, rig.Skip))
}
