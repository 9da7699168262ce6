//go:build daemons

package nft

import (
	"os"
	"testing"

	"postward/test/rig"
)

// TestMain runs this package's tests in a room of their own: the network, and its rules, are nobody else's.
func TestMain(m *testing.M) {
	os.Exit(rig.MainIn(rig.Room{Needs: []string{"nft", "ip"}}, m, rig.Skip))
}
