package attach

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postward/test/rig"
)

func TestOnlyADirectoryThatIsIncludedIsWrittenTo(t *testing.T) {
	base := t.TempDir()
	for _, dir := range []string{"conf.d", "later.d"} {
		if err := os.Mkdir(filepath.Join(base, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	rig.WriteFile(t, filepath.Join(base, "local.conf"), nil, 0o644)
	for text, want := range map[string]string{
		"!include conf.d/*.conf\n":                               "conf.d",
		"# all\nssl = no\n  !include_try conf.d/*.conf  \nx = y": "conf.d",
		"!include conf.d/*.conf\n!include later.d/*.conf\n":      "later.d", // what is read later counts
		"!include later.d/*.conf\n!include_try local.conf\n":     "later.d",
		"!include " + base + "/conf.d/99-*.conf\n":               "conf.d",
		"passdb {\n  args = x\n}\n!include conf.d/*.conf\n":      "conf.d",
		"":                               "",
		"#!include conf.d/*.conf\n":      "",
		"!include local.conf\n":          "",
		"!include conf.d/10-auth.conf\n": "",
		"!include conf.d/[0-8]*.conf\n":  "",
		"!include conf.d/*\n":            "", // finds what an editor left behind, too
		"!include absent.d/*.conf\n":     "",
		"!include local.conf/*.conf\n":   "",
		"remote 192.0.2.1 {\n !include conf.d/*.conf\n}\n":               "",
		"protocol imap {\n a {\n }\n !include conf.d/*.conf\n}\nx = y\n": "",
	} {
		got := included(text, base)
		if want != "" {
			want = filepath.Join(base, want)
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestWhatSomebodyEditedIsKnown(t *testing.T) {
	path := filepath.Join(t.TempDir(), dovecotPlace)
	good := string(sealed("a = b\nc = d\n"))
	for text, want := range map[string][2]bool{
		good: {true, false}, good + "e = f\n": {true, true}, strings.Replace(good, "= b", "= x", 1): {true, true}, good[:len(good)-1]: {true, true},
		"": {false, true}, "auth_policy_server_url = x\n": {false, true}, "\n" + good: {false, true},
	} {
		rig.WriteFile(t, path, []byte(text), 0o644)
		s, err := readSealed(path)
		if err != nil || s.ours != want[0] || s.ours && s.edited != want[1] {
			t.Errorf("%q: %+v %v", text, s, err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc/passwd", path); err != nil {
		t.Fatal(err)
	}
	if _, err := readSealed(path); err == nil {
		t.Error("a link was followed")
	}
}

func TestTheDovecotThatPostfixAsksIsKnown(t *testing.T) {
	const text = "service auth {\n  unix_listener /var/spool/postfix/private/auth {\n    mode = 0660\n  }\n}\n"
	for path, same := range map[string]bool{
		"private/auth": true, "/var/spool/postfix/private/auth": true, "unix:private/auth": true, "inet:127.0.0.1:12345": true, "inet:localhost:12345": true, "inet:[::1]:12345": true,
		"private/aut": false, "/run/dovecot/auth": false, "inet:192.0.2.1:12345": false, "inet:mail.example.org:12345": false, "inet:12345": false,
	} {
		if why := listensAt(text, path, "/var/spool/postfix"); (why == "") != same {
			t.Errorf("%s: %q", path, why)
		}
	}
}

func FuzzIncluded(f *testing.F) {
	f.Add("!include conf.d/*.conf\na {\n}\n")
	f.Fuzz(func(t *testing.T, text string) {
		if dir := included(text, "/nonexistent"); dir != "" && !filepath.IsAbs(dir) {
			t.Errorf("%q", dir)
		}
	})
}
