package daemon

import (
	"errors"
	"strings"
	"testing"
	"time"

	"postward/internal/guard"
	"postward/internal/lists/dnsbl"
	"postward/internal/run/ctl"
	"postward/internal/wire/dns"
)

// caseWorld is a list, and the names of this server.
const caseWorld = "2.0.0.127.psbl.surriel.com. A 127.0.0.2\n25.2.0.192.in-addr.arpa. PTR mail.example.org.\nmail.example.org. A 192.0.2.25\n"

func caseZone(t *testing.T, text string) dns.Resolver {
	t.Helper()
	z, err := dns.ParseZone(strings.NewReader(text), ".", "lists")
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// TestAListingIsACaseUntilItEnds: opened by the watch, drafted, asked for, kept over a restart, and ended by the list alone.
func TestAListingIsACaseUntilItEnds(t *testing.T) {
	dir, set, at := t.TempDir(), alone(t, "psbl"), time.Now()
	listed, clear := caseZone(t, caseWorld+"25.2.0.192.psbl.surriel.com. A 127.0.0.2\n"), caseZone(t, caseWorld)
	start := func(list dns.Resolver) *Daemon {
		t.Helper()
		d := begin(t, dir)
		d.recallCases(t.Context())
		d.config.Watch.Names, d.cases.names = []string{"192.0.2.25", "example.org"}, caseZone(t, caseWorld)
		l, err := d.newLists(t.Context(), set, dnsbl.New(list, dnsbl.Options{}))
		if err != nil {
			t.Fatal(err)
		}
		at = at.Add(4 * time.Hour)
		l.begun = at.Add(-time.Hour)
		d.askLists(t.Context(), l, at)
		return d
	}
	d := start(listed)
	c := theCase(t, d)
	if c.List != "psbl" || c.Subject != "192.0.2.25" || c.Stage != "eligible" || c.Link == "" {
		t.Fatalf("%+v", c)
	}
	draft := drafted(t, d)
	for _, want := range []string{"192.0.2.25 is listed by PSBL", "The server is mail.example.org [192.0.2.25], for example.org; its name points at the address and back", "We know of no spam that left here",
		"postmaster@example.org", "- mail of an account to unusually many strangers is held"} {
		if !strings.Contains(draft.Text, want) {
			t.Errorf("%q is not in\n%s", want, draft.Text)
		}
	}
	if c := theCase(t, d); c.Stage != "drafted" {
		t.Errorf("%+v", c)
	}
	if _, err := d.answer(t.Context(), "anna", "case/requested", []byte(`{"id":1}`)); err != nil {
		t.Fatal(err)
	}
	end(t, d)
	d = start(listed)
	if c := theCase(t, d); c.Stage != "requested" || len(c.Requests) != 1 || c.Requests[0].By != "anna" {
		t.Errorf("after a restart: %+v", c)
	}
	if _, err := d.answer(t.Context(), "anna", "case/draft", []byte(`{"id":1,"language":"en"}`)); err == nil || !strings.Contains(err.Error(), "not yet: wait for the answer") {
		t.Errorf("a second request: %v", err)
	}
	end(t, d)
	end(t, start(clear)) // it is asked twice before it is believed
	d = start(clear)
	defer end(t, d)
	a, err := d.caseList(t.Context())
	if err != nil || len(a.Cases) != 0 || len(a.Ended) != 1 || a.Ended[0].Outcome != "delisted" {
		t.Errorf("%v %+v", err, a)
	}
}

// TestNoRequestIsWrittenWhileSpamLeaves: a mail of an incident that a server took lately, an incident that is open, and a name that does not
// point back are in the way, each with its command.
func TestNoRequestIsWrittenWhileSpamLeaves(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	set := alone(t, "psbl")
	d.config.Watch.Names, d.cases.names = []string{"192.0.2.25"}, caseZone(t, "25.2.0.192.in-addr.arpa. PTR elsewhere.example.\nelsewhere.example. A 192.0.2.99\n")
	l, err := d.newLists(t.Context(), set, dnsbl.New(caseZone(t, caseWorld+"25.2.0.192.psbl.surriel.com. A 127.0.0.2\n"), dnsbl.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	l.begun = time.Now().Add(-time.Hour)
	d.askLists(t.Context(), l, time.Now())
	d.mu.Lock()
	d.state.Incidents()[7] = &guard.Incident{ID: 7, Account: "alarm", Status: guard.IncidentOpen, Opened: now(), First: now() - 60_000, LeftAt: now() - 60_000, Left: 3}
	d.mu.Unlock()
	c := theCase(t, d)
	var said []string
	for _, o := range c.Obstacles {
		said = append(said, o.What+": "+o.Command)
	}
	text := strings.Join(said, "\n")
	for _, want := range []string{"incident 7 is open: postward incident show 7", "the name of 192.0.2.25 does not point back to it", "spam left 1 min ago; ask when none has for 6 h"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	_, err = d.answer(t.Context(), "anna", "case/draft", []byte(`{"id":1,"language":"en"}`))
	var problem *ctl.Problem
	if !errors.As(err, &problem) || problem.Hint != "postward case show 1" || c.Stage != "listed" {
		t.Errorf("%s: %v", c.Stage, err)
	}
}

func theCase(t *testing.T, d *Daemon) ctl.Case {
	t.Helper()
	a, err := d.answer(t.Context(), "anna", "case/list", nil)
	x, is := a.(ctl.CasesAnswer)
	if err != nil || !is || len(x.Cases) != 1 || !x.Watched {
		t.Fatalf("%v %+v", err, a)
	}
	return x.Cases[0]
}

func drafted(t *testing.T, d *Daemon) ctl.DraftAnswer {
	t.Helper()
	a, err := d.answer(t.Context(), "anna", "case/draft", []byte(`{"id":1,"language":"en"}`))
	x, is := a.(ctl.DraftAnswer)
	if err != nil || !is {
		t.Fatalf("%v %+v", err, a)
	}
	return x
}
