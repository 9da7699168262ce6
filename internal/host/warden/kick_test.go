package warden

import (
	"context"
	"strings"
	"testing"

	"postward/internal/host/doveadm"
)

// TestAHijackedChildKicksOneAccountAtMost: a pattern, or an address, would be the sessions of everybody.
func TestAHijackedChildKicksOneAccountAtMost(t *testing.T) {
	for _, name := range []string{"", "*", "anna*", "?", "-f", "--", "0.0.0.0/0", "203.0.113.9", "::/0", "an na", "a\x00", "a\nb", strings.Repeat("a", 400)} {
		q := request{Act: actKick, Account: name}
		if q.check() == nil {
			t.Errorf("%q reaches doveadm", name)
		}
	}
	if err := (&request{Act: actKick, Account: "anna@example.org"}).check(); err != nil {
		t.Error(err)
	}
}

func TestAKickThatFailsIsSaid(t *testing.T) {
	c := Direct(&Acts{Dovecot: doveadm.Instance{Config: "/nonexistent/dovecot.conf"}})
	if kicked, err := c.Kick(context.Background(), "anna"); kicked || err == nil || !strings.Contains(err.Error(), "end the sessions of anna") {
		t.Errorf("%t %v", kicked, err)
	}
}
