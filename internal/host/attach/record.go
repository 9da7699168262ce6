package attach

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"postward/internal/host/postfix"
)

// Record says what attach did. It lies with the backup in the state directory, attach/INSTANCE/attach.json.
type Record struct {
	ConfigDir string    `json:"config_dir"`
	State     string    `json:"state"` // applying, attached, detached
	At        time.Time `json:"at"`
	Sockets   Sockets   `json:"sockets"`
	Edits     []Edit    `json:"edits"`
	Digest    string    `json:"digest"` // of the whole directory before
	Items     []Item    `json:"items"`  // the whole directory before
	Files     []File    `json:"files"`  // main.cf and master.cf
}

// File is one of the two files before and after.
type File struct {
	Name   string `json:"name"`
	Before Item   `json:"before"` // where the name is a link: of the file it points to
	After  string `json:"after"`  // SHA-256 of what attach wrote
}

const (
	stateApplying = "applying"
	stateAttached = "attached"
	stateDetached = "detached"

	recordFile = "attach.json"
	backupDir  = "backup" // the whole directory
	beforeDir  = "before" // the two files, links followed
	maxRecord  = 16 << 20 // octets of a record
	vaultDir   = "attach" // in the state directory
)

// errForeignVault: somebody else could have written the backup that is to become master.cf.
var errForeignVault = errors.New("the backup directory is not safe")

// vault is the directory of one instance's backup, held open: what is checked is what is used.
type vault struct {
	dir  *os.Root
	path string // for errors: dir was opened by its descriptor
}

// openVault opens, and with create makes, the backup directory of an instance. The state directory belongs to
// the user postward, who could put a directory of his own there, with a master.cf of his own in it. So the one
// that is used must belong to the caller and be closed to everybody else.
func openVault(stateDir, configDir string, create bool) (*vault, error) {
	state, err := os.OpenRoot(stateDir)
	if err != nil {
		return nil, fmt.Errorf("open the state directory: %w", err)
	}
	defer state.Close()
	path := filepath.Join(stateDir, vaultDir)
	all, err := openOwn(state, vaultDir, path, create)
	if err != nil {
		return nil, err
	}
	defer all.Close()
	name := url.PathEscape(strings.TrimPrefix(configDir, "/"))
	path = filepath.Join(path, name)
	dir, err := openOwn(all, name, path, create)
	if err != nil {
		return nil, err
	}
	return &vault{dir: dir, path: path}, nil
}

// openOwn opens a directory in parent; path is for errors.
func openOwn(parent *os.Root, name, path string, create bool) (*os.Root, error) {
	if create {
		if err := parent.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("make %s: %w", path, err)
		}
	}
	d, err := parent.OpenFile(name, os.O_RDONLY|syscall.O_DIRECTORY|syscall.O_NONBLOCK, 0) // os.Root.OpenRoot would wait at a pipe
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open the backup: %w", err)
	}
	if err != nil {
		return nil, foreignVault(path, err)
	}
	defer d.Close()
	info, err := d.Stat()
	if err != nil {
		return nil, fmt.Errorf("open the backup: %w", err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(st.Uid) != os.Geteuid() || info.Mode().Perm()&0o022 != 0 {
		return nil, foreignVault(path, nil)
	}
	dir, err := os.OpenRoot(fmt.Sprintf("/proc/self/fd/%d", d.Fd())) // what was looked at, whatever its name stands for now
	if err != nil {
		return nil, fmt.Errorf("open the backup %s: %w", path, err)
	}
	return dir, nil
}

// foreignVault is errForeignVault with the place and the way out.
func foreignVault(path string, cause error) error {
	err := fmt.Errorf("open %s: %w: it must be a directory that belongs to the user who attaches and that nobody else can write to; look at what it is, then remove it",
		path, errForeignVault)
	return errors.Join(err, cause)
}

func (v *vault) close() { v.dir.Close() }

// load reads the record; nil when there is none.
func (v *vault) load(configDir string) (*Record, error) {
	b, err := v.read(recordFile, maxRecord)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the attach record: %w", err)
	}
	r := &Record{}
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("read the attach record %s/%s: %w", v.path, recordFile, err)
	}
	if r.ConfigDir != configDir {
		return nil, fmt.Errorf("read the attach record %s/%s: it is about %s, not %s", v.path, recordFile, r.ConfigDir, configDir)
	}
	return r, nil
}

func (v *vault) save(r *Record) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write the attach record: %w", err)
	}
	it := Item{Mode: 0o600, UID: os.Geteuid(), GID: os.Getegid(), MTime: r.At}
	if err := replace(v.dir, recordFile, append(b, '\n'), it, nil); err != nil {
		return fmt.Errorf("write the attach record: %w", err)
	}
	return nil
}

func (v *vault) read(name string, limit int64) ([]byte, error) {
	info, err := v.dir.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, fmt.Errorf("%s is not a file of at most %d octets", name, limit)
	}
	return v.dir.ReadFile(name)
}

// before returns a file as it was before attaching, or nil when the backup is not what the record says.
func (v *vault) before(f File) []byte {
	b, err := v.read(beforeDir+"/"+f.Name, postfix.MaxFile)
	if err != nil || sha(b) != f.Before.SHA {
		return nil
	}
	return b
}

// backup takes a copy of the whole configuration directory and writes the record. What an earlier attachment
// left is thrown away: the files do not mention postward, so it has been undone.
func (v *vault) backup(p *Plan, now time.Time) (*Record, error) {
	for _, name := range []string{recordFile, backupDir, beforeDir} {
		if err := v.dir.RemoveAll(name); err != nil {
			return nil, fmt.Errorf("clear the old backup: %w", err)
		}
	}
	items, err := manifest(p.Host.ConfigDir)
	if err != nil {
		return nil, err
	}
	if err := copyTree(p.Host.ConfigDir, v.dir, backupDir, items); err != nil {
		return nil, err
	}
	r := &Record{
		ConfigDir: p.Host.ConfigDir, State: stateApplying, At: now, Sockets: p.sockets,
		Edits: p.Edits, Digest: digest(items), Items: items,
	}
	if err := v.dir.Mkdir(beforeDir, 0o700); err != nil {
		return nil, fmt.Errorf("back up: %w", err)
	}
	for _, c := range p.changes() {
		f, err := v.keep(p.Host.ConfigDir, c)
		if err != nil {
			return nil, fmt.Errorf("back up %s: %w", c.name, err)
		}
		r.Files = append(r.Files, f)
	}
	return r, v.save(r)
}

func (v *vault) keep(dir string, c change) (File, error) {
	it, err := configItem(dir, c.name)
	if err != nil {
		return File{}, err
	}
	if it.SHA != sha(c.before) {
		return File{}, errors.New("it changed since the plan was made; plan again")
	}
	private := Item{Mode: 0o600, UID: os.Geteuid(), GID: os.Getegid(), MTime: it.MTime}
	return File{Name: c.name, Before: it, After: sha(c.after)}, writeNew(v.dir, beforeDir+"/"+c.name, c.before, private, nil)
}

// configItem describes a file of the configuration; where its name is a link, the file it points to.
func configItem(dir, name string) (Item, error) {
	target, err := filepath.EvalSymlinks(filepath.Join(dir, name))
	if err != nil {
		return Item{}, err
	}
	it, err := readItem(filepath.Dir(target), target)
	it.Path = name
	return it, err
}
