package keys

import (
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Change changes what is known of the keys, alone: f is given the ring and returns another. Files of keys that are removed in it are
// deleted when it is on disk; a crash before that is made good by the next change. What f returns as an error changes nothing.
func (d Dir) Change(f func(Ring) (Ring, error)) error {
	unlock, err := d.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := d.sweep(); err != nil {
		return err
	}
	ring, problems, err := d.Load()
	if err != nil {
		return err
	}
	changed, err := f(ring)
	if err != nil {
		return err
	}
	if len(changed.keys) > maxKeys {
		return fmt.Errorf("keep the keys: more than %d: retire some (postward dkim key retire)", maxKeys)
	}
	if err := d.keepDamaged(problems); err != nil {
		return err
	}
	if err := d.delete(ring, changed); err != nil { // of those that were removed before
		return err
	}
	if err := d.writeState(changed); err != nil {
		return fmt.Errorf("write the state of the keys: %w", err)
	}
	return errors.Join(d.retire(changed), d.delete(changed, changed))
}

// lock waits for its turn. The directory is made if there is none.
func (d Dir) lock() (unlock func(), err error) {
	if err := os.MkdirAll(d.Path, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of the keys: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(d.Path, lockFile), os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the keys: %w", hint(err))
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock the keys: %w", err), f.Close())
	}
	return func() { _ = f.Close() }, nil // which unlocks it
}

// sweep deletes files that a crash left half written: there may be private keys in them. Whoever has the lock writes none now.
func (d Dir) sweep() error {
	for _, below := range []string{"", "*"} {
		left, err := filepath.Glob(filepath.Join(escaped(d.Path), below, unfinished))
		for _, path := range left {
			if info, err2 := os.Lstat(path); err2 == nil && info.Mode().IsRegular() {
				err = errors.Join(err, os.Remove(path))
			}
		}
		if err != nil {
			return fmt.Errorf("delete what a crash left of a key: %w", hint(err))
		}
	}
	return nil
}

// keepDamaged keeps a copy of a state that could not be read, before it is written anew.
func (d Dir) keepDamaged(problems []Problem) error {
	for _, p := range problems {
		if p.damaged {
			from := filepath.Join(d.Path, stateFile)
			if err := os.Rename(from, from+".bad"); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("keep the damaged state of the keys: %w", err)
			}
			return nil
		}
	}
	return nil
}

// retire renames the files of the keys that retire. They are as old then as their state, which is what is known when that is lost.
func (d Dir) retire(r Ring) error {
	for i := range r.keys {
		k := &r.keys[i]
		if k.State != Retiring {
			continue
		}
		names := filesOf(k)
		from, to := filepath.Join(d.Path, names[0]), filepath.Join(d.Path, names[1])
		err := os.Rename(from, to)
		if errors.Is(err, fs.ErrNotExist) { // it was done before
			continue
		}
		if err = errors.Join(err, os.Chtimes(to, k.Since, k.Since), syncDir(filepath.Dir(to))); err != nil {
			return fmt.Errorf("rename the key of %s, which retires: %w", k.Name(), hint(err))
		}
	}
	return nil
}

// delete deletes the files of the keys that are removed in a ring, and still are, or are forgotten, in what it became.
func (d Dir) delete(was, is Ring) error {
	for i := range was.keys {
		k := &was.keys[i]
		if now, known := is.Find(k.Name()); k.State != Removed || known && now.State != Removed {
			continue
		}
		for _, name := range filesOf(k) {
			if err := os.Remove(filepath.Join(d.Path, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("delete the key of %s: %w", k.Name(), hint(err))
			}
		}
	}
	return nil
}

func (d Dir) writeState(r Ring) error {
	text, err := json.MarshalIndent(state{stateVersion, r.keys}, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(d.Path, stateFile), append(text, '\n'))
}

// unfinished is how files are named until they are whole.
const unfinished = ".new-*"

// writeFile puts a file in the place of one, whole or not at all, for its owner's eyes only.
func writeFile(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), unfinished) // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncDir(filepath.Dir(path))
}

