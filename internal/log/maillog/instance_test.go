package maillog

import "testing"

func TestOnlyProgramsWithoutANameOfTheirOwnSayWhichInstanceTheyAreOf(t *testing.T) {
	for tag, want := range map[string]struct {
		name string
		sure bool
	}{
		"postfix/qmgr":             {"postfix", true},
		"mx-in/pickup":             {"mx-in", true},
		"postfix-out/postsuper":    {"postfix-out", true},
		"submission/smtpd":         {"submission", false},
		"postfix/submission/smtpd": {"postfix", false},
		"slow/smtp":                {"slow", false},
		"postfix/cleanup":          {"postfix", false},
		"mail/mx1/qmgr":            {"mail", true},
		"qmgr":                     {"qmgr", false},
		"dovecot":                  {"dovecot", false},
		"":                         {"", false},
	} {
		if name, sure := (&Line{Program: []byte(tag)}).Instance(); string(name) != want.name || sure != want.sure {
			t.Errorf("%q: %q %v", tag, name, sure)
		}
	}
}
