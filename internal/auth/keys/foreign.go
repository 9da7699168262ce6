package keys

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxLinks is how many links lead to a file at most (path_resolution(7)).
const maxLinks = 40

// ReadForeign reads the file of a private key that another program keeps, which may be a link, and when it was written. Who owns a
// link, or a directory in which one lies, may only lead us to files of his own: root reads this, and could be shown any key.
func ReadForeign(path string) (text []byte, made time.Time, err error) {
	f, err := openForeign(path)
	if err != nil {
		return nil, made, fmt.Errorf("read the key: %w", foreign(err))
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil {
		text, err = readOpen(f, maxFile)
	}
	if err != nil {
		return nil, made, fmt.Errorf("read the key: %w", err)
	}
	return text, info.ModTime(), nil
}

func foreign(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: run as root", err)
	}
	return err
}

// openForeign opens a file to which no link leads, or such as may.
func openForeign(path string) (*os.File, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	how := unix.OpenHow{Flags: unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK, Resolve: unix.RESOLVE_NO_SYMLINKS}
	fd, err := unix.Openat2(unix.AT_FDCWD, path, &how)
	if err == nil {
		return os.NewFile(uintptr(fd), path), nil
	}
	if !errors.Is(err, unix.ELOOP) && !errors.Is(err, unix.ENOSYS) { // ENOSYS: before Linux 5.6
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return openLinked(path)
}

// openLinked opens what links lead to. It looks at the file after it was opened: what lay there before may be another one.
func openLinked(path string) (*os.File, error) {
	owner, found, err := stranger(path)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil || !found {
		return f, err
	}
	info, err := f.Stat()
	if err == nil && uidOf(info) != owner {
		err = &fs.PathError{Op: "open", Path: path, Err: fmt.Errorf("a link of the user %d leads to a file of the user %d: name that file itself in the other program's configuration", owner, uidOf(info))}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// stranger is the owner of the first directory, link or file on the way to a path that is neither root's nor ours: from there on the
// way is his.
func stranger(path string) (uid int, found bool, err error) {
	at, rest, links := "/", parts(path), 0
	for len(rest) > 0 {
		next := filepath.Join(at, rest[0]) // where rest begins with .. too, for at has no links any more
		rest = rest[1:]
		info, err := os.Lstat(next)
		if err != nil {
			return 0, false, err
		}
		if uid := uidOf(info); uid != 0 && uid != os.Geteuid() {
			return uid, true, nil
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		target, err := os.Readlink(next)
		if links++; err != nil || links > maxLinks {
			return 0, false, errors.Join(err, &fs.PathError{Op: "open", Path: path, Err: unix.ELOOP})
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(parts(target), rest...)
	}
	return 0, false, nil
}

func parts(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

func uidOf(info fs.FileInfo) int {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid)
	}
	return -1
}
