package unread

import (
	"fmt"
	"strings"
	"testing"

	"postward/internal/log/maillog"
)

func note(u *Lines, line string) bool {
	var l maillog.Line
	maillog.Parse([]byte(line), &l)
	return u.Note([]byte(line), &l)
}

func TestLinesOfMailProgramsAreCountedByForm(t *testing.T) {
	var u Lines
	for n := range 7 {
		note(&u, fmt.Sprintf("03/05/26 10:0%d host%d postfix/smtpd[%d]: connect from a[192.0.2.1]", n, n, n))
	}
	note(&u, `{"process":"postfix/qmgr","message":"4A1B2C3D: removed"}`)
	if note(&u, "no line of a log") || note(&u, "May  3 10:00:00 mx postfix/qmgr[1]: 4A1B2C3D: removed") {
		t.Error("a line that is none of them counts")
	}
	forms := u.Forms()
	if u.Total() != 8 || len(forms) != 2 || forms[0].Lines != 7 || forms[0].Header != "03/05/26 10:00 host0 postfix/smtpd" || forms[1].Lines != 1 {
		t.Errorf("%d: %+v", u.Total(), forms)
	}
}

func TestFormsAreBoundedAndHoldNoPassword(t *testing.T) {
	var u Lines
	for n := range 3 * maxForms {
		note(&u, strings.Repeat("|", n)+"x dovecot: auth(anna,192.0.2.1): passwd-file: Password mismatch (given password: secret)")
	}
	if len(u.Forms()) != maxForms || u.Total() != 3*maxForms {
		t.Errorf("%d forms of %d lines", len(u.Forms()), u.Total())
	}
	if said := fmt.Sprint(u.Forms()); strings.Contains(said, "secret") || strings.Contains(said, "anna") {
		t.Error(said)
	}
}
