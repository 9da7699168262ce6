package keys

import (
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Bounds of a directory.
const (
	maxKeys  = 4096
	maxState = 8 << 20

	stateFile = "state.json"
	lockFile  = "lock"

	fileEnd    = ".pem"
	retiredEnd = ".pem.retired"
)

// Dir is the directory of the keys: DOMAIN/SELECTOR-ALGORITHM.pem, or .pem.retired, state.json and lock. Whoever uses it must be
// the user that the daemon runs as: files are that user's, and no name in it can lead another one astray.
type Dir struct {
	Path string
}

// Problem is what is wrong with one file of the directory, and what to do. It stops nothing but what needs that file.
type Problem struct {
	Name string // of the key; empty: it is about all
	Err  error

	damaged bool // the state is
}

// fileOf is a key's file, below the directory. Its name says that a key retired: it must not sign again when the state is lost.
func fileOf(k *Key) string {
	if k.State == Retiring {
		return filesOf(k)[1]
	}
	return filesOf(k)[0]
}

// filesOf are the names that a key's file can have: while it may sign, and afterwards.
func filesOf(k *Key) [2]string {
	base := filepath.Join(k.Domain, k.Selector+"-"+string(k.Algorithm))
	return [2]string{base + fileEnd, base + retiredEnd}
}

// Load reads what is known of the keys. Files that the state does not know are keys that were made. A directory that is not there
// has no keys.
func (d Dir) Load() (Ring, []Problem, error) {
	known, problems, err := d.readState()
	if err != nil {
		return Ring{}, nil, err
	}
	ring := NewRing(known)
	strays, more := d.strays(ring)
	for _, k := range strays {
		ring = ring.With(k)
	}
	return ring, append(problems, more...), nil
}

// state is what stands in state.json.
type state struct {
	Version int   `json:"version"`
	Keys    []Key `json:"keys"`
}

const stateVersion = 1

// readState reads state.json. One that is damaged is as good as none: every key then has to be seen in the zone again.
func (d Dir) readState() ([]Key, []Problem, error) {
	text, err := readFile(filepath.Join(d.Path, stateFile), maxState)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, nil
	case err != nil:
		return nil, nil, fmt.Errorf("read the state of the keys: %w", hint(err))
	}
	s, err := parseState(text)
	if err == nil && s.Version > stateVersion {
		return nil, nil, fmt.Errorf("read the state of the keys: %s is of a newer postward (version %d): install that one again", d.Path, s.Version)
	}
	if err != nil {
		return nil, []Problem{{damaged: true, Err: fmt.Errorf("read the state of the keys: %s: %w: it is passed over, and each key has to be seen in its zone before it signs again: put it back from a backup, or wait",
			filepath.Join(d.Path, stateFile), err)}}, nil
	}
	return s.Keys, nil, nil
}

// parseState reads the text of state.json. Of a newer one only the version is told.
func parseState(text []byte) (s state, err error) {
	if err = json.Unmarshal(text, &s); err == nil && s.Version <= stateVersion {
		err = sound(s.Keys)
	}
	return s, err
}

// sound looks at what a file says before anything believes it: its names become names of files.
func sound(all []Key) error {
	if len(all) > maxKeys {
		return fmt.Errorf("it has more than %d keys", maxKeys)
	}
	for i := range all {
		k := &all[i]
		domain, err := Domain(k.Domain)
		selector, err2 := Selector(k.Selector)
		if err = errors.Join(err, err2); err != nil {
			return err
		}
		if domain != k.Domain || selector != k.Selector || shownAt[k.State] == 0 || !slices.Contains(Algorithms, k.Algorithm) {
			return fmt.Errorf("what it says of %q is not what postward writes", k.Name())
		}
	}
	return nil
}

// strays are keys whose files are there, and of which the ring says nothing: a crash came between the file and the state. One whose
// file says that it retired did, whatever an older state says, which somebody put back.
func (d Dir) strays(ring Ring) (all []Key, problems []Problem) {
	var paths []string
	for _, end := range []string{retiredEnd, fileEnd} { // of two files of one key the one that says that it retired
		found, err := filepath.Glob(filepath.Join(escaped(d.Path), "*", "*"+end))
		if err != nil {
			return nil, []Problem{{Err: fmt.Errorf("look for keys in %s: %w", d.Path, err)}}
		}
		paths = append(paths, found...)
	}
	for _, path := range paths {
		k, ok := named(path)
		had, known := ring.Find(k.Name())
		if !ok || known && (k.State != Retiring || had.State == Retiring || had.State == Removed) {
			continue
		}
		if len(ring.keys) >= maxKeys && !known {
			return all, append(problems, Problem{Err: fmt.Errorf("read %s: it has more than %d keys: the others are passed over", d.Path, maxKeys)})
		}
		if err := d.meet(&k); err != nil {
			problems = append(problems, Problem{Name: k.Name(), Err: err})
			continue
		}
		all, ring = append(all, k), ring.With(k)
	}
	return all, problems
}

