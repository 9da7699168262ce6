package health

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
