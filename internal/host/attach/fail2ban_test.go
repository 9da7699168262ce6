package attach

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// fail2banIn writes a configuration of fail2ban: name and text by turns.
func fail2banIn(t *testing.T, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		path := filepath.Join(dir, files[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(files[i+1]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// stock is the part of a package's jail.conf that matters.
const stock = `# [postfix] in a comment
[INCLUDES]
before = paths.conf
[DEFAULT]
enabled = false
mode = normal
filter = %(__name__)s[mode=%(mode)s]
[sshd]
[postfix]
mode = more
[postfix-rbl]
filter   = postfix[mode=rbl]
[postfix-sasl]
filter   = postfix[mode=auth]
[dovecot]
[sieve]
[recidive]
[nginx-http-auth]
`

func TestFail2bansJailsAreNamed(t *testing.T) {
	for name, c := range map[string]struct {
		files          []string
		needless, stay string
	}{
		"Debian's defaults":                    {[]string{"jail.conf", stock, "jail.d/defaults-debian.conf", "[sshd]\nenabled = true\n"}, "", "sshd"},
		"all of mail, and ssh":                 {[]string{"jail.conf", stock, "jail.local", "[DEFAULT]\nenabled = true\n"}, "dovecot postfix postfix-sasl", "nginx-http-auth postfix-rbl recidive sieve sshd"},
		"names of the operator's own":          {[]string{"jail.conf", stock, "jail.d/mail.local", "[imap]\nenabled = yes\nfilter = dovecot[mode=aggressive]\n[smtp]\nenabled: on ; since May\nfilter = postfix[mode=ddos]\n[web]\nenabled=1\nfilter=nginx-limit-req"}, "imap smtp", "web"},
		"one that is switched off again":       {[]string{"jail.conf", stock, "jail.d/a.conf", "[dovecot]\nenabled = true\n", "jail.local", "[postfix]\nenabled = TRUE\n", "jail.d/zz.local", "[dovecot]\nenabled = false\n"}, "postfix", ""},
		"the later file wins, local last":      {[]string{"jail.conf", stock, "jail.d/b.local", "[dovecot]\nenabled = true\n", "jail.d/c.conf", "[dovecot]\nenabled = false\n"}, "dovecot", ""},
		"a value that stands elsewhere":        {[]string{"jail.conf", stock, "paths.conf", "[DEFAULT]\nmail_on = yes\n", "jail.local", "[dovecot]\nenabled = %(mail_on)s\n[postfix]\nenabled = %(dovecot/enabled)s\n"}, "dovecot postfix", ""},
		"included, and what is local of it":    {[]string{"jail.conf", stock, "paths.local", "[dovecot]\nenabled = true\n", "jail.local", "[INCLUDES]\nafter = mine.conf\n   gone.conf\n", "mine.conf", "[postfix-sasl]\nenabled = true\n"}, "dovecot postfix-sasl", ""},
		"includes that include themselves":     {[]string{"jail.conf", "[INCLUDES]\nbefore = jail.conf\n" + stock, "jail.local", "[sshd]\nenabled = true\n"}, "", "sshd"},
		"references without an end":            {[]string{"jail.conf", stock, "jail.local", "[a]\nenabled = %(b)s%(b)s\nb = %(c)s%(c)s\nc = %(b)s%(b)s\n[dovecot]\nenabled=true\n"}, "dovecot", ""},
		"a line that goes on, and a comment":   {[]string{"jail.conf", stock, "jail.local", "[dovecot]\nlogpath = /a\n\t/b\n# x\nenabled = true\n; y\n"}, "dovecot", ""},
		"no section, no name, an open bracket": {[]string{"jail.conf", "enabled = true\n= true\n[dovecot\nenabled = true\n" + stock}, "", ""},
		"nothing":                              {nil, "", ""},
		"a mode in quotes":                     {[]string{"jail.conf", stock, "jail.local", "[a]\nenabled = true\nfilter = postfix[mode=\"rbl\"]\n[b]\nenabled = true\nfilter = postfix[logtype=short, mode='rbl']\n[c]\nenabled = true\nfilter = dovecot[mode=\"aggressive\"]\n"}, "c", "a b"},
		"a file that is hidden":                {[]string{"jail.conf", stock, "jail.d/.mail.local", "[dovecot]\nenabled = true\n"}, "", ""},
		"as it was known before":               {[]string{"jail.conf", stock, "jail.local", "[dovecot]\nenabled = true\n", "jail.d/z.local", "[dovecot]\nenabled = %(known/enabled)s\nfilter = %(known/filter)s\n"}, "dovecot", ""},
		"options that are indented":            {[]string{"jail.conf", stock, "jail.local", "[dovecot]\n  logpath = /a\n      /b\n  enabled = true\n  filter = dovecot\n"}, "dovecot", ""},
		"names with blanks and a bracket":      {[]string{"jail.conf", stock, "jail.local", "[my mail]\nenabled = true\nfilter = dovecot\n[a]b] ; c\nenabled = true\nfilter = postfix[mode=auth]\n"}, "a]b my mail", ""},
		"a filter of the operator's own":       {[]string{"jail.conf", stock, "jail.local", "[mine]\nenabled = true\nfilter = our-imap\n[web]\nenabled = true\nfilter = our-web\n", "filter.d/our-imap.conf", "[INCLUDES]\nbefore = dovecot.conf\n", "filter.d/our-web.conf", "failregex = x\n"}, "", "web"},
	} {
		dir := fail2banIn(t, c.files...)
		needless, stay := told(Fail2ban(dir))
		if strings.Join(needless, " ") != c.needless || strings.Join(stay, " ") != c.stay {
			t.Errorf("%s: needless %q, want %q; stay %q, want %q", name, needless, c.needless, stay, c.stay)
		}
	}
}

var jailsTold = regexp.MustCompile(`^fail2ban's jails (.*?) (do what postward does|are not about)`)

// told are the jails that sentences name, without what is said of each.
func told(notes []string) (needless, stay []string) {
	for _, note := range notes {
		m := jailsTold.FindStringSubmatch(note)
		if m == nil {
			continue
		}
		names := strings.Split(regexp.MustCompile(` \(.*?\)`).ReplaceAllString(m[1], ""), ", ")
		if strings.HasPrefix(m[2], "do") {
			needless = names
		} else {
			stay = names
		}
	}
	return needless, stay
}

// TestNothingOfFail2banIsTouched, whatever is said; and what the operator is told to do is a command that a shell reads as meant.
func TestNothingOfFail2banIsTouched(t *testing.T) {
	dir := fail2banIn(t, "jail.conf", stock, "jail.local", "[dovecot]\nenabled = true\n[postfix]\nenabled = true\n", "jail.d/x.conf", "")
	before, err := Digest(dir)
	if err != nil {
		t.Fatal(err)
	}
	notes := strings.Join(Fail2ban(dir), "\n")
	if after, err := Digest(dir); err != nil || after != before {
		t.Errorf("something was written: %v", err)
	}
	command := regexp.MustCompile(`printf .* > \S+`).FindString(notes)
	if out, err := exec.Command("sh", "-c", command).CombinedOutput(); command == "" || err != nil {
		t.Fatalf("%q: %v %s", notes, err, out)
	}
	if left := Fail2ban(dir); len(left) != 0 {
		t.Errorf("after %s: %q", command, left)
	}
	odd := fail2banIn(t, "jail.conf", stock, "jail.local", "[it's; rm -rf $HOME]\nenabled = true\nfilter = dovecot\n")
	if notes := strings.Join(Fail2ban(odd), "\n"); strings.Contains(notes, "printf") || !strings.Contains(notes, fail2banOff) {
		t.Errorf("a name is put into a command: %s", notes)
	}
	if err := os.Remove(filepath.Join(dir, "jail.local")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "jail.local"), 0o755); err != nil {
		t.Fatal(err)
	}
	if notes := Fail2ban(dir); len(notes) != 1 || !strings.Contains(notes[0], "cannot be read") {
		t.Errorf("%q", notes)
	}
}

// theirForms are ways to write a configuration: name and text of files by turns.
var theirForms = map[string][]string{
	"all but one":        {"jail.local", "[DEFAULT]\nbackend = polling\nenabled = yes\n[recidive]\nenabled = 0\n"},
	"of another jail":    {"jail.local", "[dovecot]\nenabled = %(postfix/enabled)s\n[postfix]\nenabled = true\n[postfix-rbl]\nenabled = on ; x\n"},
	"of DEFAULT":         {"jail.local", "[DEFAULT]\non = true\n[mail]\nenabled = %(on)s\nfilter = postfix[mode=auth]\n[sieve]\nenabled: yes\n"},
	"every place":        {"jail.d/a.conf", "[dovecot]\nenabled = true\n", "jail.local", "[dovecot]\nenabled = false\n", "jail.d/b.local", "[dovecot]\nenabled = true\n[sshd]\nenabled = false\n"},
	"hidden":             {"jail.d/.mail.local", "[dovecot]\nenabled = true\n"},
	"systemd":            {"jail.local", "[DEFAULT]\nbackend = systemd\n[dovecot]\nenabled = true\nfilter = dovecot[mode=aggressive]\n"},
	"lists, in quotes":   {"jail.local", "[a]\nenabled = true\nfilter = postfix[mode=\"rbl\"]\n[b]\nenabled = true\nfilter = postfix[logtype=short,\n  mode='rbl']\n[postfix]\nmode = rbl\nenabled = true\n"},
	"known before":       {"jail.local", "[dovecot]\nenabled = true\n", "jail.d/z.local", "[dovecot]\nenabled = %(known/enabled)s\nfilter = %(known/filter)s\n"},
	"indented":           {"jail.local", "[dovecot]\n    port = 1\n      2\n  enabled = true\n"},
	"odd names":          {"jail.local", "[my mail]\nenabled = true\nfilter = dovecot\n[a]b] ; c\nENABLED = True\nfilter = postfix[mode=auth]\n"},
	"includes, and CRLF": {"jail.local", "[INCLUDES]\r\nbefore = paths-debian.conf\r\nafter = mine.conf\r\n", "mine.conf", "[dovecot]\nenabled = true\n"},
}

// TestFail2banItselfFindsTheSameJails: fail2ban's own client, which reads the configuration and asks no server; and it reads Postfix's or
// Dovecot's lines for those that are called needless.
func TestFail2banItselfFindsTheSameJails(t *testing.T) {
	if testing.Short() {
		t.Skip("its client is slow")
	}
	client, err := exec.LookPath("fail2ban-client")
	if _, missing := os.Stat(filepath.Join(Fail2banDir, "jail.conf")); err != nil || missing != nil {
		t.Skip("fail2ban is not installed")
	}
	for name, files := range theirForms {
		dir := fail2banIn(t, files...)
		if out, err := exec.Command("cp", "-rn", Fail2banDir+"/.", dir).CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
		out, _ := exec.Command(client, "-c", dir, "-d").Output() // it complains of logs that are not there
		c, err := readJails(dir)
		if err != nil {
			t.Fatal(err)
		}
		if ours, theirs := judged(c), theirJails(string(out)); len(theirs) == 0 || !slices.Equal(ours, theirs) {
			t.Errorf("%s: fail2ban switches on %q, we read %q", name, theirs, ours)
		}
	}
}

// judged are the jails that are switched on, with a star if they are needless.
func judged(c jailConf) (jails []string) {
	for _, jail := range c.enabled() {
		if stays, _ := c.needed(jail); !stays {
			jail += "*"
		}
		jails = append(jails, jail)
	}
	return jails
}

// theirJails are the same as fail2ban's client says: whose lines a jail reads, and whether it wants a blocklist's name in them.
func theirJails(said string) (jails []string) {
	for _, m := range regexp.MustCompile(`(?m)^\['add', '(.+?)', `).FindAllStringSubmatch(said, -1) {
		of := `(?m)^\['set', '` + regexp.QuoteMeta(m[1]) + `', `
		reads := regexp.MustCompile(of + `'addjournalmatch', '_SYSTEMD_UNIT=(postfix|dovecot)`).MatchString(said)
		if reads && !regexp.MustCompile(of+`'addfailregex', .*blocked`).MatchString(said) {
			m[1] += "*"
		}
		jails = append(jails, m[1])
	}
	slices.Sort(jails)
	return jails
}

func FuzzJails(f *testing.F) {
	f.Add(stock)
	f.Add("[a]\nenabled = %(b/c)s\n d ; e\n[b]\nc: %(known/c)s %% yes\n[]\n[DEFAULT\n]=[")
	f.Fuzz(func(t *testing.T, text string) {
		c := parseJails(text)
		for _, jail := range c.enabled() {
			c.needed(jail)
			if value := c.get(jail, "filter"); len(value) > longestValue*longestValue {
				t.Errorf("a filter of %d octets", len(value))
			}
		}
	})
}
