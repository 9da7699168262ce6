package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"postward/internal/guard"
	"postward/internal/run/ctl"
	"postward/test/rig"
)

// desk answers verbs as a daemon does that knows these answers. It returns a configuration with its socket.
func desk(t *testing.T, answers map[string]any) (configuration string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "pw") // t.TempDir may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "control.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	s := &ctl.Server{Answer: func(_ context.Context, _, verb string, _ []byte) (any, error) {
		if a, ok := answers[verb]; ok {
			return a, nil
		}
		return nil, &ctl.Problem{What: "no answer to " + verb}
	}}
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() { cancel(); <-done; os.RemoveAll(dir) })
	return file(t, fmt.Sprintf("socket = %q\n", path))
}

func TestABrokenConfigurationIsToldByThoseWhoAsk(t *testing.T) {
	path := file(t, "mode = \"enforc\"\n")
	for _, verb := range [][]string{{"status"}, {"account", "list"}, {"held", "release", "A1"}} {
		_, said, code := postward(t, append([]string{"--config", path}, verb...)...)
		if code != exitFailed || !strings.Contains(said, path+":1: mode") || strings.Contains(said, "nobody answers") {
			t.Errorf("%v: %d %s", verb, code, said)
		}
		_, said, code = postward(t, append([]string{"--config", path, "--socket", "/nonexistent/s"}, verb...)...)
		if code != exitFailed || !strings.Contains(said, "speak to postward at /nonexistent/s") {
			t.Errorf("%v, told where: %d %s", verb, code, said)
		}
	}
}

func TestEverythingIsStruckOutByAWordOnly(t *testing.T) {
	path := desk(t, map[string]any{"account/forget": guard.Account{Name: "anna"}})
	out, said, code := postward(t, "--config", path, "account", "forget", "anna")
	if code != exitFailed || !strings.Contains(said, "--yes") || out != "" {
		t.Errorf("%d %s %s", code, out, said)
	}
	for _, args := range [][]string{{"--yes"}, {"--network", "203.0.113.80"}} {
		if out, said, code := postward(t, append([]string{"--config", path, "account", "forget", "anna"}, args...)...); code != exitFine || !strings.Contains(out, "struck out") {
			t.Errorf("%v: %d %s %s", args, code, out, said)
		}
	}
}

func TestALogThatCannotBeReadIsNotLearnedInSilence(t *testing.T) {
	path := desk(t, map[string]any{"account/learn": ctl.Acted{Accounts: 1}})
	out, said, code := postward(t, "--config", path, "account", "learn", "/nonexist")
	if code != exitFailed || out != "" || !strings.Contains(said, "/nonexist") || !strings.Contains(said, "nothing was learned") {
		t.Errorf("%d %s %s", code, out, said)
	}
	dir := rig.WriteDir(t, map[string]string{"mail.log": mailsOf(0, 3, "anna")})
	out, said, code = postward(t, "--config", path, "account", "learn", "/nonexist", dir+"/mail.log")
	if code != exitFailed || !strings.Contains(out, "learned of 1 account;") || !strings.Contains(said, "1 of 2 logs could not be read to the end: the others are learned") {
		t.Errorf("%d %s %s", code, out, said)
	}
	if out, said, code = postward(t, "--config", path, "account", "learn", dir+"/mail.log"); code != exitFine || said != "" {
		t.Errorf("%d %s %s", code, out, said)
	}
	if out, _, _ := postward(t, "account", "learn", "--help"); !strings.Contains(out, "needs the daemon") {
		t.Error(out)
	}
}

func TestAHeldMailSaysWhatItWaitsForAndWhatComesNext(t *testing.T) {
	cooled := guard.Mail{QueueID: "A1", Account: "anna", Status: guard.MailHeld, Reason: guard.ReasonCooling, Why: "waits 30 s", Recipients: 1, Incident: 7, At: 1, ReleaseAt: 0}
	out, said, code := postward(t, "--config", desk(t, map[string]any{"held/show": ctl.LookAnswer{Mail: &cooled}}), "held", "show", "A1")
	for _, want := range []string{"waits for a person", "It was to wait a little only; incident 7 was opened", "postward held release A1", "postward incident show 7"} {
		if code != exitFine || !strings.Contains(out, want) {
			t.Errorf("no %q: %d %s %s", want, code, out, said)
		}
	}
	cools := cooled
	cools.Status, cools.Incident, cools.ReleaseAt = guard.MailCooling, 0, guard.Time(1_700_000_000_000)
	out, _, _ = postward(t, "--config", desk(t, map[string]any{"held/show": ctl.LookAnswer{Mail: &cools}}), "held", "show", "A1")
	if !strings.Contains(out, "leaves by itself at "+when(cools.ReleaseAt)) || strings.Contains(out, "incident") || strings.Contains(out, "person") || !strings.Contains(out, "postward held release A1") {
		t.Error(out)
	}
}

