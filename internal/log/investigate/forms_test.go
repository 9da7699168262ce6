package investigate

import (
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postward/internal/log/maillog"
)

// dressed is a line as other daemons would have written it: its time, the host, the tag with its process ID, and its words.
var dressed = map[string]func(at time.Time, tag, pid, words string) string{
	"BSD": func(at time.Time, tag, pid, words string) string {
		return at.Format(time.Stamp) + " mx " + tag + bracketed(pid) + ": " + words
	},
	"ISO": func(at time.Time, tag, pid, words string) string {
		return at.Format("2006-01-02T15:04:05.000000+00:00") + " mx " + tag + bracketed(pid) + ": " + words
	},
	"journalctl's short-iso": func(at time.Time, tag, pid, words string) string {
		return at.Format("2006-01-02T15:04:05+0000") + " mx " + tag + bracketed(pid) + ": " + words
	},
	"docker compose": func(at time.Time, tag, pid, words string) string {
		return "mailserver-1  | " + at.Format("2006-01-02T15:04:05.000000+00:00") + " mx " + tag + bracketed(pid) + ": " + words
	},
	"docker compose --timestamps": func(at time.Time, tag, pid, words string) string {
		return "dovecot-1  | " + at.Format("2006-01-02T15:04:05.000000000Z ") + at.Format(time.Stamp) + " mx " + tag + bracketed(pid) + ": " + words
	},
	"Kubernetes": func(at time.Time, tag, pid, words string) string {
		return at.Format("2006-01-02T15:04:05.000000000Z") + " stdout F " + at.Format(time.Stamp) + " mx " + tag + bracketed(pid) + ": " + words
	},
	"RFC 5424": func(at time.Time, tag, pid, words string) string {
		if pid == "" {
			pid = "-"
		}
		return "<22>1 " + at.Format("2006-01-02T15:04:05.000Z") + " mx " + tag + " " + pid + " - - " + words
	},
	"BusyBox": func(at time.Time, tag, pid, words string) string {
		return at.Format(time.Stamp) + " mx mail.info " + tag + bracketed(pid) + ": " + words
	},
	"syslogd -S": func(at time.Time, tag, pid, words string) string {
		return at.Format(time.Stamp) + " " + tag + bracketed(pid) + ": " + words
	},
	"multilog": func(at time.Time, tag, pid, words string) string {
		return fmt.Sprintf("@%016x00000000 %s%s: %s", uint64(1<<62+10+at.Unix()), tag, bracketed(pid), words)
	},
}

func bracketed(pid string) string {
	if pid == "" {
		return ""
	}
	return "[" + pid + "]"
}

