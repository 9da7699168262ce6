package authpolicy

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestAKeyIsMadeOnceForItsOwnerAndOneGroup(t *testing.T) {
	path := filepath.Join(t.TempDir(), "postward", "authpolicy.key")
	if _, err := LoadKey(path); err == nil || !strings.Contains(err.Error(), "postward attach --dovecot --apply") {
		t.Errorf("the way out is not said: %v", err)
	}
	k, err := MakeKey(path, os.Getegid())
	if err != nil {
		t.Fatal(err)
	}
	again, err := MakeKey(path, os.Getegid())
	read, err2 := LoadKey(path)
	if err != nil || err2 != nil || again != k || read != k || !k.matches(k.digits) || !k.matches(" "+k.digits) {
		t.Errorf("another key, %v, %v", err, err2)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o640 || int(info.Sys().(*syscall.Stat_t).Gid) != os.Getegid() {
		t.Errorf("%v %v", info.Mode(), err)
	}
	other, err := MakeKey(path+"2", -1)
	if err != nil || other == k || k.matches(other.digits) || k.matches("") || (Key{}).matches("") {
		t.Errorf("two installations have one key, or none is one: %v", err)
	}
	if info, err = os.Stat(path + "2"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("without a group: %v %v", info.Mode(), err)
	}
}

func TestAKeyThatOthersKnowIsNone(t *testing.T) {
	dir := t.TempDir()
	good := strings.Repeat("0f", keySize) + "\n"
	at := func(name string) string { return filepath.Join(dir, name) }
	for name, file := range map[string]struct {
		text string
		mode os.FileMode
	}{"readable": {good, 0o644}, "writable": {good, 0o660}, "empty": {"", 0o600}, "short": {good[2:], 0o600}, "no hex": {"z" + good[1:], 0o600}, "long": {good + good, 0o600}} {
		if err := os.WriteFile(at(name), []byte(file.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(at(name), file.mode); err != nil {
			t.Fatal(err)
		}
		for _, get := range []func(string) (Key, error){LoadKey, func(p string) (Key, error) { return MakeKey(p, -1) }} {
			if k, err := get(at(name)); err == nil || k != (Key{}) || strings.Contains(err.Error(), "0f0f") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if err := os.WriteFile(at("own"), []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(at("own"), at("link")); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadKey(at("link")); err == nil {
		t.Error("a link was followed")
	}
}
