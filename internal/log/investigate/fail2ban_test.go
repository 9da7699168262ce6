package investigate

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fail2banLogs are the lines by which fail2ban tests its filters, where its package is installed.
const fail2banLogs = "/usr/lib/python3/dist-packages/fail2ban/tests/files/logs"

// Of what fail2ban's filters find we do not count, by a part of the line, and why.
var notCounted = map[string]string{
	"plaintext auth)":                  "a mail program that is set up without TLS: no password was looked at",
	"(no auth attempts":                "no login was tried",
	"disconnected before auth was":     "no login was tried",
	"client didn't finish SASL auth":   "the client gave up within a login: nothing was refused",
	"Invalid authentication mechanism": "nothing was checked: it asked for what is not offered",
	": 2 Time(s)":                      "a line of a summary, which no Dovecot writes",
}

// TestFail2bansOwnLinesAreHeard: each line that fail2ban's filters for Dovecot and for logins at Postfix find is a failed login of the
// same address, and no other is.
func TestFail2bansOwnLinesAreHeard(t *testing.T) {
	met, seen := map[string]bool{}, 0
	for _, name := range []string{"dovecot", "postfix", "sieve", "cyrus-imap", "pam-generic"} {
		path := filepath.Join(fail2banLogs, name)
		if _, err := os.Stat(path); err != nil {
			t.Skip("fail2ban's tests are not installed")
		}
		host := ""
		for _, line := range linesOf(t, path) {
			if _, said, is := strings.Cut(line, "failJSON:"); is {
				host = findOf(t, said)
				continue
			}
			if line == "" || line[0] == '#' {
				continue
			}
			want := host
			login := strings.Contains(line, ": SASL ") || strings.Contains(line, " auth=0/")
			if name == "postfix" && !login || name != "postfix" && name != "dovecot" {
				want = "" // mail that was refused, or other servers
			}
			for part := range notCounted {
				if want != "" && strings.Contains(line, part) {
					want, met[part] = "", true
				}
			}
			if o := heard([]string{line}); len(o.failed) > 1 || want != "" && o.failed[want] == 0 || want == "" && len(o.failed) > 0 {
				t.Errorf("%s: fail2ban finds %q, we %v: %s", name, want, o.failed, line)
			}
			seen++
		}
	}
	if seen < 80 || len(met) != len(notCounted) {
		t.Errorf("%d lines, %d of %d differences: %v", seen, len(met), len(notCounted), met)
	}
}

// findOf is the address that a filter is to find; empty: none.
func findOf(t *testing.T, said string) string {
	t.Helper()
	var find struct {
		Match bool
		Host  string
	}
	if err := json.Unmarshal([]byte(said), &find); err != nil {
		t.Fatal(err)
	}
	if !find.Match {
		return ""
	}
	return find.Host
}