// sessions are logins of which two or three lines tell, by the words of the programs; {N} is another client each time.
var sessions = []struct {
	lines []string // "seconds tag pid words"
	want  int      // failed logins
}{
	{[]string{"0 postfix/smtpd 9 connect from unknown[203.0.113.{N}]", "1 dovecot - auth: passwd-file(anna,203.0.113.{N}): Password mismatch",
		"3 postfix/smtpd 9 warning: unknown[203.0.113.{N}]: SASL LOGIN authentication failed: no, sasl_username=anna", "4 postfix/smtpd 9 disconnect from unknown[203.0.113.{N}] ehlo=1 auth=0/1 quit=1 commands=2/3"}, 1},
	{[]string{"0 postfix/smtpd 9 connect from unknown[203.0.113.{N}]", "4 postfix/smtpd 9 disconnect from unknown[203.0.113.{N}] ehlo=1 auth=0/3 quit=1 commands=2/5"}, 1},
	{[]string{"0 dovecot - auth: passwd-file(anna,203.0.113.{N},<s{N}>): unknown user", "2 dovecot - auth: passwd-file(anna,203.0.113.{N},<s{N}>): unknown user",
		"170 dovecot - imap-login: Disconnected: Inactivity (auth failed, 2 attempts in 170 secs): user=<anna>, method=PLAIN, rip=203.0.113.{N}, lip=192.0.2.1, TLS, session=<s{N}>"}, 2},
	{[]string{"0 auth - pam_unix(dovecot:auth): authentication failure; logname= uid=0 euid=0 tty=dovecot ruser=anna rhost=203.0.113.{N}",
		"2 dovecot - auth-worker(7): pam(anna,203.0.113.{N},<s{N}>): pam_authenticate() failed: Authentication failure (Password mismatch?)",
		"4 dovecot - pop3-login: Aborted login (auth failed, 1 attempts in 4 secs): user=<anna>, method=PLAIN, rip=203.0.113.{N}, lip=192.0.2.1, session=<s{N}>"}, 1},
	{[]string{"0 dovecot - auth(anna,203.0.113.{N},sasl:plain)<s{N}>: passwd-file: Password mismatch",
		"3 dovecot - managesieve-login: Login aborted: Connection closed (auth failed, 1 attempts in 3 secs) (auth_failed): user=<anna>, method=PLAIN, rip=203.0.113.{N}, lip=192.0.2.1, session=<s{N}>"}, 1},
	{[]string{"0 postfix/smtpd 9 warning: unknown[203.0.113.{N}]: SASL PLAIN authentication failed: no, sasl_username=anna", "0 dovecot - auth: ldap(anna,203.0.113.{N}): invalid credentials"}, 1},
	{[]string{"0 postfix/smtpd 9 message repeated 4 times: [ warning: unknown[203.0.113.{N}]: SASL LOGIN authentication failed: UGFzc3dvcmQ6]"}, 4},
}

// TestALoginIsOneInWhateverForm: what several lines tell of one login is joined, whatever daemon wrote the lines down.
func TestALoginIsOneInWhateverForm(t *testing.T) {
	for form, dress := range dressed {
		for n, s := range sessions {
			var lines []string
			for _, line := range s.lines {
				f := strings.SplitN(strings.ReplaceAll(line, "{N}", fmt.Sprint(n)), " ", 4)
				after, _ := time.ParseDuration(f[0] + "s")
				lines = append(lines, dress(monday.Add(after), f[1], strings.Trim(f[2], "-"), f[3]))
			}
			if o, client := heard(lines), fmt.Sprintf("203.0.113.%d", n); o.failed[client] != s.want || len(o.failed) != 1 {
				t.Errorf("%s: %v, want %d of %s:\n%s", form, o.failed, s.want, client, strings.Join(lines, "\n"))
			}
		}
	}
}

// TestTheFormOfALogChangesNoVerdict: the logs of others about logins, written anew in other forms, are told alike.
func TestTheFormOfALogChangesNoVerdict(t *testing.T) {
	paths, _ := filepath.Glob(filepath.Join(othersData(t, "logs-crowdsec-hub"), "tests", "dovecot-*", "*.log"))
	incidents, _ := filepath.Glob(filepath.Join(othersData(t, "logs-incident-excerpts"), "*.log"))
	for _, path := range append(paths, incidents...) {
		lines := linesOf(t, path)
		plain := heard(lines)
		for form, dress := range dressed {
			o := heard(redressed(lines, dress))
			if !maps.Equal(o.failed, plain.failed) || !maps.Equal(o.banned, plain.banned) {
				t.Errorf("%s in the form of %s: %v %v, as it was %v %v", path, form, o.failed, o.banned, plain.failed, plain.banned)
			}
		}
	}
}

func redressed(lines []string, dress func(time.Time, string, string, string) string) (all []string) {
	var l maillog.Line
	var last time.Time
	for _, text := range lines {
		if !maillog.Parse([]byte(text), &l) {
			continue
		}
		last = l.Stamp.Next(last, monday)
		pid := ""
		if l.PID > 0 {
			pid = fmt.Sprint(l.PID)
		}
		all = append(all, dress(last.UTC(), string(l.Program), pid, string(l.Text)))
	}
	return all
}
