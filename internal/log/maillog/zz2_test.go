package maillog

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
	"testing"
)

func BenchmarkRealLog(b *testing.B) {
	text, err := os.ReadFile(os.Getenv("GLOG"))
	if err != nil {
		b.Skip(err)
	}
	var l Line
	best := 1e9
	for b.Loop() {
		var u, v syscall.Rusage
		syscall.Getrusage(syscall.RUSAGE_SELF, &u)
		n := 0
		for rest := text; len(rest) > 0; n++ {
			i := bytes.IndexByte(rest, '\n')
			Parse(rest[:i], &l)
			rest = rest[i+1:]
		}
		syscall.Getrusage(syscall.RUSAGE_SELF, &v)
		best = min(best, float64(v.Utime.Nano()-u.Utime.Nano())/float64(n))
	}
	fmt.Printf("best %.1f ns CPU a line\n", best)
}
