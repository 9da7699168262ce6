//go:build daemons

package authpolicy

import (
	"fmt"
	"testing"
	"time"

	"postward/test/rig"
)

// TestAttackTheNameIsDovecots: what Dovecot makes of a name before it looks for the account is what it asks us about; else a lock is
// passed by another name.
func TestAttackTheNameIsDovecots(t *testing.T) {
	for _, format := range []string{"%Ln", "%Lu", "%u"} {
		s, h := recorder(nil)
		site := rig.TestSite(t, rig.PostfixConfig{}, map[string]string{"anna@example.org": password, "bert": password}, told(t, serve(t, s), testKey)+"auth_username_format = "+format+"\n")
		for n, name := range []string{"bert", "BERT", "bert@evil.example", "anna@example.org", "ANNA@EXAMPLE.ORG", "anna"} {
			taken, _ := site.Dovecot.Login(t.Context(), "imap", client, fmt.Sprint("s", n), name, password)
			time.Sleep(200 * time.Millisecond)
			t.Logf("%s: %q taken %t; heard %s", format, name, taken, h)
			h.mu.Lock()
			h.list = nil
			h.mu.Unlock()
		}
	}
}
