package warden

import (
	"encoding/binary"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// parentOf serves acts to a hijacked child, which is the test; ended is closed when it gave the child up.
func parentOf(t *testing.T, a *Acts) (child *net.UnixConn, ended chan error) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	var ends [2]*net.UnixConn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "end")
		c, err := net.FileConn(f)
		must(t, err, f.Close())
		ends[i] = c.(*net.UnixConn)
	}
	ended = make(chan error, 1)
	go func() { ended <- a.serve(t.Context(), ends[0]); ends[0].Close() }()
	t.Cleanup(func() { ends[1].Close() })
	return ends[1], ended
}

func openFiles(t *testing.T) int {
	all, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(all)
}

func framed(body string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

// TestAttackDescriptorsThatAChildSends are not kept by the parent, and those that it lends are closed.
func TestAttackDescriptorsThatAChildSends(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "mail.log"), []byte("x"), 0o600))
	child, _ := parentOf(t, &Acts{Log: filepath.Join(dir, "mail.log")})
	before := openFiles(t)
	secret, err := os.Open("/dev/null")
	must(t, err)
	defer secret.Close()
	many := make([]int, 100)
	for i := range many {
		many[i] = int(secret.Fd())
	}
	in := &borrower{conn: child}
	for range 200 {
		_, _, err := child.WriteMsgUnix(framed(`{"act":"log","name":"mail.log"}`), unix.UnixRights(many...), nil)
		must(t, err)
		var a answer
		must(t, readFrame(in, &a, maxAnswer))
		fd := in.take()
		if fd == 0 || a.Error != "" {
			t.Fatalf("%+v", a)
		}
		must(t, unix.Close(fd))
	}
	if n := openFiles(t); n > before+100 { // 20,000 were sent, and others open some too
		t.Errorf("%d descriptors, %d before", n, before)
	}
}

// TestAttackNames of other files than the log.
func TestAttackNames(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "mail.log"), []byte("x"), 0o600), os.WriteFile(filepath.Join(dir, "secret"), []byte("s"), 0o600), os.Mkdir(filepath.Join(dir, "mail.log-1"), 0o755),
		os.WriteFile(filepath.Join(dir, "mail.log-1", "x"), []byte("s"), 0o600))
	a := &Acts{Log: filepath.Join(dir, "mail.log")}
	names := []string{"../mail.log", "./mail.log", "/mail.log", "mail.log/", "mail.log\x00", "mail.log.1/../secret", "mail.log-1/x", "mail.log.1\x00.gz", "mail.log-..", "mail.log.1/..", "mail.log.0/../../../../etc/shadow.gz", "mail-1/../secret.log", "mail-.log", "secret", ".", "..", "", "mail.log.1:/secret", "mail-1.log.gz.gz", strings.Repeat("mail.log", 10_000)}
	for _, name := range names {
		if f, err := a.openLog(name); err == nil {
			t.Errorf("%.40q was opened: %s", name, f.Name())
			f.Close()
		}
	}
}

// TestAttackAChildThatAsksAndNeverReads, or says nonsense, costs the parent little and ends it nowhere.
func TestAttackAChildThatAsksAndNeverReads(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	child, ended := parentOf(t, &Acts{})
	_ = child.SetWriteDeadline(time.Now().Add(3 * time.Second))
	wrote := 0
	for {
		n, err := child.Write(framed(`{"act":"look","id":"` + strings.Repeat("x", 200_000) + `"}`))
		wrote += n
		if err != nil {
			break
		}
	}
	runtime.ReadMemStats(&after)
	t.Logf("a child wrote %d octets and read none; heap of both %d KiB more", wrote, int64(after.HeapAlloc-before.HeapAlloc)>>10)
	child.Close()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Error("the parent still waits")
	}
	for _, frame := range []string{"\xff\xff\xff\xff", "\x00\x00\x00\x00", string(framed("null")), string(framed(`{"act":"bans"} {}`)), string(framed(strings.Repeat("[", 200_000))), string(framed(`{"act":"ban","bans":[{"prefix":"::/0","for":-9223372036854775808}]}`)),
		string(framed(`{"act":"unban","prefixes":[""]}`)), string(framed(`{"act":"ensure","prefixes":["::ffff:1.2.3.4/100"]}`)), string(framed(`{"ACT":"kick","account":"10.0.0.0/8"}`)), string(framed(`{"act":"kick","account":"*"}`)), string(framed(`{"act":"log","name":"../../etc/shadow"}`))} {
		child, ended := parentOf(t, &Acts{})
		_ = child.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = child.Write([]byte(frame))
		b := make([]byte, 4096)
		n, err := child.Read(b)
		_ = child.Close()
		t.Logf("%.30q: %.100q %v; %v", frame, b[min(n, 4):n], err, <-ended)
	}
}
