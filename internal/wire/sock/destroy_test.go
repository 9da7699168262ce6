package sock

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pair is a connection over loopback, its server's end at a port of its own.
func pair(t *testing.T, listen, network, dial string) (client, server net.Conn, port uint16) {
	t.Helper()
	l, err := net.Listen(network, listen)
	if err != nil {
		t.Skipf("this machine has no %s: %v", listen, err)
	}
	t.Cleanup(func() { l.Close() })
	port = uint16(l.Addr().(*net.TCPAddr).Port)
	client, err = net.Dial("tcp", netip.AddrPortFrom(netip.MustParseAddr(dial), port).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return client, server, port
}

// ended waits until a read says how a connection ended.
func ended(t *testing.T, c net.Conn) error {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, err := c.Read(make([]byte, 1))
	return err
}

// alive reports whether what the client says reaches the server.
func alive(client, server net.Conn) bool {
	if _, err := client.Write([]byte("x")); err != nil {
		return false
	}
	_, err := io.ReadFull(server, make([]byte, 1))
	return err == nil
}

func anybody(netip.Addr) bool { return true }

func TestAConnectionOfAnotherProcessIsEnded(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	for _, x := range []struct{ listen, network, dial string }{
		{"127.0.0.1:0", "tcp4", "127.0.0.1"}, {"[::1]:0", "tcp6", "::1"}, {"[::]:0", "tcp", "127.0.0.1"},
	} {
		client, server, port := pair(t, x.listen, x.network, x.dial)
		var asked netip.Addr
		n, err := Destroy([]uint16{port}, func(a netip.Addr) bool { asked = a; return true })
		if errors.Is(err, ErrNoDestroy) {
			t.Skip(err)
		}
		if n != 1 || err != nil || asked != netip.MustParseAddr(x.dial) {
			t.Errorf("%s: %d ended, %v, asked about %s", x.listen, n, err, asked)
		}
		if err := ended(t, server); !errors.Is(err, syscall.ECONNABORTED) {
			t.Errorf("%s: the server hears %v", x.listen, err)
		}
		if err := ended(t, client); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("%s: the client hears %v", x.listen, err)
		}
	}
}

func TestOtherPortsAndOtherPeopleStay(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	client, server, port := pair(t, "127.0.0.1:0", "tcp4", "127.0.0.1")
	other := uint16(client.LocalAddr().(*net.TCPAddr).Port) // the client's own end has another port
	for name, x := range map[string]struct {
		ports []uint16
		whose func(netip.Addr) bool
	}{
		"another port":    {[]uint16{port + 1, 22}, anybody},
		"no port":         {nil, anybody},
		"another address": {[]uint16{port, other}, func(a netip.Addr) bool { return a == netip.MustParseAddr("127.0.0.2") }},
	} {
		if n, err := Destroy(x.ports, x.whose); n != 0 || err != nil || !alive(client, server) {
			t.Errorf("%s: %d ended, %v", name, n, err)
		}
	}
}

func TestWhoListensIsNotEnded(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if n, err := Destroy([]uint16{uint16(l.Addr().(*net.TCPAddr).Port)}, anybody); n != 0 || err != nil {
		t.Errorf("%d %v", n, err)
	}
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal("nobody listens any more: ", err)
	}
	c.Close()
}

func done() []byte {
	b := anError(0)
	binary.NativeEndian.PutUint16(b[4:], unix.NLMSG_DONE)
	return b
}

func TestADumpIsReadOrRefused(t *testing.T) {
	one := anAnswer(there, here, 33, 7)
	cut := one[:len(one)-1]
	for name, x := range map[string]struct {
		buffer []byte
		n      int
		done   bool
		err    error
	}{
		"two and no end": {append(append([]byte(nil), one...), one...), 2, false, nil},
		"one and an end": {append(append([]byte(nil), one...), done()...), 1, true, nil},
		"an end":         {done(), 0, true, nil},
		"a fault":        {append(append([]byte(nil), one...), anError(unix.EINVAL)...), 1, false, unix.EINVAL},
		"cut":            {cut, 0, false, errAnswer},
		"rubbish":        {append(append([]byte(nil), one...), 1, 2, 3), 1, false, errAnswer},
	} {
		all, done, err := readDump(x.buffer, nil)
		if len(all) != x.n || done != x.done || !errors.Is(err, x.err) {
			t.Errorf("%s: %d, %v, %v", name, len(all), done, err)
		}
		if len(all) > 0 && (all[0].local != there || all[0].remote != here) {
			t.Errorf("%s: %v", name, all[0])
		}
	}
	if _, _, err := readDump(one, make([]socket, maxSockets)); !errors.Is(err, errAnswer) {
		t.Errorf("no bound: %v", err)
	}
}

func TestAKernelThatCannotEndConnectionsIsNamed(t *testing.T) {
	for _, x := range []struct{ says, want error }{
		{unix.EOPNOTSUPP, ErrNoDestroy}, {unix.ENOENT, ErrNoSocket}, {unix.EPERM, unix.EPERM}, {unix.Errno(0), nil},
	} {
		if err := readAcknowledgement(anError(x.says.(unix.Errno))); !errors.Is(err, x.want) {
			t.Errorf("%v: %v", x.says, err)
		}
	}
	if err := readAcknowledgement(done()); !errors.Is(err, errAnswer) {
		t.Error(err)
	}
}

// FuzzReadDump: whatever comes, it ends, nothing is read beyond it, and what it names is as long as what came.
func FuzzReadDump(f *testing.F) {
	f.Add(append(anAnswer(there, here, 33, 7), done()...))
	f.Add(anError(unix.ENOENT))
	f.Fuzz(func(t *testing.T, b []byte) {
		if all, _, _ := readDump(b, nil); len(all)*(headerSize+messageSize) > len(b) {
			t.Errorf("%d connections in %d octets", len(all), len(b))
		}
		readAcknowledgement(b)
	})
}
