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

	"golang.org/x/sys/unix"
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
	if info.Mode().IsRegular() {
		return readFileItem(rel, path)
	}
	it := itemOf(rel, info)
	if it.Mode&fs.ModeSymlink != 0 {
		var target string
		target, err = os.Readlink(path)
		it.SHA = sha([]byte(target))
	}
	return it, err
}

func itemOf(rel string, info fs.FileInfo) Item {
	it := Item{Path: rel, Mode: info.Mode(), MTime: info.ModTime()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		it.UID, it.GID = int(st.Uid), int(st.Gid)
	}
	return it
}

// readFileItem describes a regular file: what is described is what was read.
func readFileItem(rel, path string) (Item, error) {
	f, info, err := openRegular(path)
	if err != nil {
		return Item{}, err
	}
	defer f.Close()
	it := itemOf(rel, info)
	h := sha256.New()
	it.Size, err = io.Copy(h, io.LimitReader(f, maxTree+1))
	it.SHA = hex.EncodeToString(h.Sum(nil))
	return it, err
}

// openRegular opens a file for reading. A link is not followed, and a pipe that took the file's place does not make
// us wait for a writer: both are errors.
func openRegular(path string) (*os.File, fs.FileInfo, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", path)
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
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
		if !it.Mode.IsDir() { // a file has its time already
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
		return makeDir(vault, to, it)
	case it.Mode&fs.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return vault.Symlink(target, to)
	case !it.Mode.IsRegular():
		return nil
	}
	f, _, err := openRegular(from)
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxTree+1))
	if err != nil {
		return err
	}
	if sha(b) != it.SHA {
		return errors.New("it changed while it was read; try again")
	}
	return writeNew(vault, to, b, it, nil)
}

func makeDir(vault *os.Root, name string, it Item) error {
	if err := vault.Mkdir(name, 0o700); err != nil {
		return err
	}
	d, err := vault.OpenFile(name, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	return errors.Join(own(d, it), d.Close())
}

// own gives an open file the mode and owner of it: by its descriptor, for in the user postward's directory a name may
// stand for another file a moment later. Without the right to give files away the owner stays ours: that is how a
// test runs, and the manifest knows better.
func own(f *os.File, it Item) error {
	if err := f.Chown(it.UID, it.GID); err != nil && os.Geteuid() == 0 {
		return err
	}
	return f.Chmod(it.Mode & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky))
}

// writeNew makes a file with the mode, owner and time of it, and syncs it. It gets the extended attributes of like,
// which may be nil.
func writeNew(dir *os.Root, name string, content []byte, it Item, like *os.File) error {
	f, err := dir.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, own(f, it))
	if err == nil && like != nil {
		err = copyAttributes(like, f)
	}
	return errors.Join(err, setTime(f, it.MTime), f.Sync(), f.Close())
}

// setTime sets a file's times by its descriptor.
func setTime(f *os.File, at time.Time) error {
	times := unix.NsecToTimespec(at.UnixNano())
	err := unix.UtimesNanoAt(unix.AT_FDCWD, fmt.Sprintf("/proc/self/fd/%d", f.Fd()), []unix.Timespec{times, times}, 0)
	if err != nil {
		return fmt.Errorf("set the time of %s: %w", f.Name(), err)
	}
	return nil
}

// replace writes a file in one step: a new file beside it, synced, renamed over it. It gets the extended attributes
// of like, which may be nil.
func replace(dir *os.Root, name string, content []byte, it Item, like *os.File) error {
	temp := fmt.Sprintf(".%s.postward-%d", name, os.Getpid())
	dir.Remove(temp) // left by a process that died
	err := writeNew(dir, temp, content, it, like)
	if err == nil {
		err = dir.Rename(temp, name)
	}
	if err != nil {
		dir.Remove(temp)
		return err
	}
	return syncDir(dir)
}

// replaceConfig writes one of Postfix's files, with the extended attributes of the one it replaces (SELinux labels,
// access control lists). Where its name is a symbolic link, the file it points to is replaced and the link stays.
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
	like, _, err := openRegular(target)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer like.Close()
	if err := replace(dir, filepath.Base(target), content, it, like); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// copyAttributes carries extended attributes over, from one open file to another.
func copyAttributes(from, to *os.File) error {
	buf := make([]byte, 64<<10)
	n, err := unix.Flistxattr(int(from.Fd()), buf)
	if err != nil {
		return nil // a file system without them
	}
	value := make([]byte, 64<<10)
	for name := range strings.SplitSeq(strings.TrimRight(string(buf[:n]), "\x00"), "\x00") {
		size, err := unix.Fgetxattr(int(from.Fd()), name, value)
		if name == "" || err != nil {
			continue
		}
		if err := unix.Fsetxattr(int(to.Fd()), name, value[:size], 0); err != nil {
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
