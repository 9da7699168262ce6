//go:build daemons

package spine_test

import (
	"context"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"postward/test/rig"
)

// TestAttachTellsDovecotWhenAskedAndDetachTakesItBack with postward as shipped. The key is for root and the daemon.
func TestAttachTellsDovecotWhenAskedAndDetachTakesItBack(t *testing.T) {
	site := rig.TestSite(t, rig.PostfixConfig{}, map[string]string{"anna": "anna"}, "!include_try conf.d/*.conf")
	conf := filepath.Join(site.Dovecot.Dir, "conf.d")
	if err := os.Mkdir(conf, 0o755); err != nil {
		t.Fatal(err)
	}
	binary, err := rig.Build()
	if err != nil {
		t.Fatal(err)
	}
	before := hashOf(t, conf)
	key := filepath.Join(site.Dovecot.Dir, "keys", "authpolicy.key")
	w, err := rig.Attach(site.Postfix, rig.PostwardConfig{Binary: binary, Settings: "[authpolicy]\nlisten = \"127.0.0.1:4002\"\nkey_file = \"" + key + "\"\n"})
	if err != nil {
		t.Fatal(err)
	}
	if after := hashOf(t, conf); after != before {
		t.Error("nobody asked for it, and Dovecot was told")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	run := func(verb string, args ...string) string {
		t.Helper()
		out, err := w.Run(ctx, append([]string{verb, "--postfix", site.Postfix.ConfigDir, "--state-dir", w.StateDir, "--no-reload", "--dovecot-conf", site.Dovecot.Config}, args...)...)
		if err != nil {
			t.Fatalf("%v %s", err, out)
		}
		return out
	}
	out := run("attach", "--apply", "--unheard", "--dovecot")
	digits := strings.TrimSpace(rig.ReadFile(t, key))
	if !strings.Contains(out, "doveadm reload") || strings.Contains(out, digits) {
		t.Errorf("attach said:\n%s", out)
	}
	if said, err := site.Dovecot.Doveadm(ctx, "reload"); err != nil {
		t.Errorf("Dovecot reads it again: %v %s", err, said)
	}
	settings := rig.ReadFile(t, filepath.Join(site.Dovecot.Dir, "postward.conf.ext"))
	if !strings.Contains(settings, "X-Postward-Key: "+digits+"\n") || !strings.Contains(settings, "http://127.0.0.1:4002/") {
		t.Errorf("Dovecot was told\n%s", settings)
	}
	info, err := os.Stat(key)
	if err != nil {
		t.Fatal(err)
	}
	daemon, err := user.Lookup("postward")
	if err != nil {
		t.Fatal(err)
	}
	if st := info.Sys().(*syscall.Stat_t); info.Mode().Perm() != 0o640 || st.Uid != 0 || strconv.Itoa(int(st.Gid)) != daemon.Gid {
		t.Errorf("the key is of %d:%d, mode %o", st.Uid, st.Gid, info.Mode().Perm())
	}
	if out := run("attach", "--apply", "--unheard", "--dovecot"); !strings.Contains(out, "told the same already") {
		t.Errorf("a second time: %s", out)
	}
	if out := run("detach"); !strings.Contains(out, "99-postward.conf: taken away") {
		t.Errorf("detach said:\n%s", out)
	}
	if _, err := os.Stat(filepath.Join(site.Dovecot.Dir, "postward.conf.ext")); hashOf(t, conf) != before || err == nil {
		t.Error("something of it stays in Dovecot's configuration")
	}
}