func TestHeldMailThatIsNotShownIsCounted(t *testing.T) {
	var mails []*guard.Mail
	for i := range 6 {
		mails = append(mails, &guard.Mail{QueueID: fmt.Sprintf("A%d", i), Recipients: 1})
	}
	x := ctl.IncidentAnswer{Incident: &guard.Incident{ID: 1, Account: "anna"}, Mails: mails}
	out, said, _ := postward(t, "--config", desk(t, map[string]any{"incident/show": x}), "incident", "show", "1")
	if !strings.Contains(out, "  and 1 more: postward held list\n") || strings.Contains(out, "A5") {
		t.Error(out, said)
	}
	x.Mails = mails[:5]
	if out, _, _ := postward(t, "--config", desk(t, map[string]any{"incident/show": x}), "incident", "show", "1"); strings.Contains(out, "more: postward") {
		t.Error(out)
	}
}

func TestAUserWhoNeverWroteIsNotSeenInLogs(t *testing.T) {
	accounts := []*guard.Account{{Name: "local:daemon", Learned: &guard.Listing{}}, {Name: "anna", Learned: &guard.Listing{Messages: 3}}}
	path := desk(t, map[string]any{"account/list": accounts, "account/show": accounts[0]})
	out, said, _ := postward(t, "--config", path, "account", "list")
	if !strings.Contains(out, "local:daemon\tknown\t") || !strings.Contains(out, "anna\tseen in logs\t") {
		t.Error(out, said)
	}
	if out, _, _ := postward(t, "--config", path, "account", "show", "local:daemon"); strings.Contains(out, "logs") {
		t.Error(out)
	}
}

// TestNoCountSaysOneThings: a source with one mail, an account with one, a log of one line.
func TestNoCountSaysOneThings(t *testing.T) {
	x := guard.Account{Name: "anna", Messages: 1}
	x.Sources.Networks = append(x.Sources.Networks, guard.Use[netip.Addr]{What: netip.MustParseAddr("203.0.113.80"), Messages: 1})
	x.Sources.Countries = append(x.Sources.Countries, guard.Use[string]{What: "CH", Messages: 1})
	i := guard.Incident{ID: 1, Account: "anna", Held: 1, Left: 1, Released: 1, Freed: 1, Sources: []guard.IncidentSource{{Messages: 1}}, Sentences: []guard.Sentence{{Times: 2}}}
	config := desk(t, map[string]any{
		"account/show": x, "incident/show": ctl.IncidentAnswer{Incident: &i, Mails: []*guard.Mail{{QueueID: "A1", Recipients: 2}}},
		"status": ctl.Status{Foreign: 1, Unlisted: []guard.Account{{Name: "bert", Refused: 1}}, Log: ctl.Log{Lines: 1}, Open: 1, Undone: []guard.Effect{{ID: "x", Attempts: 1}}},
	})
	dir := rig.WriteDir(t, map[string]string{"one.log": "2026-11-01T08:00:00Z mx postfix/smtpd[9]: connect from unknown[203.0.113.9]\n", "mail.log": mailsOf(0, 1, "anna")})
	for _, args := range [][]string{
		{"--config", config, "account", "show", "anna"}, {"--config", config, "incident", "show", "1"}, {"--config", config, "status"},
		{"investigate", dir + "/one.log"}, {"investigate", dir + "/mail.log"}, {"mail", "trace", "anna", "--log", dir + "/mail.log"},
	} {
		out, said, _ := postward(t, args...)
		if one := regexp.MustCompile(`(^|[ (])1 [a-z-]*(mail|recipient|line|time|attempt|account|session|day|incident|network|copie|cop|log)e?s\b`).FindString(out + said); one != "" || out == "" {
			t.Errorf("%v: %q in\n%s%s", args, one, out, said)
		}
	}
}

// TestARestoredMailIsNamedByItsNewQueueID: and what can be restored is listed.
func TestARestoredMailIsNamedByItsNewQueueID(t *testing.T) {
	m := guard.Mail{QueueID: "B2", Account: "anna", First: "bob@far.example", Recipients: 3, Subject: "hello"}
	config := desk(t, map[string]any{"held/restore": ctl.HeldAnswer{Mails: []*guard.Mail{&m}}, "held/deleted": ctl.HeldAnswer{Mails: []*guard.Mail{{QueueID: "A1", Account: "anna", First: "bob@far.example", Recipients: 1}}}})
	out, said, code := postward(t, "--config", config, "held", "restore", "A1")
	if code != exitFine || !strings.Contains(out, "anna to bob@far.example and 2 more is back in hold: postward held show B2") {
		t.Errorf("%d %s%s", code, out, said)
	}
	out, said, code = postward(t, "--config", config, "held", "deleted")
	if code != exitFine || !strings.HasPrefix(out, "QUEUE ID\tACCOUNT\t") || !strings.Contains(out, "A1\tanna\t") {
		t.Errorf("%d %s%s", code, out, said)
	}
}
