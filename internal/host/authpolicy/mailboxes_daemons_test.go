//go:build daemons

package authpolicy

import (
	"fmt"
	"net/textproto"
	"strings"
	"testing"

	"postward/test/rig"
)

// TestTheWordsReachAMailProgram that reads mail by IMAP or POP3.
func TestTheWordsReachAMailProgram(t *testing.T) {
	imap, pop3 := freeAddress(t), freeAddress(t)
	lines := rig.TestMailboxes(t, port(t, imap), port(t, pop3))
	s, h := recorder(map[string]Answer{"anna@example.org": Refuse("call your postmaster")})
	rig.TestSite(t, rig.PostfixConfig{}, map[string]string{"anna@example.org": password, "bert": password}, told(t, serve(t, s), testKey), lines)
	for at, talk := range map[string][]string{
		imap: {`a LOGIN anna@example.org "` + password + `"`, `b LOGIN bert "` + password + `"`},
		pop3: {"USER anna@example.org", "PASS " + password},
	} {
		c, err := textproto.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		said := []string{}
		for _, line := range append([]string{""}, talk...) {
			if line != "" {
				if err := c.PrintfLine("%s", line); err != nil {
					t.Fatal(err)
				}
			}
			reply, err := c.ReadLine()
			for err == nil && line != "" && strings.HasPrefix(reply, "* ") { // IMAP's untagged lines
				reply, err = c.ReadLine()
			}
			if err != nil {
				t.Fatal(err)
			}
			said = append(said, reply)
		}
		c.Close()
		all := strings.Join(said, "\n")
		if !strings.Contains(all, "call your postmaster") || at == imap && !strings.HasPrefix(said[2], "b OK") {
			t.Errorf("%s", all)
		}
	}
	if !strings.Contains(h.String(), "report(true) bert") {
		t.Errorf("heard: %s", h)
	}
}

func port(t *testing.T, address string) (n int) {
	t.Helper()
	if _, err := fmt.Sscanf(address, "127.0.0.1:%d", &n); err != nil {
		t.Fatal(err)
	}
	return n
}
