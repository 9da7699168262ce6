package daemon

import (
	"compress/gzip"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"postward/internal/guard"
)

// firstRelease lays the store of an installation of the first release into a directory: anna learned from logs, bob at
// home for a month, carl stopped with held mail, and a journal that is ahead of the rows.
func firstRelease(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Open("testdata/first-release.db.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	out, err := os.OpenFile(filepath.Join(dir, storeFile), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, z); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// The store of the first release goes on: what was known of the accounts is known, by whatever hash, and what was held is.
func TestAStoreOfTheFirstReleaseGoesOn(t *testing.T) {
	dir := firstRelease(t)
	secret := guard.Secret{}
	for start := range 2 {
		d := begin(t, dir)
		switch site := d.state.Site(); {
		case site.Secret == guard.Secret{}:
			t.Fatal("no secret was made")
		case start == 1 && site.Secret != secret:
			t.Fatal("another secret at the second start: everybody is a stranger")
		default:
			secret = site.Secret
		}
		wantAccount(t, d, "anna", "past3@far.example", "friend1@far.example", "198.51.100.7", guard.LevelAddress)
		wantAccount(t, d, "bob", "friend2@far.example", "writer3@else.example", "198.51.100.8", guard.LevelAddress)
		carl := d.state.Account("carl")
		if carl.Status != guard.Contained || carl.Waiting != 13 || d.state.OpenIncident("carl") == nil {
			t.Errorf("start %d: carl is %s with %d mails on hold", start, carl.Status, carl.Waiting)
		}
		if bob := d.state.Account("bob"); bob.Waiting != 1 || bob.Messages != 62 {
			t.Errorf("start %d: bob has %d mails on hold and sent %d", start, bob.Waiting, bob.Messages)
		}
		end(t, d)
	}
}

func wantAccount(t *testing.T, d *Daemon, name, known, also, home string, level guard.Level) {
	t.Helper()
	m := mail(1, name, 0)
	m.Recipients = []string{known, also, "stranger@nowhere.example", "x+abcdefghijkl@far.example"}
	m.Client = netip.MustParseAddr(home)
	if x := guard.Explain(d.state, m); x.Verdict.Known != 2 || x.Level != level {
		t.Errorf("%s: %d of %v known, from home a %s", name, x.Verdict.Known, m.Recipients, x.Level)
	}
}
