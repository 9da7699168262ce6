package rig

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// Tests are what a package's tests run by: a *testing.M, or what does something around its Run.
type Tests interface{ Run() int }

// Main runs the tests of a package in a room of their own: os.Exit(rig.Main(m)). The room has the address Outside and
// what a mail site needs.
func Main(m Tests) int {
	return MainIn(Room{Addresses: []string{Outside + "/32"}, Needs: []string{"postfix", "dovecot", "swaks"}}, m, Skip)
}

// MainIn runs the tests of a package in a room. On a machine that lacks something for it, lacking decides what becomes
// of them ([Skip]: none of them runs); with CI=true they fail. A process that outlives the tests fails them.
func MainIn(room Room, m Tests, lacking func(*Lacking) int) int {
	inside, code, err := Enter(room)
	var lack *Lacking
	switch {
	case errors.As(err, &lack) && os.Getenv("CI") != "true":
		return lacking(lack)
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

// Skip leaves out the tests of a package, and says what the machine lacks for them.
func Skip(lack *Lacking) int {
	fmt.Fprintln(os.Stderr, "SKIP:", lack)
	return 0
}
