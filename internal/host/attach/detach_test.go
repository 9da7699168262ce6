package attach

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postward/test/rig"
)

var testNow = time.Date(2025, 3, 1, 12, 0, 0, 0, time.UTC)

// attached lays a case of testdata out in a directory of its own and does what Apply does to files, without
// asking Postfix.
func attached(t *testing.T, name string) (dir string, o Options, p *Plan) {
	t.Helper()
	dir, o = filepath.Join(t.TempDir(), "etc-postfix"), Options{StateDir: t.TempDir(), Now: testNow, NoReload: true, filesOnly: true}
	for file, mode := range map[string]fs.FileMode{mainCF: 0o644, masterCF: 0o640} {
		b, err := os.ReadFile(filepath.Join("testdata", name, file))
		if err != nil {
			t.Fatal(err)
		}
		rig.WriteFile(t, filepath.Join(dir, file), b, mode)
	}
	rig.WriteFile(t, filepath.Join(dir, "sasl", "smtpd.conf"), []byte("pwcheck_method: saslauthd\n"), 0o600)
	if err := os.Symlink("/etc/resolv.conf", filepath.Join(dir, "resolv")); err != nil {
		t.Fatal(err)
	}
	past := testNow.Add(-1000 * time.Hour)
	for _, file := range []string{mainCF, masterCF} {
		if err := os.Chtimes(filepath.Join(dir, file), past, past); err != nil {
			t.Fatal(err)
		}
	}
	h := caseHost(t, filepath.Join("testdata", name))
	h.ConfigDir = dir
	p, err := NewPlan(h, testSockets)
	if err != nil {
		t.Fatal(err)
	}
	return dir, o, p
}

func attachFiles(t *testing.T, o Options, p *Plan) {
	t.Helper()
	v, err := openVault(o.StateDir, p.Host.ConfigDir, true)
	if err != nil {
		t.Fatal(err)
	}
	defer v.close()
	rec, err := v.backup(p, o.Now)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range p.changes() {
		it := rec.Files[i].Before
		it.MTime = o.Now
		if err := replaceConfig(filepath.Join(p.Host.ConfigDir, c.name), c.after, it); err != nil {
			t.Fatal(err)
		}
	}
	rec.State = stateAttached
	if err := v.save(rec); err != nil {
		t.Fatal(err)
	}
}

func mustDigest(t *testing.T, dir string) string {
	t.Helper()
	d, err := Digest(dir)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDetachGivesBackEveryByte(t *testing.T) {
	for _, name := range cases(t) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			dir, o, p := attached(t, filepath.Base(name))
			before := mustDigest(t, dir)
			info, err := os.Stat(filepath.Join(dir, mainCF))
			if err != nil {
				t.Fatal(err)
			}
			attachFiles(t, o, p)
			if mustDigest(t, dir) == before {
				t.Fatal("attaching changed nothing")
			}
			d, err := Detach(t.Context(), dir, o)
			if err != nil {
				t.Fatal(err)
			}
			if after := mustDigest(t, dir); after != before || !d.Identical || d.Before != before || d.After != before {
				t.Errorf("digest %s, was %s; %+v", after, before, d)
			}
			again, err := os.Stat(filepath.Join(dir, mainCF))
			if err != nil || !again.ModTime().Equal(info.ModTime()) {
				t.Errorf("main.cf's time is %v, was %v, %v", again.ModTime(), info.ModTime(), err)
			}
			if len(d.Warnings)+len(d.Elsewhere) > 0 {
				t.Errorf("warnings %q, elsewhere %q", d.Warnings, d.Elsewhere)
			}
			if _, err := Detach(t.Context(), dir, o); !errors.Is(err, ErrNotAttached) {
				t.Errorf("detaching twice: %v", err)
			}
		})
	}
}

