package sock

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// childVar makes the test binary somebody who connects ("dial ADDR"), or who asks ("ask CLIENT SERVER").
const childVar = "POSTWARD_SOCK_CHILD"

func TestMain(m *testing.M) {
	if job := os.Getenv(childVar); job != "" {
		os.Exit(child(strings.Fields(job)))
	}
	os.Exit(m.Run())
}

func child(job []string) int {
	if job[0] == "ask" {
		uid, err := Owner(netip.MustParseAddrPort(job[1]), netip.MustParseAddrPort(job[2]))
		fmt.Println(uid, err)
		return 0
	}
	c, err := net.Dial("tcp", job[1])
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("connected")
	bufio.NewReader(os.Stdin).ReadByte() // until the test has seen enough
	c.Close()
	return 0
}

// as starts this binary again as a user. Without root everybody is who runs the test.
func as(t *testing.T, uid uint32, job string) (said *bufio.Reader, end func()) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), childVar+"="+job)
	cmd.Stderr = os.Stderr
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	ended := false
	end = func() {
		if !ended {
			ended = true
			in.Close()
			cmd.Wait() // its exit shows in what it said
		}
	}
	t.Cleanup(end)
	return bufio.NewReader(out), end
}

func who(uid uint32) uint32 {
	if os.Geteuid() == 0 {
		return uid
	}
	return uint32(os.Geteuid())
}

// connection is one that a user opened, as the server sees it.
type connection struct {
	client, server netip.AddrPort
	accepted       net.Conn
	hangUp         func() // ends the client's process
}

func connect(t *testing.T, uid uint32, listen, dial string) connection {
	t.Helper()
	l, err := net.Listen("tcp", listen)
	if err != nil {
		t.Skipf("this machine has no %s: %v", listen, err)
	}
	t.Cleanup(func() { l.Close() })
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	said, hangUp := as(t, uid, "dial "+net.JoinHostPort(dial, port))
	if text, err := said.ReadString('\n'); text != "connected\n" {
		t.Fatalf("%q %v", text, err)
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return connection{netip.MustParseAddrPort(c.RemoteAddr().String()), netip.MustParseAddrPort(c.LocalAddr().String()), c, hangUp}
}

func TestTheKernelNamesWhoConnected(t *testing.T) {
	for _, x := range []struct {
		uid          uint32
		listen, dial string
	}{
		{65534, "127.0.0.1:0", "127.0.0.1"}, {33, "127.0.0.1:0", "127.0.0.1"}, {0, "127.0.0.1:0", "127.0.0.1"},
		{33, "[::1]:0", "::1"}, {65534, "[::]:0", "127.0.0.1"}, {33, "0.0.0.0:0", "127.8.9.10"},
	} {
		c := connect(t, x.uid, x.listen, x.dial)
		if uid, err := Owner(c.client, c.server); err != nil || uid != who(x.uid) {
			t.Errorf("%s to %s by %d: %d, %v", x.dial, x.listen, x.uid, uid, err)
		}
	}
}

// A program that speaks IPv6 reaches IPv4 by a mapped address: its socket is of the other family than the server's.
func TestAMappedAddressIsTheSameConnection(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Skip("this machine has no IPv6: ", err)
	}
	defer unix.Close(fd)
	port := l.Addr().(*net.TCPAddr).Port
	to := &unix.SockaddrInet6{Port: port, Addr: netip.MustParseAddr("::ffff:127.0.0.1").As16()}
	if err := unix.Connect(fd, to); err != nil {
		t.Fatal(err)
	}
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	client, server := netip.MustParseAddrPort(c.RemoteAddr().String()), netip.MustParseAddrPort(c.LocalAddr().String())
	if uid, err := Owner(client, server); err != nil || uid != uint32(os.Geteuid()) {
		t.Errorf("%d, %v", uid, err)
	}
}

func TestAskingNeedsNoPrivilege(t *testing.T) {
	c := connect(t, 33, "127.0.0.1:0", "127.0.0.1")
	said, _ := as(t, 65534, fmt.Sprintf("ask %s %s", c.client, c.server))
	if text, err := said.ReadString('\n'); text != fmt.Sprintln(who(33), nil) {
		t.Errorf("nobody is told %q, %v", text, err)
	}
}

// What a process left behind is not root's: older kernels say uid 0 of it.
func TestAConnectionThatWasClosedIsNotRoots(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to be somebody else")
	}
	c := connect(t, 33, "127.0.0.1:0", "127.0.0.1")
	c.hangUp()
	if uid, err := Owner(c.client, c.server); !errors.Is(err, ErrClosed) && uid != 33 {
		t.Errorf("after the client closed: %d, %v", uid, err)
	}
	c.accepted.Close()
	if uid, err := Owner(c.client, c.server); !errors.Is(err, ErrClosed) && !errors.Is(err, ErrNoSocket) {
		t.Errorf("after both closed: %d, %v", uid, err)
	}
}

// For a connection that is not there the kernel names who listens at the client's port.
func TestWhoListensDidNotConnect(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	local := netip.MustParseAddrPort(l.Addr().String())
	if uid, err := Owner(local, netip.MustParseAddrPort("127.0.0.1:1")); !errors.Is(err, ErrNoSocket) {
		t.Errorf("%d, %v", uid, err)
	}
}

