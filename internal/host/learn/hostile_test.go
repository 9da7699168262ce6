package learn

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postward/test/rig"
)

// A hijacked daemon owns the state directory, in which learn writes as root.

const (
	accessList = "system.posix_acl_access"
	swapperVar = "POSTWARD_TEST_SWAPPER" // set: this process is the daemon; the directory and what it points to
)

// openTo is an access control list that lets a user read and write: acl(5), as the kernel takes it.
func openTo(uid uint32) []byte {
	list := binary.LittleEndian.AppendUint32(nil, 2)
	for _, e := range [][3]uint32{{1, 6, ^uint32(0)}, {2, 6, uid}, {4, 0, ^uint32(0)}, {16, 6, ^uint32(0)}, {32, 0, ^uint32(0)}} {
		list = binary.LittleEndian.AppendUint16(list, uint16(e[0]))
		list = binary.LittleEndian.AppendUint16(list, uint16(e[1]))
		list = binary.LittleEndian.AppendUint32(list, e[2])
	}
	return list
}

// marks is everything of a file that could be led astray.
func marks(t *testing.T, path string) string {
	t.Helper()
	var st unix.Stat_t
	list := make([]byte, 1024)
	n, err := unix.Getxattr(path, accessList, list)
	if err := unix.Stat(path, &st); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("mode %o uid %d gid %d mtime %d list %x %v", st.Mode, st.Uid, st.Gid, st.Mtim.Sec, list[:max(n, 0)], err)
}

// swapper is the daemon: as nobody, it puts a link to root's file wherever attach writes, until it is killed.
func swapper(t *testing.T, state, victim string) *exec.Cmd {
	t.Helper()
	self, err := os.ReadFile("/proc/self/exe") // the test's own place may be closed to nobody
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(filepath.Dir(state), "daemon")
	rig.WriteFile(t, program, self, 0o755)
	cmd := exec.Command(program, "-test.run=^TestLearnedIsWrittenPastAHostileDaemon$")
	cmd.Env = append(os.Environ(), swapperVar+"="+state+" "+victim+" "+fmt.Sprintf(".%s.postward-%d", File, os.Getpid()))
	cmd.Dir, cmd.Stderr = "/", os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: rig.Nobody, Gid: rig.Nobody}, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// swap is what the swapper does.
func swap(state, victim, temp string) {
	temp = filepath.Join(state, temp)
	for i := 0; ; i++ {
		if _, err := os.Lstat(temp); err == nil {
			aside := fmt.Sprintf("%s.%d", temp, i)
			_ = errors.Join(os.Rename(temp, aside), os.Symlink(victim, temp), os.Remove(aside)) // sometimes it is too late
		}
	}
}

// TestLearnedIsWrittenPastAHostileDaemon: the new file's name stands for root's file a moment later.
func TestLearnedIsWrittenPastAHostileDaemon(t *testing.T) {
	if words := strings.Fields(os.Getenv(swapperVar)); len(words) == 3 {
		swap(words[0], words[1], words[2])
	}
	state, victim := rig.HostileState(t, testNow.Add(-time.Hour))
	before := marks(t, victim)
	learned := filepath.Join(state, File)
	rig.WriteFile(t, learned, []byte("{}\n"), 0o640)
	if err := errors.Join(os.Chown(learned, rig.Nobody, rig.Nobody), unix.Setxattr(learned, accessList, openTo(rig.Nobody), 0)); err != nil {
		t.Skipf("no access control lists here: %v", err)
	}
	cmd := swapper(t, state, victim)
	swapped := 0
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end) && marks(t, victim) == before; {
		if _, err := (&Learned{}).Write(state, testNow); err != nil {
			swapped++
		}
		if info, err := os.Lstat(learned); err == nil && info.Mode()&fs.ModeSymlink != 0 {
			swapped++
			os.Remove(learned)
			rig.WriteFile(t, learned, []byte("{}\n"), 0o640)
			if err := errors.Join(os.Chown(learned, rig.Nobody, rig.Nobody), unix.Setxattr(learned, accessList, openTo(rig.Nobody), 0)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait() // killed
	if swapped == 0 && marks(t, victim) == before {
		t.Error("the daemon never came between: this test shows nothing")
	}
	if after := marks(t, victim); after != before {
		t.Errorf("root's file was %s\nand is        %s", before, after)
	}
}
