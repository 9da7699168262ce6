package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestKeysAreReadAndNeverShown(t *testing.T) {
	const secret = "s3cr3ts3cr3ts3cr3t"
	t.Setenv("POSTWARD_KEY_ABUSIX", "from-the-environment")
	for _, c := range []struct {
		name, text string
		mode       os.FileMode
		want, err  string
	}{
		{"a key", "# of ours\n\nPOSTWARD_KEY_SPAMHAUS=" + secret + "\nPOSTWARD_KEY_ABUSIX=other\n", 0o640, secret, ""},
		{"quoted", " POSTWARD_KEY_SPAMHAUS = \"" + secret + "\" ", 0o600, secret, ""},
		{"open to everybody", "POSTWARD_KEY_SPAMHAUS=" + secret, 0o644, "", "chmod 640"},
		{"no name", "\n" + secret + "\n", 0o600, "", "line 2"},
		{"another name", "KEY=" + secret, 0o600, "", "line 1"},
		{"too much", strings.Repeat("#", maxKeys+1), 0o600, "", "larger"},
	} {
		path := filepath.Join(t.TempDir(), "keys")
		if err := os.WriteFile(path, []byte(c.text), c.mode); err != nil {
			t.Fatal(err)
		}
		getenv, err := Secrets(path)
		if (err == nil) != (c.err == "") || err != nil && (!strings.Contains(err.Error(), c.err) || strings.Contains(err.Error(), secret)) {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := getenv("POSTWARD_KEY_SPAMHAUS"); got != c.want || getenv("POSTWARD_KEY_ABUSIX") != "from-the-environment" {
			t.Errorf("%s: %q", c.name, got)
		}
	}
	if getenv, err := Secrets(filepath.Join(t.TempDir(), "none")); err != nil || getenv("POSTWARD_KEY_SPAMHAUS") != "" {
		t.Error(err)
	}
}

func FuzzKeys(f *testing.F) {
	f.Add("POSTWARD_KEY_SPAMHAUS=x\n# c\n")
	f.Fuzz(func(t *testing.T, text string) {
		values, err := parseKeys(text, "keys")
		if err == nil && len(values) > strings.Count(text, "=") {
			t.Errorf("%d values of %q", len(values), text)
		}
	})
}
