package warden

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// What root makes, opens and gives away is named by the descriptor of a directory whose owner is trusted: no name on
// the way may be one that the daemon, or another user, can make stand for something else.

const openDirectory = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC

// PrepareDir makes sure that path is a directory with this owner and mode. One that is there already must be that
// owner's, or the caller's own and empty: another's would be taken from him with all that is in it. Every directory
// above must be one that only root, or the caller, can change.
func PrepareDir(path string, uid, gid int, mode os.FileMode) error {
	d, err := prepare(path, uid, gid, mode)
	if err != nil {
		return err
	}
	return d.Close()
}

// prepare is PrepareDir, and leaves the directory open.
func prepare(path string, uid, gid int, mode os.FileMode) (*os.File, error) {
	d, err := makeDir(path)
	if err != nil {
		return nil, fmt.Errorf("prepare directory %s: %w", path, err)
	}
	err = mayBecome(d, uid)
	if err == nil {
		err = errors.Join(d.Chown(uid, gid), d.Chmod(mode))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare directory %s: %w", path, err), d.Close())
	}
	return d, nil
}

// makeDir opens a directory, and makes it if it is not there.
func makeDir(path string) (*os.File, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	parent, err := openTrusted(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	defer parent.Close()
	name := filepath.Base(path)
	if err := unix.Mkdirat(int(parent.Fd()), name, 0o700); err != nil && !errors.Is(err, unix.EEXIST) {
		return nil, err
	}
	return openAt(parent, name, openDirectory)
}

// mayBecome says why a directory must not be given to a user, if so.
func mayBecome(d *os.File, uid int) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(d.Fd()), &st); err != nil {
		return err
	}
	switch _, err := d.Readdirnames(1); {
	case int(st.Uid) == uid:
		return nil
	case int(st.Uid) != os.Geteuid():
		return fmt.Errorf("it belongs to user %d and would be taken from it: name a directory of postward's own, or chown this one", st.Uid)
	case err == nil:
		return fmt.Errorf("it is not empty, and what is in it would be given to user %d: name a directory of postward's own, or chown this one", uid)
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}

// maxLinks bounds the symbolic links in a path.
const maxLinks = 40

// openTrusted opens a directory. It is an error if anybody but root and the caller could put another in its place, or in
// the place of one above it.
func openTrusted(path string) (*os.File, error) {
	w := walk{names: split(path)}
	if err := w.begin(); err != nil {
		return nil, err
	}
	defer func() { w.dir.Close() }()
	for len(w.names) > 0 {
		if err := w.step(); err != nil {
			return nil, err
		}
	}
	return openAt(w.dir, ".", openDirectory)
}

// walk goes from the root to a directory, name by name, as path_resolution(7) has it.
type walk struct {
	dir   *os.File
	path  string // of dir
	names []string
	links int
}

// begin goes to the root.
func (w *walk) begin() (err error) {
	w.path = "/"
	w.dir, err = os.OpenFile(w.path, openDirectory, 0)
	return err
}

// step follows the first of the names.
func (w *walk) step() error {
	path := filepath.Join(w.path, w.names[0])
	next, err := openAt(w.dir, w.names[0], unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return err
	}
	w.names = w.names[1:]
	target, err := trusted(next, path)
	if target == "" && err == nil {
		w.dir.Close()
		w.dir, w.path = next, path
		return nil
	}
	next.Close()
	if w.links++; err == nil && w.links > maxLinks {
		err = fmt.Errorf("%s: too many symbolic links", path)
	}
	if err != nil {
		return err
	}
	w.names = append(split(target), w.names...)
	if filepath.IsAbs(target) {
		w.dir.Close()
		return w.begin()
	}
	return nil
}

func split(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

// trusted looks at what a name on the way stands for: a directory that only root and the caller can change, or a
// symbolic link of theirs, whose target it returns. In a directory with the sticky bit nobody can replace another's.
func trusted(f *os.File, path string) (target string, err error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return "", err
	}
	if st.Uid != 0 && int(st.Uid) != os.Geteuid() {
		return "", fmt.Errorf("%s belongs to user %d, who could put something else there: name one below directories of root's", path, st.Uid)
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		return readlink(f)
	case unix.S_IFDIR:
	default:
		return "", fmt.Errorf("%s is no directory", path)
	}
	writable := st.Mode&0o002 != 0 || st.Mode&0o020 != 0 && st.Gid != 0
	if writable && st.Mode&unix.S_ISVTX == 0 {
		return "", fmt.Errorf("%s can be changed by others than its owner (mode %o): chmod go-w %[1]s", path, st.Mode&0o7777)
	}
	return "", nil
}

func readlink(f *os.File) (string, error) {
	target := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(int(f.Fd()), "", target)
	if err != nil {
		return "", err
	}
	if n == 0 || n == len(target) {
		return "", errors.New("read a symbolic link: it is empty or too long")
	}
	return string(target[:n]), nil
}

// openAt opens a name in a directory.
func openAt(dir *os.File, name string, flags int) (*os.File, error) {
	fd, err := unix.Openat(int(dir.Fd()), name, flags|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: filepath.Join(dir.Name(), name), Err: err}
	}
	return os.NewFile(uintptr(fd), filepath.Join(dir.Name(), name)), nil
}
