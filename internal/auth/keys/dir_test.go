package keys

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"postward/internal/domain/dkimkey"
)

func directory(t *testing.T) Dir {
	t.Helper()
	return Dir{filepath.Join(t.TempDir(), "keys")}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// all lets every server show every key, for a day.
func all(t *testing.T, d Dir, now time.Time) Ring {
	t.Helper()
	var r Ring
	ok(t, d.Change(func(was Ring) (Ring, error) {
		for _, now := range []time.Time{now, now.Add(24 * time.Hour), now.Add(24*time.Hour + soon)} {
			seen := Seen{}
			for _, k := range was.Keys() {
				seen[k.Name()] = sight(Right)
			}
			was = was.LookedAt(at(now, seen))
			was = was.Take(was.Next(now, seen)...)
		}
		r = was
		return was, nil
	}))
	return r
}

func TestAPairIsMadeAndSignsWhatItsRecordsVerify(t *testing.T) {
	d := directory(t)
	made, err := d.Create("example.org", noon)
	ok(t, err)
	if len(made) != 2 || made[0].Selector != "pw20261130r" || made[1].Selector != "pw20261130e" {
		t.Fatalf("%+v", made)
	}
	set, err := d.Open()
	ok(t, err)
	if got := set.Choose("example.org"); len(got) != 0 {
		t.Errorf("it signs before it was seen: %+v", got)
	}
	all(t, d, noon)
	set, err = d.Open()
	ok(t, err)
	chosen := set.Choose("www.example.org")
	if len(chosen) != 2 || len(set.Problems) != 0 {
		t.Fatalf("%+v %+v", chosen, set.Problems)
	}
	for _, c := range chosen {
		verifies(t, c)
	}
}

// verifies signs as RFC 6376 and RFC 8463 have it, and verifies by the record alone.
func verifies(t *testing.T, c Signing) {
	t.Helper()
	record := dkimkey.Parse(c.Record())
	if len(record.Remarks) > 0 || record.Type != string(c.Algorithm) || record.Bits != c.Bits {
		t.Fatalf("%+v", record)
	}
	p, err := base64.StdEncoding.DecodeString(record.Published())
	ok(t, err)
	sum, valid := sha256.Sum256([]byte("mail")), false
	if c.Algorithm == Ed25519 {
		signed, err := c.Private.Sign(nil, sum[:], crypto.Hash(0))
		ok(t, err)
		valid = ed25519.Verify(p, sum[:], signed)
	} else {
		signed, err := c.Private.Sign(nil, sum[:], crypto.SHA256)
		ok(t, err)
		parsed, err := x509.ParsePKIXPublicKey(p)
		ok(t, err)
		valid = rsa.VerifyPKCS1v15(parsed.(*rsa.PublicKey), crypto.SHA256, sum[:], signed) == nil
	}
	if !valid {
		t.Errorf("%s: the record does not verify what the key signed", c.Name())
	}
}

func TestWhatIsKeptIsForItsOwnersEyesOnly(t *testing.T) {
	d := directory(t)
	_, err := d.Create("example.org", noon)
	ok(t, err)
	files := 0
	ok(t, filepath.WalkDir(d.Path, func(path string, e fs.DirEntry, err error) error {
		ok(t, err)
		info, err := e.Info()
		ok(t, err)
		want := fs.FileMode(0o600)
		if e.IsDir() {
			want = 0o700
		} else {
			files++
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %o", path, info.Mode().Perm())
		}
		return nil
	}))
	if files != 4 { // two keys, the state, the lock
		t.Errorf("%d files", files)
	}
	text, err := os.ReadFile(filepath.Join(d.Path, "example.org", "pw20261130r-rsa.pem"))
	ok(t, err)
	if block, rest := pem.Decode(text); block == nil || block.Type != "PRIVATE KEY" || len(rest) > 0 {
		t.Error("it is no PEM of PKCS #8")
	}
	state, err := os.ReadFile(filepath.Join(d.Path, "state.json"))
	ok(t, err)
	if strings.Contains(string(state), "PRIVATE") {
		t.Error("the state holds a private key")
	}
}

func TestAKeyThatOthersMayUseIsToldAndStillSigns(t *testing.T) {
	for path, mode := range map[string]fs.FileMode{"example.org/pw20261130r-rsa.pem": 0o640, "example.org": 0o770, ".": 0o702} {
		d := directory(t)
		_, err := d.Create("example.org", noon)
		ok(t, err)
		all(t, d, noon)
		ok(t, os.Chmod(filepath.Join(d.Path, path), mode))
		set, err := d.Open()
		ok(t, err)
		if len(set.Problems) == 0 || !strings.Contains(set.Problems[0].Err.Error(), "chmod") || len(set.Choose("example.org")) != 2 {
			t.Errorf("%s: %+v", path, set.Problems)
		}
	}
}

func TestAKeyOfAnotherUserIsTold(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	d := directory(t)
	_, err := d.Create("example.org", noon)
	ok(t, err)
	all(t, d, noon)
	ok(t, os.Chown(filepath.Join(d.Path, "example.org", "pw20261130r-rsa.pem"), 65534, -1))
	set, err := d.Open()
	ok(t, err)
	if len(set.Problems) != 1 || !strings.Contains(set.Problems[0].Err.Error(), "chown") {
		t.Errorf("%+v", set.Problems)
	}
}

func TestAKeyThatCannotBeReadStopsNothingElse(t *testing.T) {
	for name, spoil := range map[string]func(path string) error{
		"gone":    os.Remove,
		"spoiled": func(path string) error { return os.WriteFile(path, []byte("-----BEGIN nothing"), 0o600) },
		"another": func(path string) error {
			private, err := generate(RSA)
			if err != nil {
				return err
			}
			text, err := encode(private)
			return errors.Join(err, os.WriteFile(path, text, 0o600))
		},
		"a link":      func(path string) error { return errors.Join(os.Rename(path, path+".x"), os.Symlink(path+".x", path)) },
		"a directory": func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
		"too large":   func(path string) error { return os.Truncate(path, 1<<20) },
	} {
		d := directory(t)
		_, err := d.Create("example.org", noon)
		ok(t, err)
		_, err = d.Create("example.com", noon)
		ok(t, err)
		all(t, d, noon)
		ok(t, spoil(filepath.Join(d.Path, "example.org", "pw20261130r-rsa.pem")))
		set, err := d.Open()
		ok(t, err)
		if len(set.Problems) != 1 || set.Problems[0].Name != "pw20261130r._domainkey.example.org" || !strings.Contains(set.Problems[0].Err.Error(), ": ") {
			t.Errorf("%s: %+v", name, set.Problems)
		}
		if a, b := set.Choose("example.org"), set.Choose("example.com"); len(a) != 1 || a[0].Algorithm != Ed25519 || len(b) != 2 {
			t.Errorf("%s: %d %d", name, len(a), len(b))
		}
		if _, err := d.Rotate("example.com", noon); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestACrashLosesNoKeyAndLetsNoneSignUnseen: the state is what it was before the key was written, or lost, or damaged.
func TestACrashLosesNoKeyAndLetsNoneSignUnseen(t *testing.T) {
	for name, crash := range map[string]func(t *testing.T, d Dir, before []byte){
		"before the state": func(t *testing.T, d Dir, before []byte) {
			ok(t, os.WriteFile(filepath.Join(d.Path, "state.json"), before, 0o600))
		},
		"the state is lost": func(t *testing.T, d Dir, _ []byte) { ok(t, os.Remove(filepath.Join(d.Path, "state.json"))) },
		"the state is cut": func(t *testing.T, d Dir, before []byte) {
			ok(t, os.WriteFile(filepath.Join(d.Path, "state.json"), before[:len(before)/2], 0o600))
		},
		"the state is empty": func(t *testing.T, d Dir, _ []byte) { ok(t, os.Truncate(filepath.Join(d.Path, "state.json"), 0)) },
		"the state lies": func(t *testing.T, d Dir, before []byte) {
			ok(t, os.WriteFile(filepath.Join(d.Path, "state.json"), []byte(strings.ReplaceAll(string(before), `"pw20261130r"`, `"../../evil"`)), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := directory(t)
			_, err := d.Create("example.org", noon)
			ok(t, err)
			all(t, d, noon)
			before, err := os.ReadFile(filepath.Join(d.Path, "state.json"))
			ok(t, err)
			_, err = d.Rotate("example.org", noon.Add(48*time.Hour))
			ok(t, err)
			crash(t, d, before)
			set, err := d.Open()
			ok(t, err)
			if n := len(set.Ring.Keys()); n != 4 {
				t.Errorf("%d keys", n)
			}
			for _, c := range set.Choose("example.org") {
				if !strings.HasPrefix(c.Selector, "pw20261130") {
					t.Errorf("%s signs, and nobody saw it", c.Name())
				}
			}
			ok(t, d.Change(func(r Ring) (Ring, error) { return r, nil }))
			again, problems, err := d.Load()
			ok(t, err)
			if len(again.Keys()) != 4 || len(problems) != 0 {
				t.Errorf("%d keys, %v", len(again.Keys()), problems)
			}
		})
	}
}

// TestAKeyThatRetiredNeverSignsAgain: it may have leaked, and be the newest; the state may be lost, or an old one put back.
func TestAKeyThatRetiredNeverSignsAgain(t *testing.T) {
	d := directory(t)
	made, err := d.Create("example.org", noon)
	ok(t, err)
	path := filepath.Join(d.Path, "state.json")
	all(t, d, noon)
	before, err := os.ReadFile(path)
	ok(t, err)
	ok(t, d.Change(func(r Ring) (Ring, error) {
		k, _ := r.Find(made[0].Name())
		s, _ := k.Retire(noon.Add(48 * time.Hour))
		return r.Take(s), nil
	}))
	for name, spoil := range map[string]func() error{"lost": func() error { return os.Remove(path) }, "cut": func() error { return os.Truncate(path, 9) },
		"an old one": func() error { return os.WriteFile(path, before, 0o600) }} {
		ok(t, spoil())
		for _, k := range all(t, d, noon.Add(72*time.Hour)).Keys() {
			if want := map[Algorithm]State{RSA: Retiring, Ed25519: Active}[k.Algorithm]; k.State != want || k.State == Retiring && !k.Since.Equal(noon.Add(48*time.Hour)) {
				t.Errorf("%s: %s is %s since %s", name, k.Name(), k.State, k.Since)
			}
		}
		set, err := d.Open()
		ok(t, err)
		if chosen := set.Choose("example.org"); len(chosen) != 1 || chosen[0].Algorithm != Ed25519 {
			t.Errorf("%s: %d keys sign", name, len(chosen))
		}
	}
	all(t, d, noon.Add(50*24*time.Hour))
	all(t, d, noon.Add(51*24*time.Hour))
	if left, err := filepath.Glob(filepath.Join(d.Path, "example.org", "*-rsa*")); err != nil || len(left) > 0 {
		t.Errorf("it is removed, and there is %v", left)
	}
}

// TestAHalfWrittenFileIsNoKeyAndGoes: there may be a private key in it.
func TestAHalfWrittenFileIsNoKeyAndGoes(t *testing.T) {
	d := directory(t)
	_, err := d.Create("example.org", noon)
	ok(t, err)
	ok(t, os.WriteFile(filepath.Join(d.Path, "example.org", ".new-123"), []byte("-----BEGIN PRIV"), 0o600))
	ok(t, os.WriteFile(filepath.Join(d.Path, "example.org", "note.txt"), nil, 0o600))
	ring, problems, err := d.Load()
	if err != nil || len(problems) > 0 || len(ring.Keys()) != 2 {
		t.Error(ring, problems, err)
	}
	half := filepath.Join(d.Path, ".new-4")
	ok(t, os.WriteFile(half, nil, 0o600))
	ok(t, d.Change(func(r Ring) (Ring, error) { return r, nil }))
	for path, left := range map[string]bool{half: false, filepath.Join(d.Path, "example.org", ".new-123"): false, filepath.Join(d.Path, "example.org", "note.txt"): true} {
		if _, err := os.Lstat(path); (err == nil) != left {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestARemovedKeysFileGoesEvenAfterACrash(t *testing.T) {
	d := directory(t)
	made, err := d.Create("example.org", noon)
	ok(t, err)
	path := filepath.Join(d.Path, fileOf(&made[0]))
	kept, err := os.ReadFile(path)
	ok(t, err)
	ok(t, d.Change(func(r Ring) (Ring, error) {
		s, _ := made[0].Retire(noon)
		return r.Take(s), nil
	}))
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	ok(t, os.WriteFile(path, kept, 0o600)) // as if the machine had died before the file was deleted
	ok(t, d.Change(func(r Ring) (Ring, error) {
		return r.Take(r.Next(noon, Seen{made[0].Name(): sight(Absent)})...), nil
	}))
	ring, _, err := d.Load()
	ok(t, err)
	if got := states(ring); got != "pw20261130e=made" {
		t.Error(got)
	}
}

func TestWhatIsOnItsWayIsNotMadeAgain(t *testing.T) {
	d := directory(t)
	_, err := d.Create("example.org", noon)
	ok(t, err)
	for range 2 {
		if _, err := d.Create("example.org", noon); !errors.Is(err, ErrNothingToMake) {
			t.Error(err)
		}
		if _, err := d.Rotate("example.org", noon); !errors.Is(err, ErrNothingToMake) {
			t.Error(err)
		}
	}
	all(t, d, noon)
	made, err := d.Rotate("example.org", noon)
	ok(t, err)
	if len(made) != 2 || made[0].Selector != "pw20261130r2" {
		t.Errorf("%+v", made)
	}
}

// TestAKeyThatAWrongClockDatedIsReplacedAllTheSame: it was made, here or elsewhere, while the clock was a year ahead.
func TestAKeyThatAWrongClockDatedIsReplacedAllTheSame(t *testing.T) {
	d, ahead := directory(t), noon.Add(365*24*time.Hour)
	_, err := d.Create("example.org", ahead)
	ok(t, err)
	all(t, d, noon)
	made, err := d.Rotate("example.org", noon.Add(daily))
	ok(t, err)
	all(t, d, noon.Add(2*daily))
	set, err := d.Open()
	ok(t, err)
	for i, k := range set.Choose("example.org") {
		if k.Selector != made[i].Selector {
			t.Errorf("%s still signs", k.Selector)
		}
	}
	private, err := generate(RSA)
	ok(t, err)
	seen := sight(Right)
	_, _, err = d.Adopt(Key{Domain: "example.com", Selector: "mail", From: "opendkim", Made: ahead}, private, noon, &seen)
	ok(t, err)
	ring, _, err := d.Load()
	ok(t, err)
	if k, _ := ring.Find("mail._domainkey.example.com"); k.State != Active || !k.Made.Equal(noon) {
		t.Errorf("%+v", k)
	}
}

func TestManyTakeTurns(t *testing.T) {
	d := directory(t)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			k := key("example.org", "s"+string(rune('a'+i)), Ed25519, Made, noon)
			if err := d.Change(func(r Ring) (Ring, error) { return r.With(k), nil }); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	ring, _, err := d.Load()
	if err != nil || len(ring.Keys()) != 8 {
		t.Error(len(ring.Keys()), err)
	}
}

func TestAStateOfANewerPostwardIsNotTouched(t *testing.T) {
	d := directory(t)
	ok(t, os.MkdirAll(d.Path, 0o700))
	ok(t, os.WriteFile(filepath.Join(d.Path, "state.json"), []byte(`{"version": 2, "keys": []}`), 0o600))
	if _, err := d.Create("example.org", noon); err == nil || !strings.Contains(err.Error(), "newer postward") {
		t.Error(err)
	}
}

func TestAKeyIsTakenOverWithItsSelector(t *testing.T) {
	d := directory(t)
	private, err := generate(RSA)
	ok(t, err)
	k := Key{Domain: "example.org", Selector: "mail", From: "opendkim", Made: noon.Add(-500 * 24 * time.Hour)}
	seen, unseen := sight(Right), sight(Wrong)
	if done, became, err := d.Adopt(k, private, noon, &seen); err != nil || done != Taken || became != Active {
		t.Fatal(done, became, err)
	}
	if done, became, err := d.Adopt(k, private, noon, &seen); err != nil || done != Already || became != Active {
		t.Error(done, became, err)
	}
	other, err := generate(RSA)
	ok(t, err)
	if _, _, err := d.Adopt(k, other, noon, &seen); err == nil || !strings.Contains(err.Error(), "another key of that name") {
		t.Error(err)
	}
	k.Domain = "example.com"
	if done, became, err := d.Adopt(k, other, noon, &unseen); err != nil || done != Taken || became != Made {
		t.Error(done, became, err)
	}
	unsigned, _, err := d.Load()
	ok(t, err)
	waits, _ := unsigned.Find("mail._domainkey.example.com")
	if step, can := waits.Retire(noon); !can || step.Key.State != Retiring {
		t.Errorf("the other program signs with it now, and it is %s at once", step.Key.State)
	}
	set, err := d.Open()
	ok(t, err)
	if got := set.Choose("example.org"); len(got) != 1 || got[0].Selector != "mail" {
		t.Errorf("%+v", got)
	}
}

func FuzzState(f *testing.F) {
	f.Add([]byte(`{"version":1,"keys":[{"domain":"example.org","selector":"mail","algorithm":"rsa","bits":2048,"public":"AAAA","state":"active","since":"2026-11-30T12:00:00Z","made":"2026-11-30T12:00:00Z"}]}`))
	f.Add([]byte(`{"version":1,"keys":[{"domain":"..","selector":"../../x","algorithm":"rsa","state":"made"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := parseState(text)
		if err != nil || s.Version > stateVersion {
			return
		}
		r := NewRing(s.Keys)
		for _, k := range r.Keys() {
			if path := fileOf(&k); !filepath.IsLocal(path) || strings.Count(path, "/") != 1 {
				t.Errorf("%q leads out of the directory", path)
			}
			if _, found := r.Find(k.Name()); !found {
				t.Errorf("%s is not found", k.Name())
			}
		}
		r.Take(r.Next(noon, nil)...).Reminders(noon, nil)
	})
}
