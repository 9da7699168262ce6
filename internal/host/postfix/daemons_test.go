//go:build daemons

package postfix_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postward/internal/host/postfix"
	"postward/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// site is a Postfix that holds mail to held@…, and the world.
func site(t *testing.T) (context.Context, *rig.Sink, *rig.Postfix, postfix.Instance) {
	t.Helper()
	s := rig.TestSite(t, rig.PostfixConfig{Main: map[string]string{
		"smtpd_recipient_restrictions": "check_recipient_access inline:{ {held@example.net = HOLD} }, permit_mynetworks, reject",
	}}, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx, s.Sink, s.Postfix, postfix.Instance{ConfigDir: s.Postfix.ConfigDir}
}

// hold sends n mails that Postfix holds and returns how they are known.
func hold(ctx context.Context, t *testing.T, p *rig.Postfix, i postfix.Instance, n int) ([]rig.Mail, []postfix.Held) {
	t.Helper()
	after := time.Now()
	var sent []rig.Mail
	for range n {
		sent = append(sent, rig.Client{Addr: p.SMTP()}.SendOne(ctx, rig.Mail{From: "a@example.org", To: []string{"held@example.net"}}))
	}
	queue, err := p.Held()
	if err != nil || len(queue) != n {
		t.Fatalf("%d in hold, want %d: %v", len(queue), n, err)
	}
	var held []postfix.Held
	for _, e := range queue {
		held = append(held, postfix.Held{ID: postfix.QueueID(e.ID), After: after, Before: time.Now()})
	}
	return sent, held
}

func TestReleaseDeliversOnce(t *testing.T) {
	ctx, sink, p, i := site(t)
	sent, held := hold(ctx, t, p, i, 3)
	for range 2 { // the second time there is nothing left to do
		results, err := i.Release(ctx, held)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			if r.Err != nil {
				t.Error(r.Err)
			}
		}
		if err := sink.WaitLen(ctx, 3); err != nil {
			t.Fatalf("%v\n%s", err, p.LogTail(20))
		}
	}
	if err := p.WaitDelivered(ctx); err != nil {
		t.Fatal(err)
	}
	ledger, err := rig.Account(ctx, sent, sink, p)
	if err != nil || ledger.Err() != nil || len(ledger.AtSink) != 3 {
		t.Errorf("%v %v %v", ledger, ledger.Err(), err)
	}
}

func TestAnotherMailUnderTheSameIDIsNotTouched(t *testing.T) {
	ctx, _, p, i := site(t)
	_, held := hold(ctx, t, p, i, 1)
	held[0].After, held[0].Before = held[0].After.Add(-time.Hour), held[0].Before.Add(-time.Hour)
	for name, act := range map[string]func() ([]postfix.Result, error){
		"release": func() ([]postfix.Result, error) { return i.Release(ctx, held) },
		"delete": func() ([]postfix.Result, error) {
			return i.Delete(ctx, held, func(postfix.QueueID) error { return nil })
		},
	} {
		results, err := act()
		if err != nil || !results[0].Gone {
			t.Errorf("%s: %+v %v", name, results, err)
		}
	}
	if left, err := p.Held(); err != nil || len(left) != 1 {
		t.Errorf("%v %v", left, err)
	}
}

func TestDeleteKeepsWhatCannotBeKeptElsewhere(t *testing.T) {
	ctx, sink, p, i := site(t)
	sent, held := hold(ctx, t, p, i, 2)
	full := errors.New("no room")
	results, err := i.Delete(ctx, held, func(id postfix.QueueID) error {
		if id == held[0].ID {
			return full
		}
		return nil
	})
	if err != nil || !errors.Is(results[0].Err, full) || results[1].Err != nil || results[1].Gone {
		t.Fatalf("%+v %v", results, err)
	}
	left, err := p.Queue()
	if err != nil || len(left) != 1 || left[0].ID != string(held[0].ID) {
		t.Errorf("%v %v", left, err)
	}
	ledger, err := rig.Account(ctx, sent, sink, p)
	if err != nil || len(ledger.Missing) != 1 {
		t.Errorf("one of two was deleted: %v %v", ledger, err)
	}
}

