package attach

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postward/test/rig"
)

// A hijacked daemon owns the state directory, in which attach writes as root.

// TestTheBackupIsNotLedAstray: what the daemon puts where the backup belongs is refused, and nobody waits at a pipe.
func TestTheBackupIsNotLedAstray(t *testing.T) {
	for name, put := range map[string]func(at, victim string) error{
		"a link to a directory of root's": func(at, victim string) error { return os.Symlink(filepath.Dir(victim), at) },
		"a link within": func(at, _ string) error {
			return errors.Join(os.Mkdir(at+"2", 0o755), os.Chown(at+"2", rig.Nobody, rig.Nobody), os.Symlink("attach2", at))
		},
		"a pipe": func(at, _ string) error { return unix.Mkfifo(at, 0o666) },
		"a file": func(at, _ string) error { return os.WriteFile(at, nil, 0o666) },
		"a directory of its own": func(at, _ string) error {
			return errors.Join(os.Mkdir(at, 0o755), os.Chown(at, rig.Nobody, rig.Nobody))
		},
	} {
		t.Run(name, func(t *testing.T) {
			state, victim := rig.HostileState(t, testNow.Add(-time.Hour))
			if err := put(filepath.Join(state, vaultDir), victim); err != nil {
				t.Fatal(err)
			}
			opened := make(chan error, 1)
			go func() {
				v, err := openVault(state, "/etc/postfix", true)
				if err == nil {
					v.close()
				}
				opened <- err
			}()
			select {
			case err := <-opened:
				if !errors.Is(err, errForeignVault) {
					t.Errorf("it is %v", err)
				}
			case <-time.After(5 * time.Second):
				t.Fatal("attach waits at it")
			}
		})
	}
}

// TestAPipeInTheConfigurationIsNotReadAsAFile: it took a file's place between the look and the reading.
func TestAPipeInTheConfigurationIsNotReadAsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	read := make(chan error, 1)
	go func() {
		_, err := readFileItem("pipe", path)
		read <- err
	}()
	select {
	case err := <-read:
		if err == nil {
			t.Error("it was read as a file")
		}
	case <-time.After(5 * time.Second):
		t.Fatal("attach waits at it")
	}
}
