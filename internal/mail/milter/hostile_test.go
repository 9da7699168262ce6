package milter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"postward/internal/guard"
	"postward/internal/mail/message"
)

// hello is what an MTA says first; mailTo is a mail up to its header section.
var hello = appendPacket(nil, cmdOptNeg, []byte{0, 0, 0, 6, 0, 0, 1, 0xff, 0, 0x1f, 0xff, 0xff})

func mailTo(recipients int) []byte {
	wire := appendPacket(nil, cmdMacro, []byte("M{auth_authen}\x00anna\x00"))
	wire = appendPacket(wire, cmdMail, nul("<a@b.test>"))
	for i := range recipients {
		wire = appendPacket(wire, cmdRcpt, nul(fmt.Sprintf("<r%d@d.test>", i)))
	}
	return wire
}

// works checks that the server serves an ordinary mail.
func works(t *testing.T, path string) {
	t.Helper()
	x := dial(t, path)
	if _, act := send(t, x, "anna", "a@b.test", "c@d.test"); act == nil {
		t.Error("an ordinary mail is not answered")
	}
}

// TestGarbageEndsItsSessionAlone: what no MTA says ends the session that it came on, at once, and no other.
func TestGarbageEndsItsSessionAlone(t *testing.T) {
	path, _ := started(t, &Server{})
	for name, wire := range map[string][]byte{
		"a web browser":         []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"an SMTP client":        []byte("EHLO x\r\nMAIL FROM:<a@b.test>\r\n"),
		"a length of nothing":   {0, 0, 0, 0},
		"a length of 4 GiB":     {0xff, 0xff, 0xff, 0xff, 'O'},
		"no negotiation":        mailTo(1),
		"an end before a mail":  appendPacket(bytes.Clone(hello), cmdEOM),
		"an unknown command":    appendPacket(bytes.Clone(hello), '~', []byte("x")),
		"a negotiation cut":     appendPacket(nil, cmdOptNeg, []byte{0, 0, 0}),
		"an address cut":        appendPacket(bytes.Clone(hello), cmdMail, []byte("<a@b.test>")),
		"a connect cut":         appendPacket(bytes.Clone(hello), cmdConnect, []byte("host\x004\x00")),
		"a header without end":  appendPacket(append(bytes.Clone(hello), mailTo(1)...), cmdHeader, []byte("From")),
		"every octet there is":  bytes.Repeat([]byte{0, 1, 2, 0x7f, 0x80, 0xfe, 0xff}, 10_000),
		"a negotiation of zero": appendPacket(nil, cmdOptNeg, make([]byte, 12)),
	} {
		t.Run(name, func(t *testing.T) {
			c, err := net.Dial("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			c.Write(wire) // the server may have hung up amid it
			c.(*net.UnixConn).CloseWrite()
			if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
				t.Fatal(err)
			}
			for buf := make([]byte, 1024); ; {
				if _, err := c.Read(buf); err != nil {
					if errors.Is(err, os.ErrDeadlineExceeded) {
						t.Error("the session goes on")
					}
					break
				}
			}
			works(t, path)
		})
	}
}

// TestHalfASentenceIsNotWaitedForLong: a peer that stops within a packet is let go after Limits.Packet.
func TestHalfASentenceIsNotWaitedForLong(t *testing.T) {
	limits := DefaultLimits()
	limits.Packet = 50 * time.Millisecond
	path, _ := started(t, &Server{Limits: limits})
	whole := append(bytes.Clone(hello), mailTo(1)...)
	for _, n := range []int{1, 3, 4, 5, len(hello) + 2, len(whole) - 1} {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(whole[:n]); err != nil {
			t.Fatal(err)
		}
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		for buf := make([]byte, 1024); err == nil; {
			_, err = c.Read(buf)
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("after %d octets it waits", n)
		}
		c.Close()
	}
	works(t, path)
}

