package attach

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// replaceable finds out beforehand whether the files that change can be replaced by new ones under their names, as Apply does: so no
// moment sees half a file.
func (p *Plan) replaceable() error {
	q := p
	if p.again != nil {
		q = p.again
	}
	for _, c := range q.changes() {
		if bytes.Equal(c.before, c.after) && p.again == nil {
			continue
		}
		if err := canReplace(filepath.Join(p.Host.ConfigDir, c.name)); err != nil {
			return err
		}
	}
	return nil
}

// canReplace says why nothing can be renamed over a file.
func canReplace(path string) error {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("replace %s: %w", path, err)
	}
	if mounted(target) {
		return fmt.Errorf("%s is mounted by itself, as containers do with single files, and cannot be replaced: mount its directory, or attach where it comes from", target)
	}
	if frozen(target) || frozen(filepath.Dir(target)) {
		return fmt.Errorf("%s or its directory is immutable and cannot be replaced: lsattr, chattr -i", target)
	}
	if err := unix.Access(filepath.Dir(target), unix.W_OK); err != nil {
		return fmt.Errorf("no file can be written in %s: %w", filepath.Dir(target), err)
	}
	return nil
}

// mounted reports whether a path is a mount point (proc_pid_mountinfo(5), the fifth field).
func mounted(path string) bool {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 4 && unescaped(f[4]) == path {
			return true
		}
	}
	return false
}

// unescaped is a path of mountinfo as it is: blanks in it are written as octal numbers.
func unescaped(path string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(path)
}

// The flags of a file, as linux/fs.h has them.
const immutable, appendOnly = 0x10, 0x20

// frozen reports whether a file or a directory is immutable or may only grow (ioctl_iflags(2)).
func frozen(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	flags, err := unix.IoctlGetInt(int(f.Fd()), unix.FS_IOC_GETFLAGS)
	return err == nil && flags&(immutable|appendOnly) != 0
}
