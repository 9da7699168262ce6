package world_test

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	mdns "github.com/miekg/dns"

	"postward/test/world"
)

// FuzzNameServerAnswersAfterAnything sends octets over UDP, and for what is a question looks that its reply can be read;
// then a plain question must be answered.
func FuzzNameServerAnswersAfterAnything(f *testing.F) {
	s := named(f)
	if err := s.SetZone(".", "*.fuzz.example. TXT any\na.\\.b.example. A 192.0.2.1\n"); err != nil {
		f.Fatal(err)
	}
	for suffix, kind := range map[string]world.Kind{"loop.example": world.Loop, "chain.example": world.Chain, "all.example": world.Everything} {
		s.Behave(suffix, world.Behaviour{Kind: kind})
	}
	for _, name := range []string{"example.org.", "x.fuzz.example.", "a.\\.b.example.", "x.loop.example.", "loop.loop.example.", "x.chain.example.", ".", "x.all.example."} {
		packed, err := new(mdns.Msg).SetQuestion(name, mdns.TypeA).Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(packed)
	}
	plain := new(mdns.Msg).SetQuestion("mx1.example.org.", mdns.TypeA)
	plain.Id = 4711
	question, err := plain.Pack()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, octets []byte) {
		conn, err := net.Dial("udp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := conn.Write(octets[:min(len(octets), 4000)]); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Write(question); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, mdns.MaxMsgSize)
		for { // the two replies come in any order
			n, err := conn.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			var m mdns.Msg
			if err := m.Unpack(buf[:n]); err != nil {
				t.Fatalf("a reply that cannot be read: %v: %x", err, buf[:n])
			}
			if m.Id == plain.Id && len(m.Answer) == 1 {
				break
			}
		}
		s.Forget()
	})
}

// FuzzMailServerEndsWithItsClient sends octets and hangs up: the server must do so too, with whole lines until then, and
// take mail only for its own.
func FuzzMailServerEndsWithItsClient(f *testing.F) {
	ca := authority(f)
	s := mx(f, ca, world.Clean)
	f.Add([]byte("EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<anna@example.org>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n"))
	f.Add([]byte("HELO a\nMAIL FROM: <a@b> SIZE=1\nRCPT TO:<\"a@b\"@example.org>\nRSET\nNOOP\nVRFY x\nDATA\n"))
	f.Add([]byte("STARTTLS\r\n\x16\x03\x01\x00\x05hello"))
	seen := 0
	f.Fuzz(func(t *testing.T, octets []byte) {
		conn, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		// The server may have hung up on too many errors.
		_, _ = conn.Write(octets)
		_ = conn.(*net.TCPConn).CloseWrite()
		if _, err := io.Copy(io.Discard, conn); err != nil && isTimeout(err) {
			t.Fatalf("it does not hang up: %v", err)
		}
		mails := s.Mails()
		for _, m := range mails[seen:] {
			for _, to := range m.To {
				if !own(to) {
					t.Fatalf("it took mail for %q", to)
				}
			}
		}
		seen = len(mails)
	})
}

func isTimeout(err error) bool {
	timeout, ok := err.(net.Error)
	return ok && timeout.Timeout()
}

// own is written another way than the server has it.
func own(to string) bool {
	switch strings.ToLower(to) {
	case "postmaster", "postmaster@example.org", "abuse@example.org", "anna@example.org":
		return true
	}
	return false
}