func TestHoldStopsWhatWaits(t *testing.T) {
	ctx, sink, p, i := site(t)
	sink.Answer("later@example.net", rig.Answer{Code: 451, Text: "4.3.0 not now"})
	after := time.Now()
	rig.Client{Addr: p.SMTP()}.SendOne(ctx, rig.Mail{From: "a@example.org", To: []string{"later@example.net"}})
	err := p.WaitQueue(ctx, "a deferred mail", func(all []rig.Queued) error {
		if slices.ContainsFunc(all, func(q rig.Queued) bool { return q.Queue == "deferred" }) {
			return nil
		}
		return fmt.Errorf("%v", all)
	})
	if err != nil {
		t.Fatal(err)
	}
	queue, err := p.Queue()
	if err != nil || len(queue) != 1 {
		t.Fatalf("%v %v", queue, err)
	}
	mail := []postfix.Held{{ID: postfix.QueueID(queue[0].ID), After: after, Before: time.Now()}}
	results, err := i.Hold(ctx, mail)
	if err != nil || results[0] != (postfix.Result{}) {
		t.Fatalf("%+v %v", results, err)
	}
	if queue, err = p.Queue(); err != nil || queue[0].Queue != postfix.QueueHold {
		t.Errorf("%v %v", queue, err)
	}
}

func TestLookShowsSenderAndHeaderSection(t *testing.T) {
	ctx, _, p, i := site(t)
	_, held := hold(ctx, t, p, i, 1)
	text, err := i.Look(ctx, held[0].ID)
	if err != nil || !strings.Contains(text, "sender: a@example.org") || !strings.Contains(text, "X-Token: ") {
		t.Errorf("%s %v", text, err)
	}
	if _, err := i.Look(ctx, "A1B2C3D4E5"); err == nil {
		t.Error("a mail that is not there was shown")
	}
}

func TestAParameterIsAsked(t *testing.T) {
	ctx, _, p, i := site(t)
	if dir, err := i.Get(ctx, "queue_directory"); err != nil || dir != p.QueueDir {
		t.Errorf("%q %v", dir, err)
	}
}

// TestAPipeInTheQueueStopsNobody: the queue belongs to the user postfix.
func TestAPipeInTheQueueStopsNobody(t *testing.T) {
	ctx, _, p, i := site(t)
	const id = "A1B2C3D4E5"
	if err := unix.Mkfifo(filepath.Join(p.QueueDir, "hold", id), 0o700); err != nil {
		t.Fatal(err)
	}
	_, held := hold(ctx, t, p, i, 1)
	pipe := postfix.Held{ID: id, Before: time.Now()}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if text, err := i.Look(ctx, id); err == nil || ctx.Err() != nil {
		t.Errorf("look: %q %v", text, err)
	}
	for name, act := range map[string]func() ([]postfix.Result, error){
		"delete":  func() ([]postfix.Result, error) { return i.Delete(ctx, []postfix.Held{pipe}, nil) },
		"release": func() ([]postfix.Result, error) { return i.Release(ctx, []postfix.Held{pipe, held[0]}) },
	} {
		if results, err := act(); err != nil || !results[0].Gone {
			t.Errorf("%s: %v %v", name, results, err)
		}
	}
}

