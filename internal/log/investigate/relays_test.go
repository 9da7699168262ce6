package investigate

import (
	"fmt"
	"testing"
	"time"
)

// bare is a mail without a login.
func (w *writer) bare(at time.Time, client, from, agent, relay string, to ...string) {
	w.ids++
	id := fmt.Sprintf("%X", 0xA00000+w.ids)
	w.line(at, "postfix/smtpd[9]: %s: client=unknown[%s]", id, client)
	w.line(at, "postfix/qmgr[2]: %s: from=<%s>, size=900, nrcpt=%d (queue active)", id, from, len(to))
	for _, r := range to {
		w.line(at, "postfix/%s[3]: %s: to=<%s>, relay=%s, delay=1, delays=0/0/0/1, %s", agent, id, r, relay, took)
	}
	w.line(at, "postfix/qmgr[2]: %s: removed", id)
}

const elsewhere = "mx.far.example[192.0.2.9]:25"

// strangers are addresses at domains of their own.
func strangers(n, from int) (all []string) {
	for k := range n {
		all = append(all, fmt.Sprintf("v%d@d%d.example", k, from+k))
	}
	return all
}

// relayed are the clients that the report names, with mails and recipients.
func relayedBy(lines []string) string {
	got := ""
	for _, x := range investigated(Options{}, lines).Relays {
		got += fmt.Sprintf("%s %d/%d %v ", x.Client, x.Mails, x.Recipients, x.From)
	}
	return got
}

func TestWhoRelaysWithoutALoginIsNamed(t *testing.T) {
	w := &writer{}
	for n := range 7 {
		w.bare(monday.Add(time.Duration(n)*time.Minute), "172.20.0.1", "win@lottery.example", "smtp", elsewhere, strangers(4, 4*n)...)
	}
	for n := range 9 { // from a new domain each time, to one provider
		w.bare(monday.Add(time.Duration(n)*time.Minute), "203.0.113.66", fmt.Sprintf("a@s%d.example", n), "smtp", elsewhere, "x@gmail.com", "y@gmail.com", "z@gmail.com", "u@gmail.com", "v@gmail.com", "w@gmail.com")
	}
	if got := relayedBy(w.lines); got != "203.0.113.66 9/54 [s0.example s1.example s2.example s3.example s4.example] 172.20.0.1 7/28 [lottery.example] " {
		t.Error(got)
	}
	r := investigated(Options{}, w.lines)
	if len(r.Relays) != 2 || r.Relays[0].Recipients != 54 || r.Relays[1].Mails != 7 || r.Relays[1].Recipients != 28 || r.replies["d3.example"].Taken != 1 {
		t.Errorf("%+v", r.Relays)
	}
}

// TestManyClientsCanUseAnOpenRelay: what many send to the large providers is no mail of ours.
func TestManyClientsCanUseAnOpenRelay(t *testing.T) {
	w := &writer{}
	for n := range 6 {
		for range 20 {
			w.bare(monday, fmt.Sprintf("203.0.%d.7", 110+n), "a@lottery.example", "smtp", elsewhere, "x@gmail.com", "y@hotmail.com", "z@yahoo.com")
		}
	}
	if n := len(investigated(Options{}, w.lines).Relays); n != 6 {
		t.Errorf("%d clients", n)
	}
}

func TestOrdinaryMailWithoutALoginIsNoRelaying(t *testing.T) {
	for name, write := range map[string]func(*writer, int){
		"for mailboxes here": func(w *writer, n int) {
			w.bare(monday, "198.51.100.20", "dora@far.example", "lmtp", "mx[private/dovecot-lmtp]", strangers(3, 0)...)
		},
		"for a server behind this one": func(w *writer, n int) {
			w.bare(monday, "198.51.100.20", "dora@far.example", "smtp", "exchange[10.0.0.5]:25", strangers(3, 0)...)
		},
		"for domains of which this is the exchanger": func(w *writer, n int) {
			w.bare(monday, fmt.Sprintf("198.51.%d.20", n), "dora@far.example", "smtp", elsewhere, strangers(3, 0)...)
		},
		"a device that writes as us": func(w *writer, n int) {
			w.mail(monday, "anna", "198.51.100.7", "a@far.example", took)
			w.bare(monday, "192.168.1.9", "scan@example.org", "smtp", elsewhere, strangers(3, 3*n)...)
		},
		"what a filter hands back": func(w *writer, n int) {
			w.bare(monday, "127.0.0.1", "dora@far.example", "smtp", elsewhere, strangers(3, 3*n)...)
		},
		"a bounce": func(w *writer, n int) { w.bare(monday, "10.0.0.5", "", "smtp", elsewhere, strangers(3, 3*n)...) },
		"few": func(w *writer, n int) {
			if n == 0 {
				w.bare(monday, "198.51.100.20", "dora@far.example", "smtp", elsewhere, strangers(3, 0)...)
			}
		},
		"a forward": func(w *writer, n int) {
			w.bare(monday, "198.51.100.20", "dora@far.example", "smtp", elsewhere, strangers(1, n)[0]+">, orig_to=<away@example.org")
		},
	} {
		w := &writer{}
		for n := range 20 {
			write(w, n)
		}
		if got := relayedBy(w.lines); got != "" {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestWhatIsRememberedOfRelaysIsBounded(t *testing.T) {
	i, w := New(Options{}), &writer{}
	for n := range maxClients + 50 {
		w.bare(monday, fmt.Sprintf("203.%d.%d.7", n>>8, n&255), fmt.Sprintf("a@s%d.example", n), "smtp", elsewhere, "x@gmail.com")
	}
	for n := range 3 * maxSenders {
		w.bare(monday, "203.0.0.7", fmt.Sprintf("a@t%d.example", n), "smtp", elsewhere, strangers(maxDomains, n*maxDomains)...)
	}
	for _, l := range w.lines {
		i.Line([]byte(l), monday)
	}
	i.tracker.Flush()
	if len(i.relays.clients) > maxClients || len(i.relays.clients[netipOf("203.0.0.7")]) > maxSenders+1 {
		t.Errorf("%d clients, %d senders", len(i.relays.clients), len(i.relays.clients[netipOf("203.0.0.7")]))
	}
	for from, f := range i.relays.clients[netipOf("203.0.0.7")] {
		if len(f.to) > maxDomains {
			t.Errorf("%q: %d domains", from, len(f.to))
		}
	}
	if x := i.Finish().Relays[0]; x.Recipients != 3*maxSenders*maxDomains+1 {
		t.Errorf("%d recipients", x.Recipients)
	}
}