func TestDetachNeverOverwritesTheOperatorsEdits(t *testing.T) {
	dir, o, p := attached(t, "04-opendkim-spamass")
	attachFiles(t, o, p)
	path := filepath.Join(dir, mainCF)
	edited := strings.Replace(rig.ReadFile(t, path), "biff = no", "biff = no\n# mine\ndisable_vrfy_command = yes", 1)
	rig.WriteFile(t, path, []byte(edited), 0o644)
	rig.WriteFile(t, filepath.Join(dir, "sasl", "smtpd.conf"), []byte("pwcheck_method: auxprop\n"), 0o600)

	dry := o
	dry.DryRun, dry.Held = true, 3
	plan, err := Detach(t.Context(), dir, dry)
	if err != nil {
		t.Fatal(err)
	}
	if rig.ReadFile(t, path) != edited {
		t.Fatal("a dry run wrote main.cf")
	}
	if len(plan.Warnings) != 2 || !strings.Contains(plan.Warnings[0], "3 mails") {
		t.Errorf("warnings %q", plan.Warnings)
	}
	d, err := Detach(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(string(p.Host.main), "biff = no", "biff = no\n# mine\ndisable_vrfy_command = yes", 1)
	if got := rig.ReadFile(t, path); got != want {
		t.Errorf("main.cf:\n%s", strings.Join(diff([]byte(want), []byte(got)), "\n"))
	}
	if rig.ReadFile(t, filepath.Join(dir, masterCF)) != string(p.Host.master) {
		t.Error("master.cf, which nobody edited, is not as before")
	}
	if d.Files[0].How != Cleaned || d.Files[1].How != Restored || d.Identical {
		t.Errorf("%s, %s, identical=%t", d.Files[0].How, d.Files[1].How, d.Identical)
	}
	if kept := strings.Join(d.Files[0].Kept, "\n"); kept != "+ # mine\n+ disable_vrfy_command = yes" {
		t.Errorf("kept: %s", kept)
	}
	if !slices.Equal(d.Elsewhere, []string{"sasl/smtpd.conf"}) {
		t.Errorf("elsewhere: %q", d.Elsewhere)
	}
}

func TestDetachWithoutRecordGoesByTheWords(t *testing.T) {
	dir, o, p := attached(t, "11-own-overrides")
	before := mustDigest(t, dir)
	attachFiles(t, o, p)
	o.StateDir = t.TempDir()
	d, err := Detach(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	if mustDigest(t, dir) != before || len(d.Warnings) == 0 {
		t.Errorf("not as before, or nothing said: %q", d.Warnings)
	}
}

func TestAKillBetweenTheTwoFilesIsUndone(t *testing.T) {
	for i := range 2 {
		dir, o, p := attached(t, "04-opendkim-spamass")
		before := mustDigest(t, dir)
		attachFiles(t, o, p)
		c := p.changes()[i]
		it, err := configItem(dir, c.name)
		if err != nil {
			t.Fatal(err)
		}
		if err := replaceConfig(filepath.Join(dir, c.name), c.before, it); err != nil {
			t.Fatal(err)
		}
		if _, err := Detach(t.Context(), dir, o); err != nil {
			t.Fatal(err)
		}
		if mustDigest(t, dir) != before {
			t.Errorf("with %s not written yet, detach does not give everything back", c.name)
		}
	}
}

func TestATamperedBackupIsNotUsed(t *testing.T) {
	dir, o, p := attached(t, "02-submission-smtps")
	before := mustDigest(t, dir)
	attachFiles(t, o, p)
	found := 0
	err := filepath.WalkDir(o.StateDir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Name() == masterCF {
			found++
			return os.WriteFile(path, []byte("evil unix - n n - - pipe user=root argv=/tmp/x\n"), 0o600)
		}
		return err
	})
	if err != nil || found != 2 {
		t.Fatalf("%d copies of master.cf in the backup, %v", found, err)
	}
	if _, err := Detach(t.Context(), dir, o); err != nil {
		t.Fatal(err)
	}
	if mustDigest(t, dir) != before {
		t.Error("master.cf is not as before")
	}
}

func TestABackupDirectoryOfSomebodyElseIsRefused(t *testing.T) {
	dir, o, p := attached(t, "02-submission-smtps")
	attachFiles(t, o, p)
	all := filepath.Join(o.StateDir, vaultDir)
	if err := os.Chmod(all, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := Detach(t.Context(), dir, o); !errors.Is(err, errForeignVault) {
		t.Errorf("a directory that everybody can write to: %v", err)
	}
	if err := os.Chmod(all, 0o700); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 {
		t.Skip("only root can make a directory of somebody else")
	}
	if err := os.Chown(all, 65534, -1); err != nil {
		t.Fatal(err)
	}
	if _, err := Detach(t.Context(), dir, o); !errors.Is(err, errForeignVault) {
		t.Errorf("a directory of somebody else: %v", err)
	}
}

func TestAFileChangedSinceThePlanIsNotOverwritten(t *testing.T) {
	dir, o, p := attached(t, "02-submission-smtps")
	rig.WriteFile(t, filepath.Join(dir, mainCF), append(bytes.Clone(p.Host.main), "x = y\n"...), 0o644)
	if _, err := p.Apply(t.Context(), o); !errors.Is(err, ErrProblems) || !strings.Contains(err.Error(), "plan again") {
		t.Errorf("apply: %v", err)
	}
}

func TestALinkedFileStaysALink(t *testing.T) {
	dir, o, p := attached(t, "02-submission-smtps")
	real := filepath.Join(t.TempDir(), "main.cf.git")
	if err := errors.Join(os.Rename(filepath.Join(dir, mainCF), real), os.Symlink(real, filepath.Join(dir, mainCF))); err != nil {
		t.Fatal(err)
	}
	attachFiles(t, o, p)
	if got := rig.ReadFile(t, real); got != string(p.main) {
		t.Error("the file behind the link was not written")
	}
	if _, err := Detach(t.Context(), dir, o); err != nil {
		t.Fatal(err)
	}
	if target, err := os.Readlink(filepath.Join(dir, mainCF)); err != nil || target != real || rig.ReadFile(t, real) != string(p.Host.main) {
		t.Errorf("link %q, %v", target, err)
	}
}
