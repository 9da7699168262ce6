package rig

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// chrootFiles and chrootLibs are what Debian's configure-instance.sh copies into the queue directory.
var (
	chrootFiles = []string{"/etc/localtime", "/etc/services", "/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf"}
	chrootLibs  = []string{"/lib/*/libgcc_s*.so*", "/lib/*/libnss*.so*", "/lib/*/libresolv*.so*"}
)

// fillChroot prepares a queue directory for chrooted services, as Debian's start script does.
func fillChroot(queue string) error {
	files := chrootFiles
	for _, pattern := range chrootLibs {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return fmt.Errorf("fill the chroot: %w", err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		if err := copyInto(queue, file); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("fill the chroot: %w", err)
		}
	}
	return nil
}

func copyInto(root, file string) error {
	from, err := os.Open(file)
	if err != nil {
		return err
	}
	defer from.Close()
	path := filepath.Join(root, file)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	to, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	if closed := to.Close(); err == nil {
		err = closed
	}
	return err
}
