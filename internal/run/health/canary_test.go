package health

import (
	"testing"

	"postward/internal/guard"
	"postward/internal/host/postfix"
)

func TestTheServiceThatAsksIsFound(t *testing.T) {
	services := []postfix.Service{
		{Name: "smtpd", Milters: "unix:postward/inbound.sock, inet:localhost:8891"},
		{Name: "submissions", Milters: "{ unix:postward/submission.sock, default_action=tempfail }"},
		{Name: "submission", Address: "localhost:587", Milters: "{ unix:postward/submission.sock, default_action=tempfail }"},
		{Name: "10025", Address: "127.0.0.1:10025"},
	}
	for socket, want := range map[string]string{
		"unix:/var/spool/postfix/postward/submission.sock": "submission", // the one that greets
		"unix:/var/spool/postfix/postward/inbound.sock":    "smtpd",
		"inet:127.0.0.1:9999":                              "",
	} {
		name := ""
		if s := serving(services, socket); s != nil {
			name = s.Name
		}
		if name != want {
			t.Errorf("%s is asked by %q, want %q", socket, name, want)
		}
	}
}

func TestOnlyWhatIsQuietIsMissed(t *testing.T) {
	before := Signs{map[guard.Direction]uint64{guard.Inbound: 5, guard.Submission: 7}, 100}
	now := Signs{map[guard.Direction]uint64{guard.Inbound: 5, guard.Submission: 8}, 101}
	quiet, noLine := now.Missing(before)
	if !quiet[guard.Inbound] || quiet[guard.Submission] || noLine {
		t.Errorf("%v %v", quiet, noLine)
	}
}
