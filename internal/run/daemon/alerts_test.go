package daemon

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"postward/internal/guard"
	"postward/internal/run/ctl"
	"postward/internal/run/notify"
)

// crier is a notify.command that says what it is given on a pipe, and does not end what matches slow before it may.
type crier struct {
	t    *testing.T
	said *bufio.Scanner
	gate *os.File
}

func cry(t *testing.T, d *Daemon, slow string) *crier {
	t.Helper()
	pipe := func(name string) (string, *os.File) {
		path := filepath.Join(t.TempDir(), name)
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return path, f
	}
	said, out := pipe("said")
	path, gate := pipe("gate")
	script := fmt.Sprintf(`read -r a; echo "$a" >%s; case "$a" in *'%s'*) read -r x <%s; echo end >%s;; esac`, said, slow, path, said)
	n, err := notify.New(notify.Channels{Command: []string{"/bin/sh", "-c", script}})
	if err != nil {
		t.Fatal(err)
	}
	d.notify = n
	if err := out.SetReadDeadline(time.Now().Add(25 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return &crier{t, bufio.NewScanner(out), gate}
}

// says waits for what the command says next.
func (c *crier) says(want string) {
	c.t.Helper()
	if !c.said.Scan() {
		c.t.Fatalf("nothing is said: %v, want %s", c.said.Err(), want)
	}
	if text := c.said.Text(); !strings.Contains(text, want) {
		c.t.Fatalf("%s is said, want %s", text, want)
	}
}

// open lets the slow one end.
func (c *crier) open() {
	c.t.Helper()
	if _, err := c.gate.WriteString("\n"); err != nil {
		c.t.Fatal(err)
	}
}

// incident has mail of an account held for a person.
func incident(t *testing.T, d *Daemon, n int, account string) {
	t.Helper()
	must(t, d, "account/allow", ctl.AccountChange{Account: account})
	if a := d.judgeEnd(t.Context(), mail(n, account, 20)); a.Action != guard.Hold {
		t.Fatalf("a mail over the budget: %+v", a)
	}
}

func TestASlowAlertKeepsNoOtherIncidentsWaitingAndItsOwnInOrder(t *testing.T) {
	d := begin(t, t.TempDir())
	t.Cleanup(func() { end(t, d) })
	c := cry(t, d, `"incident":1,"stage":"opened"`)
	runs(t, d.sendAlerts)
	incident(t, d, 1, "anna")
	c.says(`"incident":1,"stage":"opened"`)
	must(t, d, "incident/close", ctl.IncidentRequest{ID: 1})
	for i := 2; i < 12; i++ {
		incident(t, d, i, fmt.Sprintf("user%d", i))
		c.says(fmt.Sprintf(`"incident":%d,"stage":"opened"`, i))
	}
	c.open()
	c.says("end") // it was still on its way
	c.says(`"incident":1,"stage":"closed"`)
}

func TestASlowAlertAboutATroubleKeepsNoOtherWaiting(t *testing.T) {
	d := begin(t, t.TempDir())
	t.Cleanup(func() { end(t, d) })
	c := cry(t, d, "the slow one")
	d.troubles.SetAfter("slow", "the slow one", 0, time.Now())
	runs(t, (&troubleAlerts{d.config.Node, d.notify, &d.troubles}).send)
	c.says("the slow one")
	d.troubles.SetAfter("quick", "the quick one", 0, time.Now())
	c.says("the quick one")
	d.troubles.Set("slow", "", time.Now()) // it is over while the owner is told of it
	c.open()
	c.says("end")
	c.says("Over after")
}

func TestARescueDoesNotWaitForAnAlert(t *testing.T) {
	dir := t.TempDir()
	d := guarded(t, dir)
	t.Cleanup(func() { d.store.Close() }) // says what could not be written
	c := cry(t, d, "a trouble")
	d.troubles.SetAfter("slow", "a trouble", 0, time.Now())
	ended := runs(t, d.watchHealth)
	runs(t, (&troubleAlerts{d.config.Node, d.notify, &d.troubles}).send)
	c.says("a trouble")
	if err := os.Remove(filepath.Join(dir, storeFile)); err != nil {
		t.Fatal(err)
	}
	if a := d.judgeEnd(t.Context(), mail(3, "anna", 1)); a.Action != guard.Tempfail {
		t.Errorf("what cannot be written is answered with %s", a.Action)
	}
	if err := <-ended; err == nil {
		t.Error("the daemon goes on without a store")
	}
	c.open()
	c.says("end") // it was still on its way
}

// One channel takes every alert and another none: the first is told of each incident once, however often it is tried.
func TestAChannelThatTookAnAlertIsNotToldTwice(t *testing.T) {
	d := begin(t, t.TempDir())
	t.Cleanup(func() { end(t, d) })
	got := make(chan string, 100)
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		got <- string(text)
	}))
	t.Cleanup(s.Close)
	n, err := notify.New(notify.Channels{URLs: []string{"generic+" + s.URL}, Command: []string{"/bin/false"}})
	if err != nil {
		t.Fatal(err)
	}
	d.notify = n
	const incidents = 6
	for i := range incidents {
		incident(t, d, i+1, fmt.Sprintf("user%d", i))
	}
	for round := range 2 {
		var all []work
		for len(d.alerts) > 0 {
			all = append(all, <-d.alerts)
		}
		if len(all) != incidents {
			t.Fatalf("round %d: %d alerts are in line", round, len(all))
		}
		var sent sync.WaitGroup
		for i := range all {
			sent.Go(func() { d.sendAlert(t.Context(), &all[i].effect); d.leaveLine(all[i].effect.ID) })
		}
		sent.Wait()
		d.mu.Lock()
		for _, f := range d.state.Effects() {
			f.Next = 0
		}
		d.mu.Unlock()
		d.doDue()
	}
	if len(got) != incidents {
		t.Errorf("the channel that took them was told %d times of %d incidents", len(got), incidents)
	}
}