// escaped is a path in which Glob finds no pattern.
func escaped(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// named reads the name of a key's file.
func named(path string) (k Key, ok bool) {
	base, retires := strings.CutSuffix(filepath.Base(path), retiredEnd)
	base = strings.TrimSuffix(base, fileEnd)
	at := strings.LastIndexByte(base, '-')
	if at < 0 {
		return k, false
	}
	k = Key{Domain: filepath.Base(filepath.Dir(path)), Selector: base[:at], Algorithm: Algorithm(base[at+1:]), State: Made}
	if retires {
		k.State = Retiring
	}
	return k, sound([]Key{k}) == nil
}

// meet learns from its file what a key is. That it signed has to be supposed: the state may have been lost.
func (d Dir) meet(k *Key) error {
	private, info, err := d.private(k)
	if err != nil {
		return err
	}
	_, k.Bits, k.Public, err = describe(private)
	k.Made, k.Signed = info.ModTime().UTC(), true
	k.Since = k.Made
	return err
}

// Private reads the private key of a key.
func (d Dir) Private(k *Key) (crypto.Signer, error) {
	private, _, err := d.private(k)
	if err != nil {
		return nil, err
	}
	if a, _, public, err := describe(private); err != nil || a != k.Algorithm || public != k.Public && k.Public != "" {
		return nil, fmt.Errorf("read the key of %s: %s holds another key than the one that was made: put the right one back from a backup, or retire it (postward dkim key retire %s %s)",
			k.Name(), filepath.Join(d.Path, fileOf(k)), k.Domain, k.Selector)
	}
	return private, nil
}

func (d Dir) private(k *Key) (crypto.Signer, fs.FileInfo, error) {
	path := filepath.Join(d.Path, fileOf(k))
	text, err := readFile(path, maxFile)
	var info fs.FileInfo
	if err == nil {
		info, err = os.Lstat(path)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the key of %s: %w", k.Name(), hint(err))
	}
	private, err := ParsePrivate(text)
	if err != nil {
		return nil, nil, fmt.Errorf("read the key of %s: %s: %w: put it back from a backup, or make another (postward dkim key rotate %s)", k.Name(), path, err, k.Domain)
	}
	if a, _, _, err := describe(private); err != nil || a != k.Algorithm {
		return nil, nil, fmt.Errorf("read the key of %s: %s is no key of %s, as its name says: put the right one back", k.Name(), path, k.Algorithm.Title())
	}
	return private, info, nil
}

// Exposed says who else could read a key's file, or put another in its place; nil: only its owner, who is whoever asks.
func (d Dir) Exposed(k *Key) error {
	path := filepath.Join(d.Path, fileOf(k))
	for _, one := range []struct {
		path string
		mode fs.FileMode // what others must not be able to
		mend string
	}{{path, 0o077, "chmod 600"}, {filepath.Dir(path), 0o022, "chmod 700"}, {d.Path, 0o022, "chmod 700"}} {
		info, err := os.Lstat(one.path)
		if err != nil {
			return fmt.Errorf("look at the key of %s: %w", k.Name(), hint(err))
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
			return fmt.Errorf("look at the key of %s: %s belongs to another user than the daemon's: chown it, and if somebody could use it, postward dkim key rotate %s", k.Name(), one.path, k.Domain)
		}
		if mode := info.Mode().Perm(); mode&one.mode != 0 {
			return fmt.Errorf("look at the key of %s: others than its owner may use %s (mode %04o): %s %[2]s, and if somebody did, postward dkim key rotate %[5]s", k.Name(), one.path, mode, one.mend, k.Domain)
		}
	}
	return nil
}

// hint says what to do about an error of a file.
func hint(err error) error {
	var path *fs.PathError
	name := "the file"
	if errors.As(err, &path) {
		name = path.Path
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: run as root; and the daemon's user must own it: chown postward: %s", err, name)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: put it back from a backup, or make another key (postward dkim key rotate)", err)
	}
	return err
}

// readFile reads a file that is one, and no link to another.
func readFile(path string, most int64) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readOpen(f, most)
}

// readOpen reads what was opened, if it is a file.
func readOpen(f *os.File, most int64) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > most {
		return nil, fmt.Errorf("%s is no file, or larger than %d octets: is it the right one?", f.Name(), most)
	}
	return io.ReadAll(io.LimitReader(f, most))
}

// Set is a ring with the private keys that can be used now.
type Set struct {
	Ring     Ring
	Problems []Problem // with these keys nothing is signed, or somebody else might
	private  map[string]crypto.Signer
}

// Signing is a key and what signs with it.
type Signing struct {
	Key
	Private crypto.Signer
}

// Open reads the keys, and the private ones of those that are active. What cannot be read of them is a problem, and no error.
func (d Dir) Open() (*Set, error) {
	ring, problems, err := d.Load()
	if err != nil {
		return nil, err
	}
	s := &Set{Ring: ring, Problems: problems, private: map[string]crypto.Signer{}}
	for i := range ring.keys {
		if k := &ring.keys[i]; k.State == Active {
			s.add(d, k)
		}
	}
	return s, nil
}

func (s *Set) add(d Dir, k *Key) {
	private, err := d.Private(k)
	if err != nil {
		s.Problems = append(s.Problems, Problem{Name: k.Name(), Err: err})
		return
	}
	s.private[k.Name()] = private
	if err := d.Exposed(k); err != nil {
		s.Problems = append(s.Problems, Problem{Name: k.Name(), Err: err})
	}
}

// Choose is Ring.Choose among the keys whose private one could be read.
func (s *Set) Choose(domain string) []Signing {
	var all []Signing
	for _, k := range s.Ring.choose(domain, func(k *Key) bool { return s.private[k.Name()] != nil }) {
		all = append(all, Signing{k, s.private[k.Name()]})
	}
	return all
}

// Changed is when the keys were last changed; a reader that has read since has the newest.
func (d Dir) Changed() time.Time {
	info, err := os.Stat(filepath.Join(d.Path, stateFile))
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
