package guess

import (
	"net/netip"
	"testing"
	"time"
)

// Who fails again and again waits; who is known here, or comes back after an hour, does not.
func TestOnlyAStrangerWhoFailedLatelyWaits(t *testing.T) {
	s := begin(t)
	wait := func(client, account string) time.Duration {
		return s.Delay(Login{Account: account, Client: netip.MustParseAddr(client), At: s.now})
	}
	s.logsIn("198.51.100.9", "bert")
	for n, want := range []time.Duration{0, 0, 0, time.Second, 2 * time.Second} {
		if got := wait("203.0.113.9", "anna"); got != want {
			t.Errorf("after %d failures: %s", n, got)
		}
		s.fails("203.0.113.9", "anna", 1, time.Minute)
		s.fails("198.51.100.9", "anna", 1, time.Second) // where bert lives
	}
	s.fails("203.0.113.9", "emil", 2, time.Minute)
	if got := wait("203.0.113.9", "anna"); got != maxDelay {
		t.Errorf("the longest wait: %s", got)
	}
	if got := wait("198.51.100.9", "anna"); got != 0 {
		t.Errorf("beside bert: %s", got)
	}
	s.now = s.now.Add(time.Hour)
	if got := wait("203.0.113.9", "anna"); got != 0 {
		t.Errorf("an hour later: %s", got)
	}
}