// judgedOne runs a wire and returns the transaction that was judged at its end, and by how much the heap grew while it
// came in.
func judgedOne(t *testing.T, say func(write func([]byte))) (*guard.Transaction, uint64) {
	t.Helper()
	var got *guard.Transaction
	var most uint64
	done := make(chan struct{})
	grown := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	// In shadow mode even an address that cannot be read is kept, and judged; see envelope_test.go for the other.
	path, _ := started(t, &Server{Shadow: true, End: func(_ context.Context, x *guard.Transaction) Answer {
		most, got = grown(), x
		close(done)
		return Answer{Action: guard.Accept}
	}})
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var reading sync.WaitGroup
	reading.Go(func() { // the answers; nobody wants them
		_, err := io.Copy(io.Discard, c)
		if err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
	before := grown()
	say(func(wire []byte) {
		if _, err := c.Write(wire); err != nil {
			t.Fatal(err)
		}
	})
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Fatal("not judged in 30 s")
	}
	c.Close()
	reading.Wait()
	return got, max(most, before) - before
}

func TestTenThousandRecipientsAreCountedAndBounded(t *testing.T) {
	x, grown := judgedOne(t, func(write func([]byte)) {
		write(hello)
		write(mailTo(10_000))
		write(appendPacket(nil, cmdEOM))
	})
	if len(x.Recipients) != guard.MaxRecipients || x.RecipientCount() != 10_000 {
		t.Errorf("%d kept, %d counted", len(x.Recipients), x.RecipientCount())
	}
	if grown > 4<<20 {
		t.Errorf("they take %d KiB", grown>>10)
	}
}

func TestHugeHeaderSectionAndBodyTakeNoMemory(t *testing.T) {
	field := appendPacket(nil, cmdHeader, []byte("X-Filler\x00"+strings.Repeat("x", 60_000)+"\x00"))
	chunk := appendPacket(nil, cmdBody, bytes.Repeat([]byte("all work and no play\r\n"), 2900))
	x, grown := judgedOne(t, func(write func([]byte)) {
		write(hello)
		write(mailTo(1))
		for range 350 { // 20 MB
			write(field)
		}
		for range 3300 { // 200 MB from an MTA that does not skip
			write(chunk)
		}
		write(appendPacket(nil, cmdEOM))
	})
	if x.Size < 200<<20 {
		t.Errorf("only %d octets were read", x.Size)
	}
	if !x.NoAuthor {
		t.Error("a header section too long to be read to its end counts as read")
	}
	if grown > 4<<20 {
		t.Errorf("it takes %d KiB", grown>>10)
	}
}

// TestOctetsThatNoMailHas: NUL, bare CR and LF, and what is no UTF-8, everywhere. What is kept of them can be written to
// a journal and shown on a terminal.
func TestOctetsThatNoMailHas(t *testing.T) {
	const evil = "a\r\nb\rc\nd\x01\x1b[2J\xff\xfe\u202e\u0085@x.test"
	x, _ := judgedOne(t, func(write func([]byte)) {
		write(hello)
		write(appendPacket(nil, cmdConnect, []byte(evil+"\x004\x00\x19"+evil+"\x00")))
		write(appendPacket(nil, cmdHelo, nul(evil)))
		write(appendPacket(nil, cmdMacro, []byte("M{auth_authen}\x00"+evil+"\x00i\x00"+evil+"\x00")))
		write(appendPacket(nil, cmdMail, nul("<"+evil+">")))
		write(appendPacket(nil, cmdRcpt, nul("<"+evil+">")))
		for _, name := range []string{"From", "Subject", "Message-ID", "User-Agent", "Date", "Reply-To", evil} {
			write(appendPacket(nil, cmdHeader, []byte(name+"\x00"+evil+"\x00")))
		}
		write(appendPacket(nil, cmdBody, []byte("\x00\x00"+evil)))
		write(appendPacket(nil, cmdEOM))
	})
	for what, text := range map[string]string{
		"login": x.Login, "queue id": x.QueueID, "HELO name": x.Helo, "client": x.ClientName, "reverse-path": x.ReversePath,
		"recipient": x.Recipients[0], "subject": x.Subject, "message-id": x.MessageID, "mailer": x.Mailer, "authors": strings.Join(x.Authors, " "),
	} {
		if text != message.Clean(text) {
			t.Errorf("%s: %q", what, text)
		}
	}
}

// TestTwoThousandSessionsAtOnce: so many are served, the next one waits until one of them ends.
func TestTwoThousandSessionsAtOnce(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < 5000 {
		t.Skipf("2,000 sessions want 5,000 descriptors, this process may have %d", limit.Cur)
	}
	limits := DefaultLimits()
	path, _ := started(t, &Server{Limits: limits})
	var open []net.Conn
	defer func() {
		for _, c := range open {
			c.Close()
		}
	}()
	for range limits.Sessions {
		open = append(open, greeted(t, path))
	}
	late, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer late.Close()
	if _, err := late.Write(hello); err != nil {
		t.Fatal(err)
	}
	late.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if n, err := late.Read(make([]byte, 100)); err == nil {
		t.Errorf("one more than %d is served: %d octets", limits.Sessions, n)
	}
	open[0].Close()
	late.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := late.Read(make([]byte, 100)); err != nil {
		t.Errorf("the next one is not served when another ended: %v", err)
	}
}

// greeted is a session that was negotiated.
func greeted(t *testing.T, path string) net.Conn {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	c.SetReadDeadline(time.Now().Add(20 * time.Second))
	var buf []byte
	if _, err := c.Write(hello); err != nil {
		t.Fatal(err)
	}
	if _, err := readPacket(c, &buf, func() error { return nil }); err != nil {
		t.Fatal(err)
	}
	return c
}

const fewDescriptors = "POSTWARD_TEST_FEW_DESCRIPTORS"

// TestWithoutDescriptorsTheListenerWaits runs itself with 64 descriptors: when they are used up nobody can be accepted;
// when some are free again, everybody is.
func TestWithoutDescriptorsTheListenerWaits(t *testing.T) {
	if os.Getenv(fewDescriptors) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestWithoutDescriptorsTheListenerWaits$", "-test.v")
		cmd.Env = append(os.Environ(), fewDescriptors+"=yes")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 64, Max: 64}); err != nil {
		t.Fatal(err)
	}
	path, _ := started(t, &Server{})
	works(t, path)
	var open []net.Conn
	var full error
	for full == nil {
		var c net.Conn
		if c, full = net.Dial("unix", path); full == nil {
			open = append(open, c)
		}
	}
	if !errors.Is(full, unix.EMFILE) {
		t.Fatal(full)
	}
	for _, c := range open {
		c.Close()
	}
	works(t, path)
}
