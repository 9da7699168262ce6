package rig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// furnish makes the room differ from the machine: /proc shows its processes only, names are resolved from its own
// files, /etc/postfix is its own copy.
func furnish(room Room, dir string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("mount /proc: %w", err)
	}
	if !room.Open {
		if err := raiseLoopback(room.Addresses); err != nil {
			return err
		}
	}
	if err := coverNames(room, dir); err != nil {
		return err
	}
	return coverPostfix(dir)
}

func raiseLoopback(addresses []string) error {
	if err := run("ip", "link", "set", "lo", "up"); err != nil {
		return err
	}
	for _, address := range addresses {
		if err := run("ip", "addr", "add", address, "dev", "lo"); err != nil {
			return err
		}
	}
	return nil
}

// NameServer is the address that the room asks about names, on port 53. Where the network is the machine's own it is one at which no
// resolver of the machine listens.
func (room Room) NameServer() string {
	if room.Open {
		return "127.25.53.1"
	}
	return "127.0.0.1"
}

// coverNames: no question leaves the machine. Where nobody answers on NameServer a lookup fails at once.
func coverNames(room Room, dir string) error {
	hosts := "127.0.0.1 localhost\n::1 localhost\n" + strings.Join(append(room.Hosts, ""), "\n")
	resolv := "nameserver " + room.NameServer() + "\noptions timeout:1 attempts:1\n"
	if err := cover("/etc/hosts", filepath.Join(dir, "hosts"), hosts); err != nil {
		return err
	}
	return cover("/etc/resolv.conf", filepath.Join(dir, "resolv.conf"), resolv)
}

func cover(path, by, text string) error {
	if err := os.WriteFile(by, []byte(text), 0o644); err != nil {
		return fmt.Errorf("write %s: %w", by, err)
	}
	if err := unix.Mount(by, path, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("cover %s: %w", path, err)
	}
	return nil
}

// coverPostfix puts a copy over /etc/postfix, with a main.cf that names the instances of this room: the setgid
// programs (postdrop, postqueue) read no other configuration for ordinary users.
func coverPostfix(dir string) error {
	const etc = "/etc/postfix"
	if _, err := os.Stat(etc); os.IsNotExist(err) {
		return nil
	}
	own := filepath.Join(dir, "etc-postfix")
	if err := run("cp", "-a", etc, own); err != nil {
		return err
	}
	text := "# The room's own: see test/rig.\ncompatibility_level = 3.6\n" + instancesLine + "\n"
	if err := os.WriteFile(filepath.Join(own, "main.cf"), []byte(text), 0o644); err != nil {
		return fmt.Errorf("write the room's main.cf: %w", err)
	}
	if err := unix.Mount(own, etc, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("cover %s: %w", etc, err)
	}
	return nil
}

const instancesLine = "alternate_config_directories ="

// admit names a configuration directory in the room's /etc/postfix/main.cf. It refuses the machine's own file.
func admit(configDir string) error {
	path := filepath.Join(Dir(), "etc-postfix", "main.cf")
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("admit %s: %w", configDir, err)
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("admit %s: %w", configDir, err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("admit %s: %w", configDir, err)
	}
	line := instancesLine + " " + configDir
	return os.WriteFile(path, []byte(strings.Replace(string(text), instancesLine, line, 1)), 0o644)
}

// run runs a tool; its output is part of the error.
func run(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
