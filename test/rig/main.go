package rig

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// Main runs the tests of a package in a room of their own: os.Exit(rig.Main(m)). The room has the address Outside
// and whatever else is given. What the machine lacks skips the package with the reason, and fails it when CI=true.
// A process that outlives the tests fails them. m is a *testing.M, or what does something around its Run.
func Main(m interface{ Run() int }, addresses ...string) int {
	inside, code, err := Enter(Room{
		Addresses: append([]string{Outside + "/32"}, addresses...),
		Needs:     []string{"postfix", "dovecot", "swaks"},
	})
	var lacking *Lacking
	switch {
	case errors.As(err, &lacking) && os.Getenv("CI") != "true":
		fmt.Fprintln(os.Stderr, "SKIP:", err)
		return 0
	case err != nil:
		fmt.Fprintln(os.Stderr, "FAIL:", err)
		return 1
	case !inside:
		return code
	}
	code = m.Run()
	if left := Leftovers(2 * time.Second); len(left) > 0 {
		fmt.Fprintln(os.Stderr, "FAIL: processes outlived the tests:")
		for _, p := range left {
			fmt.Fprintln(os.Stderr, "  ", p)
		}
		return max(code, 1)
	}
	return code
}
