package daemon

import (
	"strings"
	"testing"

	"postward/internal/host/postfix"
)

func TestAMilterBehindPostwardIsATrouble(t *testing.T) {
	const ours, other = "{ unix:postward/submission.sock, default_action=tempfail }", "inet:localhost:8891"
	for name, c := range map[string]struct {
		milters []string
		trouble bool
	}{
		"alone":         {[]string{ours}, false},
		"last":          {[]string{other, ours}, false},
		"first":         {[]string{ours, other}, true},
		"amid":          {[]string{other, ours, "unix:spamass/spamass.sock"}, true},
		"not attached":  {[]string{other}, false},
		"none":          {nil, false},
		"a second word": {[]string{ours, ours}, true},
	} {
		text := orderTrouble([]postfix.Chain{{Service: "submission", Parameter: "smtpd_milters", Milters: c.milters}}, []string{"postward/submission.sock"})
		if (text != "") != c.trouble {
			t.Errorf("%s: %q", name, text)
		}
		if c.trouble && (!strings.Contains(text, "smtpd_milters of submission: "+c.milters[len(c.milters)-1]) || !strings.HasSuffix(text, "postward attach --apply")) {
			t.Errorf("%s: %s", name, text)
		}
	}
}

func TestASocketForEverybodyIsSaidInStatus(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	d.nameOpenSockets()
	if said := d.troubles.list(); len(said) > 0 {
		t.Errorf("of unix sockets: %q", said)
	}
	d.config.Milter.Submission = "inet:127.0.0.1:9999"
	d.nameOpenSockets()
	said := d.troubles.list()
	if len(said) != 1 || !strings.Contains(said[0], "any local user can speak as any account through inet:127.0.0.1:9999: use a unix socket") {
		t.Errorf("%q", said)
	}
	if due := d.troubles.due(1); len(due) > 0 {
		t.Error("the owner is called for what he wanted")
	}
}
