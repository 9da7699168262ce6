package attach

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"postward/internal/host/authpolicy"
	"postward/internal/host/doveadm"
)

// seal is the first line of a file of ours, with the SHA-256 of what follows: so it is known whether somebody edited it.
const seal = "# Written by postward attach --dovecot, taken away by postward detach. sha256 "

func sealed(text string) []byte { return []byte(seal + sha([]byte(text)) + "\n" + text) }

// sealedFile is what stands in the place of a file of ours.
type sealedFile struct {
	ours, edited bool
	text         string // below the seal
	whole        []byte
}

func readSealed(path string) (sealedFile, error) {
	f, _, err := openRegular(path)
	if err != nil {
		return sealedFile{}, err
	}
	defer f.Close()
	b, err := readBounded(f, 1<<20)
	if err != nil {
		return sealedFile{}, fmt.Errorf("read %s: %w", path, err)
	}
	line, text, _ := strings.Cut(string(b), "\n")
	sum, ours := strings.CutPrefix(line, seal)
	return sealedFile{ours: ours, edited: sum != sha([]byte(text)), text: text, whole: b}, nil
}

func readBounded(r io.Reader, limit int64) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("it is larger than %d octets", limit)
	}
	return b, err
}

// Preview is what Apply would write, without the secrets.
func (d *Dovecot) Preview(address, keyFile string) (string, error) {
	settings, err := authpolicy.Preview(d.Version, address, keyFile)
	if err != nil {
		return "", err
	}
	text := d.Settings + " (mode 600)\n" + settings
	if d.Place != "" {
		text = d.Place + "\n" + d.include() + "\n" + text
	}
	return text, nil
}

func (d *Dovecot) include() string { return "!include_try " + d.Settings + "\n" }

// Apply writes our files, and lets Dovecot read its configuration. If that fails they are as they were before, and the error
// says so. A running Dovecot is left alone: it asks from its next reload on. ErrAttached: Dovecot is told the same
// already. ErrProblems comes before anything is written.
func (d *Dovecot) Apply(ctx context.Context, address string, k authpolicy.Key, o Options) error {
	if len(d.Problems) > 0 {
		return fmt.Errorf("%w: %s", ErrProblems, strings.Join(d.Problems, "; "))
	}
	settings, err := authpolicy.Settings(d.Version, address, k)
	if err != nil {
		return err
	}
	if d.tells(settings) {
		return ErrAttached
	}
	before, err := d.found()
	if err != nil {
		return err
	}
	err = d.write(o, d.Settings, sealed(settings), 0o600)
	if err == nil {
		err = d.write(o, d.Place, sealed(d.include()), 0o644)
	}
	if err == nil {
		err = d.heard(ctx, address)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("tell Dovecot to ask postward, everything was put back: %w", err), d.putBack(o, before))
	}
	return nil
}

// tells reports whether Dovecot is told the same already. A nonce is another each time.
func (d *Dovecot) tells(settings string) bool {
	is, err := readSealed(d.Settings)
	place, err2 := readSealed(d.Place)
	return err == nil && err2 == nil && place.ours && place.text == d.include() && withoutNonce(is.text) == withoutNonce(settings)
}

func withoutNonce(settings string) string {
	before, after, _ := strings.Cut(settings, "auth_policy_hash_nonce")
	_, after, _ = strings.Cut(after, "\n")
	return before + after
}

// found is what stands in the place of our files; nil where nothing does.
func (d *Dovecot) found() (map[string][]byte, error) {
	before := map[string][]byte{}
	for _, path := range d.files() {
		s, err := readSealed(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		before[path] = s.whole
	}
	return before, nil
}

func (d *Dovecot) write(o Options, path string, text []byte, mode fs.FileMode) error {
	dir, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer dir.Close()
	it := Item{Mode: mode, UID: os.Geteuid(), GID: os.Getegid(), MTime: o.Now}
	if err := replace(dir, filepath.Base(path), text, it, nil); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	o.say("wrote %s", path)
	return nil
}

// heard lets Dovecot say what it read.
func (d *Dovecot) heard(ctx context.Context, address string) error {
	if err := (doveadm.Instance{Config: d.Config}).Check(ctx); err != nil {
		return err
	}
	server, err := d.server(ctx)
	if want := "http://" + address + "/"; err == nil && server != want {
		err = fmt.Errorf("Dovecot would ask %s instead: a later line of its configuration says so: doveconf -n; take auth_policy_server_url out there", withoutPassword(server))
	}
	return err
}

func (d *Dovecot) putBack(o Options, before map[string][]byte) error {
	var errs []error
	for path, text := range before {
		mode := fs.FileMode(0o644)
		if path == d.Settings {
			mode = 0o600
		}
		if text != nil {
			errs = append(errs, d.write(o, path, text, mode))
		} else if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// DetachedDovecot says what DetachDovecot did, or would do.
type DetachedDovecot struct {
	Removed []string `json:"removed"`
	Kept    []string `json:"kept"` // edited since: under this name, which Dovecot does not read
}

// DetachDovecot takes our files out of a Dovecot's configuration, which is then what it was before. One that somebody edited
// stays, as NAME.edited. A running Dovecot asks until its next reload. ErrNotAttached when there is none of ours.
func DetachDovecot(config string, o Options) (*DetachedDovecot, error) {
	config, err := filepath.Abs(config)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", config, err)
	}
	text, err := readDovecot(config)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotAttached
	}
	if err != nil {
		return nil, err
	}
	paths := []string{filepath.Join(filepath.Dir(config), dovecotSettings)}
	if dir := included(text, filepath.Dir(config)); dir != "" {
		paths = append([]string{filepath.Join(dir, dovecotPlace)}, paths...) // what includes goes first
	}
	d := &DetachedDovecot{}
	for _, path := range paths {
		if err := d.take(path, o); err != nil {
			return d, fmt.Errorf("take postward out of Dovecot's configuration: %w", err)
		}
	}
	if len(d.Removed)+len(d.Kept) == 0 {
		return nil, ErrNotAttached
	}
	return d, nil
}

func (d *DetachedDovecot) take(path string, o Options) error {
	s, err := readSealed(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !s.ours:
		return nil
	case s.edited:
		kept := path + ".edited"
		d.Kept = append(d.Kept, kept)
		if o.DryRun {
			return nil
		}
		return os.Rename(path, kept)
	}
	d.Removed = append(d.Removed, path)
	if o.DryRun {
		return nil
	}
	return os.Remove(path)
}
