package keys

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestALinkLeadsRootToNoFileOfAnother: the directory of a signer's keys is the signer's, and root copies what lies there.
func TestALinkLeadsRootToNoFileOfAnother(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	const signer, other = 65534, 65533
	dir := t.TempDir()
	write := func(name string, uid int) {
		path := filepath.Join(dir, name)
		ok(t, errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte("key"), 0o600), os.Chown(path, uid, uid)))
	}
	link := func(target, name string, uid int) {
		path := filepath.Join(dir, name)
		ok(t, errors.Join(os.Symlink(target, path), os.Lchown(path, uid, uid)))
	}
	write("root/tls.key", 0)
	write("other/k", other)
	write("signer/own", signer)
	write("signer/given", 0) // root put it there
	write("signer/sub/k", signer)
	link("../root/tls.key", "signer/stolen", signer)
	link("../root", "signer/rootdir", signer)
	link(dir+"/other/k", "signer/anothers", signer)
	link("own", "signer/alias", signer)
	link(dir+"/root/tls.key", "signer/roots", 0) // it may have been moved there
	link("signer/own", "byroot", 0)
	link(dir+"/root", "rootdir", 0)
	link("signer/stolen", "chain", 0)
	link("loop", "loop", 0)
	ok(t, os.Chown(filepath.Join(dir, "signer"), signer, signer))
	for name, want := range map[string]bool{"root/tls.key": true, "signer/own": true, "signer/given": true, "signer/sub/k": true, "signer/alias": true, "byroot": true, "rootdir/tls.key": true,
		"signer/stolen": false, "signer/rootdir/tls.key": false, "signer/anothers": false, "signer/roots": false, "chain": false, "loop": false, "absent": false} {
		text, made, err := ReadForeign(filepath.Join(dir, name))
		if (err == nil) != want || want && (!bytes.Equal(text, []byte("key")) || made.IsZero()) {
			t.Errorf("%s: %q %v", name, text, err)
		}
		if name == "absent" && !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	}
}
