package learn

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"postward/internal/guard"
)

// File is the name, in the state directory, of what was learned: one guard.Event in JSON a line. The daemon imports
// it when it starts; keys are natural, so importing twice changes nothing.
const File = "learned.jsonl"

// maxLine bounds a line of it, in octets.
const maxLine = 1 << 20

// Read returns what a file of this form says of each account, until the first error: a line that is something else,
// or longer than 1 MiB.
func Read(f io.Reader) iter.Seq2[*guard.Event, error] {
	return func(yield func(*guard.Event, error) bool) {
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, maxLine)
		for n := 1; lines.Scan(); n++ {
			e := &guard.Event{}
			if err := json.Unmarshal(lines.Bytes(), e); err != nil || e.Kind != guard.KindLearned || e.Account == "" {
				yield(nil, fmt.Errorf("line %d is not what was learned of an account", n))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// Write puts the events into the state directory, readable for whoever owns that directory. The directory is
// the user postward's own, so nothing there is followed: a new file takes the old one's place.
func (l *Learned) Write(stateDir string, now time.Time) (string, error) {
	dir, err := os.OpenRoot(stateDir)
	if err != nil {
		return "", fmt.Errorf("write what was learned: %w", err)
	}
	defer dir.Close()
	var text []byte
	for _, e := range l.Events(now) {
		b, err := json.Marshal(e)
		if err != nil {
			return "", fmt.Errorf("write what was learned about %s: %w", e.Account, err)
		}
		text = append(append(text, b...), '\n')
	}
	path := filepath.Join(stateDir, File)
	if err := replace(dir, text); err != nil {
		return "", fmt.Errorf("write what was learned to %s: %w", path, err)
	}
	return path, nil
}

// replace writes the file in one step: a new one beside it, synced, renamed over it.
func replace(dir *os.Root, text []byte) error {
	temp := fmt.Sprintf(".%s.postward-%d", File, os.Getpid())
	dir.Remove(temp) // left by a process that died
	err := writeNew(dir, temp, text)
	if err == nil {
		err = dir.Rename(temp, File)
	}
	if err != nil {
		dir.Remove(temp)
		return err
	}
	d, err := dir.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// writeNew makes a file of the directory's owner, by its descriptor: its name may stand for another a moment later.
func writeNew(dir *os.Root, name string, text []byte) error {
	f, err := dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, give(f, dir), f.Chmod(0o640), f.Sync(), f.Close())
}

// give gives a file to the owner of the directory. Without the right to it is ours: that is how a test runs.
func give(f *os.File, dir *os.Root) error {
	info, err := dir.Stat(".")
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
		return f.Chown(int(st.Uid), int(st.Gid))
	}
	return nil
}