// TestMiltersAreWhatPostfixMakesOfThem: conditions, and names that a service sets for itself, at any depth.
func TestMiltersAreWhatPostfixMakesOfThem(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"main.cf": "compatibility_level = 3.6\nsmtpd_milters = ${dkim?{$dkim,}}$ours\ndkim = inet:localhost:8891\nours = $inbound\n" +
			"inbound = unix:a.sock\nsubmission = { unix:b.sock, default_action=tempfail }\nnon_smtpd_milters = $smtpd_milters\n",
		"master.cf": "25025 inet n - n - - smtpd\n25587 inet n - n - - smtpd\n  -o ours=$submission -o smtpd_tls_wrappermode=yes\n" +
			"cleanup unix n - n - 0 cleanup\n  -o dkim=\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	i := postfix.Instance{ConfigDir: dir}
	chains, err := i.Chains(t.Context())
	want := "[{25025 smtpd_milters [inet:localhost:8891 unix:a.sock]} " +
		"{25587 smtpd_milters [inet:localhost:8891 { unix:b.sock, default_action=tempfail }]} {cleanup non_smtpd_milters [unix:a.sock]}]"
	if got := fmt.Sprint(chains); err != nil || got != want {
		t.Errorf("%s %v\nwant %s", got, err, want)
	}
	services, err := i.Services(t.Context())
	want = "[{25025 localhost:25025 inet:localhost:8891,unix:a.sock} {25587  inet:localhost:8891,{ unix:b.sock, default_action=tempfail }}]"
	if got := fmt.Sprint(services); err != nil || got != want {
		t.Errorf("%s %v\nwant %s", got, err, want)
	}
}

// TestWhatAProgramIsWorthIsSaidForEach: of main.cf, and by its own -o; where a client finds it.
func TestWhatAProgramIsWorthIsSaidForEach(t *testing.T) {
	dir := configuration(t, map[string]string{
		"main.cf": "compatibility_level = 3.6\nmynetworks = 127.0.0.0/8\nname = filter\n",
		"master.cf": "25025 inet n - n - - smtpd\n  -o content_filter=$name:dummy\n[::1]:25587 inet n - n - - smtpd\n  -o { mynetworks = 192.0.2.0/24 }\n" +
			"pickup unix n - n 60 1 pickup\nfilter unix - n n - 10 pipe\n  flags=Rq user=spam:spam argv=/usr/bin/spamc -e /usr/sbin/sendmail\n",
	})
	all, err := (postfix.Instance{ConfigDir: dir}).Programs(t.Context(), []string{"smtpd", "pipe"}, "mynetworks", "content_filter")
	want := "[{25025 inet smtpd [-o content_filter=$name:dummy] localhost:25025 map[content_filter:filter:dummy mynetworks:127.0.0.0/8]} " +
		"{[::1]:25587 inet smtpd [-o mynetworks=192.0.2.0/24] [::1]:25587 map[content_filter: mynetworks:192.0.2.0/24]} " +
		"{filter unix pipe [flags=Rq user=spam:spam argv=/usr/bin/spamc -e /usr/sbin/sendmail]  map[content_filter: mynetworks:127.0.0.0/8]}]"
	if got := fmt.Sprint(all); err != nil || got != want {
		t.Errorf("%s %v\nwant %s", got, err, want)
	}
}

// TestNetworksInTablesAndFilesAreRead: an address is a key of the table, whatever stands behind it.
func TestNetworksInTablesAndFilesAreRead(t *testing.T) {
	dir := configuration(t, map[string]string{
		"main.cf": "compatibility_level = 3.6\n", "master.cf": "",
		"clients": "203.0.113.5 ok\n2001:db8::5 x\n", "list": "# ours\n198.51.100.0/24\n  [::ffff:10.0.0.0]/104\n",
	})
	i := postfix.Instance{ConfigDir: dir}
	all, unread := i.Networks(t.Context(), "127.0.0.0/8, texthash:"+dir+"/clients, "+dir+"/list cidr:/nets hash:/nowhere /nowhere")
	if got := fmt.Sprint(all); got != "[127.0.0.0/8 2001:db8::5/128 203.0.113.5/32 198.51.100.0/24 10.0.0.0/8]" {
		t.Error(got)
	}
	if len(unread) != 3 || !strings.HasPrefix(unread[0], "cidr:/nets") || !strings.HasPrefix(unread[1], "hash:/nowhere cannot be read") || !strings.Contains(unread[2], "/nowhere") {
		t.Errorf("%q", unread)
	}
}

func configuration(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
