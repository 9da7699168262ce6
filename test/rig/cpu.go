package rig

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// CPU says how much processor time this process took for something, on all of its cores: on a machine that others use too the clock on
// the wall says nothing. What runs beside it in this process is in it.
func CPU(t testing.TB, do func()) time.Duration {
	t.Helper()
	spent := func() time.Duration {
		var u unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := spent()
	do()
	return spent() - before
}
