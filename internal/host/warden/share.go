package warden

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// share gives each socket of the daemon's to the group of its directory: Postfix's, or the operators'. The daemon is in
// neither: it would need them for this moment only, and have them for ever.
func (a *Acts) share() error {
	for _, path := range a.Sockets {
		if err := share(path); err != nil {
			return fmt.Errorf("give the socket %s to the group of its directory: %w", path, err)
		}
	}
	return nil
}

// share looks at and changes one descriptor. The directory is the daemon's, who may put anything there: only a socket
// of its own, which has no other name, is given away.
func share(path string) error {
	above, err := openTrusted(filepath.Dir(filepath.Dir(path)))
	if err != nil {
		return err
	}
	defer above.Close()
	dir, err := openAt(above, filepath.Base(filepath.Dir(path)), openDirectory)
	if err != nil {
		return err
	}
	defer dir.Close()
	f, err := openAt(dir, filepath.Base(path), unix.O_PATH|unix.O_NOFOLLOW)
	if err != nil {
		return err
	}
	defer f.Close()
	return giveTo(f, dir)
}

func giveTo(f, dir *os.File) error {
	var of, in unix.Stat_t
	if err := unix.Fstat(int(dir.Fd()), &in); err != nil {
		return err
	}
	if err := unix.Fstat(int(f.Fd()), &of); err != nil {
		return err
	}
	switch {
	case of.Mode&unix.S_IFMT != unix.S_IFSOCK || of.Uid != in.Uid || of.Nlink != 1:
		return fmt.Errorf("it is no socket of user %d alone: remove it and restart postward", in.Uid)
	case of.Gid == in.Gid:
		return nil
	}
	return unix.Fchownat(int(f.Fd()), "", -1, int(in.Gid), unix.AT_EMPTY_PATH)
}
