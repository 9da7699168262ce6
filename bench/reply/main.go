// Command reply measures what it costs to say what replies mean: a hundred thousand as a log has them, of the samples of all patterns
// at hosts of their receivers and at others', each with numbers of its own, so that few are the same. It fails above its goal.
package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"time"

	"postward/internal/lists/reply"
)

// goal is what a reply may cost, in CPU time.
const goal = 20 * time.Microsecond

func main() {
	count := flag.Int("replies", 100_000, "how many replies are read")
	flag.Parse()
	set, err := reply.Load("")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	lines := make([]string, *count)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range lines {
		lines[i] = line(set, random)
	}
	reader := reply.NewReader(set)
	understood := 0
	start := spent()
	for _, l := range lines {
		if m := reader.Read(reply.Parse([]byte(l), "")); !m.Unknown() {
			understood++
		}
	}
	each := (spent() - start) / time.Duration(*count)
	fmt.Printf("%d replies; of 20 one is in words that nobody knows\nreply: us=%.1f understood=%.3f\n", *count, float64(each.Nanoseconds())/1e3, float64(understood)/float64(*count))
	if each > goal {
		os.Exit(1)
	}
}

// spent is the CPU time of this process so far: what else the machine does is not measured.
func spent() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// line is a reply as Postfix logs it: of a receiver's own host, of somebody else's, or in words that no pattern has.
func line(set *reply.Set, random *rand.Rand) string {
	all := set.Patterns()
	p := all[random.IntN(len(all))]
	text, host := p.Sample, fmt.Sprintf("mx%d.example%d.org", random.IntN(9), random.IntN(1000))
	if len(p.At) > 0 {
		hosts := set.Receiver(p.At[0]).Hosts
		host = fmt.Sprintf("mx%d.%s", random.IntN(100), hosts[random.IntN(len(hosts))])
	}
	if random.IntN(20) == 0 {
		text = "550 5.7.1 Computer says no"
	}
	code, rest, _ := strings.Cut(text, " ")
	return fmt.Sprintf("host %s[192.0.2.%d] said: %s %s (id %x) (in reply to end of DATA command)", host, random.IntN(256), code, rest, random.Uint64())
}