func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// put writes the file of a key. It never writes over one.
func (d Dir) put(k *Key, private crypto.Signer) error {
	text, err := encode(private)
	if err != nil {
		return fmt.Errorf("write the key of %s: %w", k.Name(), err)
	}
	path := filepath.Join(d.Path, fileOf(k))
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write the key of %s: %s is there already: move it away", k.Name(), path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("write the key of %s: %w", k.Name(), hint(err))
	}
	if err := writeFile(path, text); err != nil {
		return fmt.Errorf("write the key of %s: %w", k.Name(), hint(err))
	}
	return syncDir(d.Path)
}

// ErrNothingToMake is the error of Create and Rotate when a domain has, or is about to get, every key of a pair.
var ErrNothingToMake = errors.New("its keys are there, or on their way")

// Create makes what a domain lacks of a pair: a key of each algorithm that it has none of.
func (d Dir) Create(domain string, now time.Time) ([]Key, error) {
	return d.make(domain, now, Made, Published, Active)
}

// Rotate makes the next pair of a domain: a key of each algorithm of which none is on its way.
func (d Dir) Rotate(domain string, now time.Time) ([]Key, error) {
	return d.make(domain, now, Made, Published)
}

// make makes a key of each algorithm of which a domain has none in one of some states.
func (d Dir) make(domain string, now time.Time, unless ...State) (made []Key, err error) {
	err = d.Change(func(r Ring) (Ring, error) {
		for _, a := range Algorithms {
			if r.Has(domain, a, unless...) {
				continue
			}
			k, err := d.one(r, domain, a, now)
			if err != nil {
				return r, err
			}
			r, made = r.With(k), append(made, k)
		}
		if len(made) == 0 {
			return r, ErrNothingToMake
		}
		return r, nil
	})
	return made, err
}

// one makes one key, and its file.
func (d Dir) one(r Ring, domain string, a Algorithm, now time.Time) (k Key, err error) {
	private, err := generate(a)
	if err != nil {
		return k, fmt.Errorf("make a key of %s: %w", a.Title(), err)
	}
	k = Key{Domain: domain, Algorithm: a, State: Made, Since: now.UTC(), Made: r.next(domain, a, now.UTC())}
	if _, k.Bits, k.Public, err = describe(private); err != nil {
		return k, err
	}
	k.Selector = newSelector(a, now, func(s string) bool {
		_, taken := r.Find(s + "._domainkey." + domain)
		return taken
	})
	return k, d.put(&k, private)
}

// Adopted is how a key was taken over.
type Adopted string

// What Adopt can say.
const (
	Taken   Adopted = "taken over"
	Already Adopted = "taken over already"
)

// Adopt takes over a key that was signed with elsewhere, with its selector. When its zone was seen to show it, it goes on
// signing at once; else it waits to be seen like any other. k has its domain and selector, From and Made.
func (d Dir) Adopt(k Key, private crypto.Signer, now time.Time, sight *Sight) (done Adopted, became State, err error) {
	if k, err = k.As(private); err != nil {
		return "", "", fmt.Errorf("take over the key of %s: %w", k.Name(), err)
	}
	if k.Made.After(now) { // its file is of a clock that was ahead
		k.Made = now.UTC()
	}
	k.State, k.Since, k.Known, k.Signed = Made, now.UTC(), true, true
	err = d.Change(func(r Ring) (Ring, error) {
		if had, found := r.Find(k.Name()); found {
			done, became = Already, had.State
			return r, had.other(&k)
		}
		if err := d.put(&k, private); err != nil {
			return r, err
		}
		seen := Seen{}
		if sight != nil {
			seen[k.Name()] = *sight
		}
		r = r.With(k).LookedAt(seen)
		r = r.Take(r.Next(now, seen)...)
		now, _ := r.Find(k.Name())
		done, became = Taken, now.State
		return r, nil
	})
	return done, became, err
}

// other is the error of a key that has the name of another one.
func (k *Key) other(o *Key) error {
	if k.Public == o.Public && k.State != Removed {
		return nil
	}
	return fmt.Errorf("take over the key of %s: postward has another key of that name (%s): retire that one first, or keep it (postward dkim key list %s)",
		k.Name(), strings.ToLower(string(k.State)), k.Domain)
}
