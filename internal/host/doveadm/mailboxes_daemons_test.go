//go:build daemons

package doveadm

import (
	"fmt"
	"io"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"postward/test/rig"
)

// TestAnIMAPSessionIsEnded of whoever reads mail with a password that is his no more.
func TestAnIMAPSessionIsEnded(t *testing.T) {
	lines, imap := rig.TestIMAP(t)
	s := rig.TestSite(t, rig.PostfixConfig{}, map[string]string{"anna@example.org": "right"}, lines)
	i := Instance{Config: s.Dovecot.Config}
	c, err := textproto.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", imap))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, line := range []string{"", "a LOGIN anna@example.org right"} {
		if line != "" {
			if err := c.PrintfLine("%s", line); err != nil {
				t.Fatal(err)
			}
		}
		reply, err := c.ReadLine()
		for err == nil && line != "" && strings.HasPrefix(reply, "* ") { // untagged
			reply, err = c.ReadLine()
		}
		if err != nil || line != "" && !strings.HasPrefix(reply, "a OK") {
			t.Fatalf("%q %v\n%s", reply, err, s.Dovecot.Log())
		}
	}
	if all := counted(t, i, "anna@example.org", 1); all[0].Protocol != "imap" || all[0].Client.String() != "127.0.0.1" || all[0].PID == 0 {
		t.Errorf("%+v", all)
	}
	if kicked, err := i.Kick(t.Context(), "anna@example.org"); !kicked || err != nil {
		t.Errorf("%t %v", kicked, err)
	}
	ended := make(chan error, 1)
	go func() { _, err := io.Copy(io.Discard, c.R); ended <- err }()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Error("the session goes on")
	}
}
