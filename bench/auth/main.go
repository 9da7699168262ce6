// Command auth measures what it costs to know who wrote a mail from outside, and to sign what accounts send: the same mails
// through a milter that does nothing (emersion/go-milter's, without bodies), through postward with everything on, through what
// it takes the place of (opendkim, opendmarc and policyd-spf, as Debian ships them), and through rspamd, in turns in one run, each
// beside a private Postfix and by unix sockets. Every mail that is sent must be accepted and arrive.
//
// # Mail from outside
//
// Each mail comes in a session of its own, from the address and with the name of its domain (XCLIENT; a name that Postfix has not
// proved, so iprev is asked for). It is signed beforehand with RSA-2048 and Ed25519, and every fourth one is sealed by a list
// (ARC). Every fourth mail is the first of its domain, so a quarter of them is asked for where no cache can answer; each run
// has domains of its own. Half of the domains name their client in their SPF policy, half include a provider's.
//
// # The resolver
//
// It is the same for all, and keeps what it knows: a question that was asked before in the run is answered at once, whoever
// asks. Any other waits 0 or 50 ms. So nobody is slow for having no cache of his own, beyond asking.
//
// # What is counted
//
// CPU is that of every process of the room but this one, which is clients, resolver and world: so Postfix's own, and that of
// Dovecot for logins, is in each figure, also in that of who does nothing. Memory is PSS, at its peak under load, of the
// programs that are measured: postward's two processes; opendkim, opendmarc and every process of policyd-spf; all of rspamd's.
//
// Latency is the time of a transaction from MAIL to the last reply, of mails that are sent one after the other. What is added is a
// quantile of it less the same quantile of who does nothing, in the same turns.
//
// The last line has throughput and CPU of mails of 2 kB while the resolver does not wait: beside who does nothing the worse of both
// directions; beside the set those from outside, for on submission one of its daemons is asked.
//
// # What the peers are told
//
// opendkim verifies and signs (RSA alone: it has one algorithm for all that it signs), opendmarc takes SPF from policyd-spf's
// field, and ignores who has logged in; on submission stands opendkim alone. rspamd has the modules spf, dkim, dmarc, arc, dkim_signing
// and milter_headers for its Authentication-Results; no others, no Redis; its proxy scans itself, in a process for each of two
// cores. It signs with both algorithms and seals ARC, as postward does. None of the three writes a line of log a mail.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"postward/bench/internal/mailcost"
	"postward/test/rig"
)

const (
	rounds   = 3
	parallel = 10
	office   = "192.0.2.10"
)

func main() {
	binary := flag.String("postward", "", "the binary to measure; built if empty")
	mails := flag.Int("mails", 1000, "mails of 2 kB a run; of 20 kB it is half as many, of 200 kB a tenth")
	peers := flag.String("peers", set+","+rspamd, "those to measure beside it; a goal that is about one that is not there is missed")
	socket := flag.String("nothing", "", "be the milter that does nothing on this socket")
	flag.Parse()
	if *socket != "" {
		fmt.Fprintln(os.Stderr, "auth:", mailcost.BeNothing(*socket))
		os.Exit(2)
	}
	inside, code, err := rig.Enter(rig.Room{Needs: []string{"postfix", "dovecot"}})
	if err == nil && inside {
		code = 0
		var missed []string
		if missed, err = measure(&bench{binary: *binary, peers: strings.Split(*peers, ",")}, max(*mails, 20)); len(missed) > 0 {
			code = 1
		}
		for _, goal := range missed {
			fmt.Fprintln(os.Stderr, "auth: missed:", goal)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "auth:", err)
		code = 2
	}
	os.Exit(code)
}

// measure returns the goals that were missed.
func measure(b *bench, mails int) (missed []string, err error) {
	defer func() {
		if closing := b.parts.Close(); err == nil {
			err = closing
		}
	}()
	if b.binary == "" {
		if b.binary, err = rig.Build(); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute)
	defer cancel()
	b.order(mails)
	for _, do := range []func(context.Context) error{b.furnish, b.lay, b.run} {
		if err := do(ctx); err != nil {
			return nil, err
		}
	}
	return b.report(), nil
}
