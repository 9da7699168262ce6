package attach

import (
	"crypto/sha256"
	"encoding/hex"
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
)

const (
	maxEntries = 10_000    // in a configuration directory
	maxTree    = 512 << 20 // octets in all its files
)

// Item is a directory entry of a configuration directory.
type Item struct {
	Path  string      `json:"path"` // relative, "." for the directory itself
	Mode  fs.FileMode `json:"mode"` // type and permissions
	UID   int         `json:"uid"`
	GID   int         `json:"gid"`
	Size  int64       `json:"size,omitempty"`
	MTime time.Time   `json:"mtime"`
	SHA   string      `json:"sha256,omitempty"` // of a file's content, or of a link's target
}

// manifest reads dir and everything below it, without following links. Entries come in the order of their paths.
func manifest(dir string) ([]Item, error) {
	var items []Item
	var total int64
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		it, err := readItem(dir, path)
		if err != nil {
			return err
		}
		items = append(items, it)
		if total += it.Size; total > maxTree || len(items) > maxEntries {
			return fmt.Errorf("more than %d entries or %d MiB", maxEntries, maxTree>>20)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("take stock of %s: %w", dir, err)
	}
	return items, nil
}

func readItem(dir, path string) (Item, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return Item{}, err
	}
	rel, err := filepath.Rel(dir, path)
	if err != nil {
		return Item{}, err
	}
	it := Item{Path: rel, Mode: info.Mode(), MTime: info.ModTime()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		it.UID, it.GID = int(st.Uid), int(st.Gid)
	}
	switch {
	case info.Mode().IsRegular():
		it.Size = info.Size()
		it.SHA, err = fileSHA(path)
	case info.Mode()&fs.ModeSymlink != 0:
		var target string
		target, err = os.Readlink(path)
		it.SHA = sha([]byte(target))
	}
	return it, err
}

func fileSHA(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func sha(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Digest returns the SHA-256 of a whole configuration directory: of every path below it, its type, mode, owner
// and content. Times are not in it.
func Digest(dir string) (string, error) {
	items, err := manifest(dir)
	if err != nil {
		return "", err
	}
	return digest(items), nil
}

func digest(items []Item) string {
	h := sha256.New()
	for _, it := range items {
		fmt.Fprintf(h, "%q %s %d %d %s\n", it.Path, it.Mode, it.UID, it.GID, it.SHA)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// copyTree copies what items list from dir into the directory name of vault, which must not be there yet, and
// checks each copy. Sockets, pipes and devices are in the manifest only.
func copyTree(dir string, vault *os.Root, name string, items []Item) error {
	for _, it := range items {
		if err := copyItem(filepath.Join(dir, it.Path), vault, filepath.Join(name, it.Path), it); err != nil {
			return fmt.Errorf("back up %s: %w", it.Path, err)
		}
	}
	for _, it := range slices.Backward(items) {
		if !it.Mode.IsDir() && !it.Mode.IsRegular() {
			continue
		}
		if err := vault.Chtimes(filepath.Join(name, it.Path), it.MTime, it.MTime); err != nil {
			return fmt.Errorf("back up %s: %w", it.Path, err)
		}
	}
	return nil
}

func copyItem(from string, vault *os.Root, to string, it Item) error {
	switch {
	case it.Mode.IsDir():
		return errors.Join(vault.Mkdir(to, 0o700), own(vault, to, it))
	case it.Mode&fs.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return vault.Symlink(target, to)
	case !it.Mode.IsRegular():
		return nil
	}
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if sha(b) != it.SHA {
		return errors.New("it changed while it was read; try again")
	}
	return writeNew(vault, to, b, it)
}

// own gives name the mode and owner of it. Without the right to give files away the owner stays ours: that is
// how a test runs, and the manifest knows better.
func own(dir *os.Root, name string, it Item) error {
	if err := dir.Lchown(name, it.UID, it.GID); err != nil && os.Geteuid() == 0 {
		return err
	}
	return dir.Chmod(name, it.Mode&(fs.ModePerm|fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky))
}

// writeNew makes a file with the mode and owner of it, and syncs it.
func writeNew(dir *os.Root, name string, content []byte, it Item) error {
	f, err := dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	return errors.Join(err, own(dir, name, it), f.Sync(), f.Close())
}

// replace writes a file in one step: a new file beside it, synced, renamed over it.
func replace(dir *os.Root, name string, content []byte, it Item) error {
	temp := fmt.Sprintf(".%s.postward-%d", name, os.Getpid())
	dir.Remove(temp) // left by a process that died
	err := writeNew(dir, temp, content, it)
	if err == nil {
		err = copyAttributes(filepath.Join(dir.Name(), name), filepath.Join(dir.Name(), temp))
	}
	if err == nil {
		err = errors.Join(dir.Chtimes(temp, it.MTime, it.MTime), dir.Rename(temp, name))
	}
	if err != nil {
		dir.Remove(temp)
		return fmt.Errorf("write %s: %w", filepath.Join(dir.Name(), name), err)
	}
	return syncDir(dir)
}

// replaceConfig writes one of Postfix's files. Where its name is a symbolic link, the file it points to is
// replaced and the link stays.
func replaceConfig(path string, content []byte, it Item) error {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	dir, err := os.OpenRoot(filepath.Dir(target))
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer dir.Close()
	return replace(dir, filepath.Base(target), content, it)
}

// copyAttributes carries extended attributes over (SELinux labels, access control lists).
func copyAttributes(from, to string) error {
	buf := make([]byte, 64<<10)
	n, err := syscall.Listxattr(from, buf)
	if err != nil {
		return nil // a file system without them, or a new file
	}
	value := make([]byte, 64<<10)
	for name := range strings.SplitSeq(strings.TrimRight(string(buf[:n]), "\x00"), "\x00") {
		size, err := syscall.Getxattr(from, name, value)
		if name == "" || err != nil {
			continue
		}
		if err := syscall.Setxattr(to, name, value[:size], 0); err != nil {
			return fmt.Errorf("keep attribute %s: %w", name, err)
		}
	}
	return nil
}

func syncDir(dir *os.Root) error {
	d, err := dir.Open(".")
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