func TestAnotherNetworkNamespaceHasNoSuchSocket(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, for a network namespace")
	}
	c := connect(t, 33, "127.0.0.1:0", "127.0.0.1")
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and the thread ends with the goroutine
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- err
			return
		}
		_, err := Owner(c.client, c.server)
		done <- err
	}()
	if err := <-done; !errors.Is(err, ErrNoSocket) {
		t.Error(err)
	}
}

func TestWhatCannotBeAConnectionIsNone(t *testing.T) {
	some := netip.MustParseAddrPort("127.0.0.1:25")
	for _, client := range []netip.AddrPort{{}, netip.MustParseAddrPort("127.0.0.1:0"), netip.MustParseAddrPort("[::1]:40000")} {
		for _, ends := range [][2]netip.AddrPort{{client, some}, {some, client}} {
			if uid, err := Owner(ends[0], ends[1]); !errors.Is(err, ErrNoSocket) {
				t.Errorf("%v: %d, %v", ends, uid, err)
			}
		}
	}
}

// anAnswer is what a kernel says of a socket.
func anAnswer(local, remote netip.AddrPort, uid, inode uint32) []byte {
	b := question(local, remote)[:headerSize]
	body := make([]byte, messageSize)
	body[0] = family(local.Addr())
	binary.BigEndian.PutUint16(body[idOffset:], local.Port())
	binary.BigEndian.PutUint16(body[idOffset+2:], remote.Port())
	copy(body[idOffset+4:], local.Addr().AsSlice())
	copy(body[idOffset+20:], remote.Addr().AsSlice())
	binary.NativeEndian.PutUint32(body[uidOffset:], uid)
	binary.NativeEndian.PutUint32(body[inodeOffset:], inode)
	binary.NativeEndian.PutUint32(b, headerSize+messageSize)
	return append(b, body...)
}

func anError(errno unix.Errno) []byte {
	b := question(netip.AddrPort{}, netip.AddrPort{})[:headerSize]
	binary.NativeEndian.PutUint32(b, headerSize+20)
	binary.NativeEndian.PutUint16(b[4:], unix.NLMSG_ERROR)
	b = binary.NativeEndian.AppendUint32(b, uint32(-int32(errno)))
	return append(b, make([]byte, 16)...)
}

var (
	here  = netip.MustParseAddrPort("127.0.0.1:40000")
	there = netip.MustParseAddrPort("127.0.0.1:25")
)

func TestAnAnswerIsReadOrRefused(t *testing.T) {
	good := anAnswer(here, there, 33, 7)
	changed := func(at int, to byte) []byte {
		b := append([]byte(nil), good...)
		b[at] = to
		return b
	}
	for name, x := range map[string]struct {
		answer []byte
		uid    uint32
		err    error
	}{
		"a user":                        {good, 33, nil},
		"root, with an inode":           {anAnswer(here, there, 0, 7), 0, nil},
		"root, without one":             {anAnswer(here, there, 0, 0), 0, ErrClosed},
		"a user, without one":           {anAnswer(here, there, 33, 0), 33, nil},
		"who listens":                   {anAnswer(here, netip.MustParseAddrPort("0.0.0.0:0"), 33, 7), 0, ErrNoSocket},
		"the other end":                 {anAnswer(there, here, 33, 7), 0, ErrNoSocket},
		"no socket":                     {anError(unix.ENOENT), 0, ErrNoSocket},
		"no such question":              {anError(unix.EOPNOTSUPP), 0, unix.EOPNOTSUPP},
		"an error that is none":         {anError(0), 0, errAnswer},
		"an answer to another question": {changed(8, 9), 0, errAnswer},
		"a type that was not asked for": {changed(4, 3), 0, errAnswer},
		"longer than it is":             {changed(0, 200), 0, errAnswer},
		"shorter than a header":         {changed(0, 3), 0, errAnswer},
		"cut":                           {changed(0, headerSize+messageSize-1), 0, errAnswer},
		"nothing":                       {nil, 0, errAnswer},
	} {
		if uid, err := readOwner(x.answer, here, there); uid != x.uid || !errors.Is(err, x.err) {
			t.Errorf("%s: %d, %v", name, uid, err)
		}
	}
}

// FuzzReadOwner: whatever comes, nothing is read beyond it, and only an answer about this connection names somebody.
func FuzzReadOwner(f *testing.F) {
	f.Add(anAnswer(here, there, 33, 7))
	f.Add(anAnswer(netip.MustParseAddrPort("[::1]:40000"), netip.MustParseAddrPort("[::1]:25"), 33, 7))
	f.Add(anError(unix.ENOENT))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := readOwner(b, here, there); err != nil {
			return
		}
		ports := question(here, there)[headerSize+8 : headerSize+12]
		if len(b) < headerSize+messageSize || string(b[headerSize+idOffset:headerSize+idOffset+4]) != string(ports) {
			t.Errorf("somebody is named by %x", b)
		}
	})
}
