//go:build daemons

package warden_test

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"postward/internal/host/nft"
	"postward/internal/host/postfix"
	"postward/internal/host/warden"
	"postward/test/rig"
)

// TestMain runs this package's tests in a room of their own: the network, and its rules, are nobody else's. As the child of a warden this
// program is a daemon that was hijacked.
func TestMain(m *testing.M) {
	if c, child, err := warden.Inherited(); child || err != nil {
		os.Exit(beHijacked(c, err))
	}
	os.Exit(rig.MainIn(rig.Room{Addresses: []string{rig.Outside + "/32"}, Needs: []string{"postfix", "nft", "ip"}}, m, rig.Skip))
}

// hijacked is what such a daemon asks for; the last may be banned.
var hijacked = []string{"0.0.0.0/0", "::/0", "0.0.0.0/1", "203.0.114.9/32", "2001:db8:9:9::9/128", "192.0.2.7/32", "192.0.2.0/24", rig.Outside + "/32", "127.0.0.1/32", "203.0.113.7/32"}

// beHijacked asks the warden, says what it is answered, and waits for its end.
func beHijacked(c *warden.Client, err error) int {
	if err == nil {
		_, err = c.Ensure(context.Background(), nil)
	}
	for _, p := range hijacked {
		refused, failed := c.Ban(context.Background(), []nft.Ban{{Prefix: netip.MustParsePrefix(p), For: time.Hour}})
		fmt.Fprintln(os.Stderr, os.Getuid(), p, refused, err, failed)
	}
	select {}
}

// TestARestoreThatDiedIsFoundAndNotDoneAgain: the mail is in hold, its copy still in the trash; and with long queue IDs, in a
// hold queue that is hashed, and while another mail is there.
func TestARestoreThatDiedIsFoundAndNotDoneAgain(t *testing.T) {
	for name, main := range map[string]map[string]string{
		"as Debian ships it": {}, "long queue IDs": {"enable_long_queue_ids": "yes"}, "hashed": {"hash_queue_names": "hold, deferred, defer", "hash_queue_depth": "2"},
	} {
		t.Run(name, func(t *testing.T) {
			main["smtpd_recipient_restrictions"] = "check_recipient_access inline:{ {held@example.net = HOLD} }, permit_mynetworks, reject"
			s := rig.TestSite(t, rig.PostfixConfig{Main: main}, nil)
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			i := postfix.Instance{ConfigDir: s.Postfix.ConfigDir}
			before := time.Now()
			m := rig.Client{Addr: s.Postfix.SMTP()}.SendOne(ctx, rig.Mail{From: "a@example.org", To: []string{"held@example.net", "x@example.net"}})
			rig.Client{Addr: s.Postfix.SMTP()}.SendOne(ctx, rig.Mail{From: "a@example.org", To: []string{"held@example.net"}})
			held := postfix.Held{ID: postfix.QueueID(m.QueueID), After: before, Before: time.Now()}
			trash := warden.Trash{Dir: filepath.Join(s.Postfix.Dir, "trash")}
			c := warden.Direct(&warden.Acts{Postfix: i, Trash: trash})
			if r, err := c.Delete(ctx, []postfix.Held{held}); err != nil || r[0].Err != nil || r[0].Gone {
				t.Fatalf("%+v %v", r, err)
			}
			copies, err := filepath.Glob(filepath.Join(trash.Dir, m.QueueID+"-*"))
			if err != nil || len(copies) != 1 {
				t.Fatal(copies, err)
			}
			text, err := os.ReadFile(copies[0])
			if err != nil {
				t.Fatal(err)
			}
			first, err := c.Restore(ctx, held)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(copies[0], text, 0o600); err != nil {
				t.Fatal(err)
			}
			second, err := c.Restore(ctx, held)
			if err != nil || second != first {
				t.Errorf("%s and then %s %v", first, second, err)
			}
			if queue, err := s.Postfix.Held(); err != nil || len(queue) != 2 {
				t.Errorf("%v %v", queue, err)
			}
			shown, err := s.Postfix.Command(ctx, "postcat", "-q", string(first)).Output()
			if err != nil || bytes.Count(shown, []byte("\nrecipient: ")) != 2 || !bytes.Contains(shown, []byte(m.Token)) {
				t.Errorf("%v %.2000s", err, shown)
			}
			if left, _ := filepath.Glob(filepath.Join(trash.Dir, "*-*")); len(left) != 0 {
				t.Errorf("it could come back again: %v", left)
			}
		})
	}
}
