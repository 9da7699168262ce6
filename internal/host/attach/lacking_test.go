package attach

import (
	"strings"
	"testing"
)

// TestWhatSomebodyUndidIsSaidWithItsLine: templates write main.cf anew, and each kind of mail is told that postward is not asked about
// any more; what no mail would show, too.
func TestWhatSomebodyUndidIsSaidWithItsLine(t *testing.T) {
	sockets := map[Direction]string{Inbound: "postward/inbound.sock", Submission: "postward/submission.sock", Local: "postward/local.sock"}
	const master = "smtp inet n - y - - smtpd\nsubmission inet n - y - - smtpd\n  -o smtpd_sasl_auth_enable=yes\ncleanup unix n - y - 0 cleanup\n"
	h, err := inspect("/etc/postfix", []byte("a = b\nc = d\n"), []byte(master), testValues([]byte("a = b\n")))
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewPlan(h, testSockets)
	if err != nil {
		t.Fatal(err)
	}
	main := string(p.main)
	for _, c := range []struct{ main, want string }{
		{main, ""},
		{main + "smtpd_milters = inet:127.0.0.1:11332\n", "inbound mail: smtp (master.cf:1) has not its socket; main.cf:11 says smtpd_milters = inet:127.0.0.1:11332 | submission mail: submission (master.cf:2) has not its socket; main.cf:11"},
		{"a = b\nc = d\n", "inbound mail: smtp (master.cf:1) has not its socket; main.cf does not set smtpd_milters | submission mail | local mail: cleanup (master.cf:5) has not its socket; main.cf does not set non_smtpd_milters"},
		{main + "non_smtpd_milters =\n", "local mail: cleanup (master.cf:5) has not its socket; main.cf:11 says non_smtpd_milters = "},
		{strings.ReplaceAll(main, "postward_inbound = {", "#postward_inbound = {"), "inbound mail: smtp (master.cf:1) has not its socket; main.cf:7 says smtpd_milters = $postward_milter"},
		{strings.Replace(strings.ReplaceAll(main, "\npostward_", "\n#postward_"), "##", "#", 1), "inbound mail: smtp (master.cf:1) has not its socket; main.cf:7 says smtpd_milters = $postward_milter, and postward_milter is not set | submission mail | local mail"},
		{strings.Replace(main, "smtpd_milters = $postward_milter", "smtpd_milters = $postward_milter bl.example.net*2", 1), "\"bl.example.net*2\" among its milters, which is none: mail gets 451 at smtp | at submission"},
		{main + "smtpd_milters = $postward_milter, inet6:[::1]:1, local:/x, { unix:/y, default_action=accept }\n", ""},
	} {
		h, err := inspect("/etc/postfix", []byte(c.main), p.master, testValues([]byte(c.main)))
		if err != nil {
			t.Fatal(err)
		}
		got := h.Lacking(sockets)
		wants := strings.Split(c.want, " | ")
		if c.want == "" {
			wants = nil
		}
		if len(got) != len(wants) {
			t.Errorf("%s\nsays %q, want %q", c.main, got, wants)
			continue
		}
		for i := range wants {
			if !strings.Contains(got[i], wants[i]) {
				t.Errorf("%s\nsays %q, want %q", c.main, got[i], wants[i])
			}
		}
	}
}
