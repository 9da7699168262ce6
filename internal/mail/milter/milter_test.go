package milter

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-message/textproto"
	client "github.com/emersion/go-milter"

	"postward/internal/guard"
)

// started is a server on a unix socket, joined when the test ends.
func started(t testing.TB, s *Server) (address string, stop func()) {
	t.Helper()
	if s.Log == nil {
		s.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if s.Limits == (Limits{}) {
		s.Limits = DefaultLimits()
	}
	accept := func(context.Context, *guard.Transaction) Answer { return Answer{Action: guard.Accept} }
	if s.Mail == nil {
		s.Mail = accept
	}
	if s.End == nil {
		s.End = accept
	}
	path := filepath.Join(t.TempDir(), "m.sock")
	l, err := Listen("unix:" + path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return path, stop
}

// send plays one mail with the independent client and returns its last action and modifications.
func send(t testing.TB, x *client.ClientSession, login, from string, to ...string) ([]client.ModifyAction, *client.Action) {
	t.Helper()
	if err := x.Macros(client.CodeMail, "{auth_authen}", login); err != nil {
		t.Fatal(err)
	}
	act, err := x.Mail(from, nil)
	if err != nil {
		t.Fatal(err)
	}
	if act.Code != client.ActContinue {
		return nil, act
	}
	for _, r := range to {
		if act, err := x.Rcpt(r, nil); err != nil || act.Code != client.ActContinue {
			t.Fatalf("RCPT: %v %v", act, err)
		}
	}
	h := textproto.Header{}
	h.Set("From", "Anna <"+from+">")
	h.Set("Subject", "hello")
	if act, err := x.Header(h); err != nil || act.Code != client.ActContinue {
		t.Fatalf("header: %v %v", act, err)
	}
	if err := x.Macros(client.CodeEOB, "i", "4ABC"); err != nil {
		t.Fatal(err)
	}
	mods, act, err := x.BodyReadFrom(strings.NewReader("hello\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	return mods, act
}

func dial(t testing.TB, path string) *client.ClientSession {
	t.Helper()
	c := client.NewClientWithOptions("unix", path, client.ClientOptions{
		ActionMask: client.OptQuarantine | client.OptAddHeader | client.OptChangeHeader, ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second,
	})
	t.Cleanup(func() { c.Close() })
	x, err := c.Session()
	if err != nil {
		t.Fatal(err)
	}
	if act, err := x.Conn("client.test", client.FamilyInet, 4242, "203.0.113.80"); err != nil || act.Code != client.ActContinue {
		t.Fatalf("connect: %v %v", act, err)
	}
	if act, err := x.Helo("helo.test"); err != nil || act.Code != client.ActContinue {
		t.Fatalf("helo: %v %v", act, err)
	}
	return x
}

func TestTransactionHoldsWhatTheMTASaid(t *testing.T) {
	var got guard.Transaction
	path, _ := started(t, &Server{Direction: guard.Submission, End: func(_ context.Context, t *guard.Transaction) Answer {
		got = *t
		return Answer{Action: guard.Accept}
	}})
	x := dial(t, path)
	if _, act := send(t, x, "anna", "Anna@Example.org", "Bob@far.example", "eve@far.example"); act.Code != client.ActContinue {
		t.Fatalf("answer %v", act)
	}
	if got.Login != "anna" || got.ReversePath != "anna@example.org" || got.Client.String() != "203.0.113.80" || got.Helo != "helo.test" ||
		len(got.Recipients) != 2 || got.Recipients[0] != "bob@far.example" || got.QueueID != "4ABC" || got.Subject != "hello" ||
		len(got.Authors) != 1 || got.Authors[0] != "anna@example.org" || got.Stage != guard.StageEnd || got.MailAt == 0 || got.At < got.MailAt {
		t.Errorf("%+v", got)
	}
}

func TestAnswersOnTheWire(t *testing.T) {
	next := Answer{}
	path, _ := started(t, &Server{End: func(context.Context, *guard.Transaction) Answer { return next }})
	x := dial(t, path)
	for _, c := range []struct {
		answer Answer
		code   client.ActionCode
		smtp   int
		text   string
		mods   int
	}{
		{Answer{Action: guard.Accept}, client.ActContinue, 0, "", 0},
		{Answer{Action: guard.Hold, Quarantine: "why"}, client.ActContinue, 0, "", 1},
		{Answer{Action: guard.Accept, Insert: []Field{{"X-A", "1"}}, Remove: []Removal{{"X-B", 1}}}, client.ActContinue, 0, "", 2},
		{Answer{Action: guard.Reject, Reply: guard.Reply{Code: 550, Enhanced: "5.7.1", Text: "100% no\r\n250 yes"}}, client.ActReplyCode, 550, "5.7.1 100%% no??250 yes", 0},
		{Answer{Action: guard.Tempfail}, client.ActReplyCode, 451, "4.7.1 refused by local policy", 0},
		{Answer{Action: guard.Tempfail, Reply: guard.Reply{Code: 550, Enhanced: "5.0.0", Text: "x"}}, client.ActReplyCode, 451, "4.7.1 x", 0},
	} {
		next = c.answer
		mods, act := send(t, x, "anna", "anna@example.org", "bob@far.example")
		if act.Code != c.code || act.SMTPCode != c.smtp || c.smtp != 0 && !strings.Contains(act.SMTPText, c.text) || len(mods) != c.mods {
			t.Errorf("%+v: got %+v, %d modifications", c.answer, act, len(mods))
		}
	}
}

func TestRefusalAtMailLeavesTheSessionUsable(t *testing.T) {
	path, _ := started(t, &Server{Mail: func(_ context.Context, t *guard.Transaction) Answer {
		if t.Login == "alarm" {
			return Answer{Action: guard.Reject}
		}
		return Answer{Action: guard.Accept}
	}})
	x := dial(t, path)
	for _, login := range []string{"alarm", "anna", "alarm", "anna"} {
		_, act := send(t, x, login, login+"@example.org", "bob@far.example")
		if refused := act.Code == client.ActReplyCode; refused != (login == "alarm") {
			t.Errorf("%s: %+v", login, act)
		}
	}
}

func TestHoldNeedsAnMTAThatCanHold(t *testing.T) {
	a := Answer{Action: guard.Hold}
	if b := a.end(&agreement{}); b[4] != rspReplyCode || !strings.HasPrefix(string(b[5:]), "451 ") {
		t.Errorf("%q", b)
	}
}

func TestNegotiationHonoursTheOffer(t *testing.T) {
	offer := func(n ...uint32) []byte {
		var b []byte
		for _, x := range n {
			b = binary.BigEndian.AppendUint32(b, x)
		}
		return b
	}
	for _, c := range []struct {
		name        string
		offer       []byte
		want        agreement
		fails, syms bool
	}{
		{"everything", offer(6, 0x1ff, 0x1fffff), agreement{6, wantActions, stepsFor(guard.Inbound, false)}, false, true},
		{"newer", offer(9, 0x1ff, 0x1fffff), agreement{6, wantActions, stepsFor(guard.Inbound, false)}, false, true},
		{"old", offer(2, 0x3f, 0x7f), agreement{2, actAddHeader | actChgHeader | actQuarantine, stepNoBody}, false, false},
		{"nothing", offer(6, 0, 0), agreement{6, 0, 0}, false, false},
		{"ancient", offer(1, 0, 0), agreement{}, true, false},
		{"short", offer(6, 0), agreement{}, true, false},
	} {
		got, reply, err := negotiate(c.offer, stepsFor(guard.Inbound, false))
		if (err != nil) != c.fails || got != c.want || !c.fails && (len(reply) > 17) != c.syms {
			t.Errorf("%s: %+v, %d octets, %v", c.name, got, len(reply), err)
		}
	}
}

func TestPanicIsTempfailAndHarmsNobodyElse(t *testing.T) {
	s := &Server{End: func(_ context.Context, t *guard.Transaction) Answer {
		if t.Login == "bug" {
			panic("bug")
		}
		return Answer{Action: guard.Accept}
	}}
	path, _ := started(t, s)
	other := dial(t, path)
	if _, act := send(t, dial(t, path), "bug", "a@example.org", "b@far.example"); act.SMTPCode != 451 {
		t.Errorf("got %+v", act)
	}
	if _, act := send(t, other, "anna", "a@example.org", "b@far.example"); act.Code != client.ActContinue {
		t.Errorf("the other session got %+v", act)
	}
	if s.Panics() != 1 {
		t.Errorf("%d panics counted", s.Panics())
	}
}

func TestSlowJudgeShowsSignsOfLife(t *testing.T) {
	limits := DefaultLimits()
	limits.Progress = 5 * time.Millisecond
	release := make(chan struct{})
	path, _ := started(t, &Server{Limits: limits, End: func(context.Context, *guard.Transaction) Answer {
		<-release
		return Answer{Action: guard.Accept}
	}})
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	b := appendPacket(nil, cmdOptNeg, []byte{0, 0, 0, 6, 0, 0, 1, 0xff, 0, 0x1f, 0xff, 0xff})
	b = appendPacket(b, cmdMail, nul("<a@b.test>"))
	b = appendPacket(b, cmdEOM)
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
	var buf []byte
	seen := ""
	for !strings.HasSuffix(seen, "ppp") {
		p, err := readPacket(c, &buf, func() error { return nil })
		if err != nil {
			t.Fatal(err)
		}
		seen += string(p.cmd)
	}
	close(release)
	for p := (packet{}); p.cmd != rspContinue; {
		if p, err = readPacket(c, &buf, func() error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
}

func TestUnansweredMailIsTold(t *testing.T) {
	unanswered := make(chan string, 1)
	judging, gone := make(chan struct{}), make(chan struct{})
	path, _ := started(t, &Server{
		End: func(context.Context, *guard.Transaction) Answer {
			close(judging)
			<-gone
			return Answer{Action: guard.Hold}
		},
		Unanswered: func(t *guard.Transaction) { unanswered <- t.ReversePath },
	})
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	b := appendPacket(nil, cmdMail, nul("<a@b.test>"))
	if _, err := c.Write(appendPacket(b, cmdEOM)); err != nil {
		t.Fatal(err)
	}
	<-judging
	c.Close()
	close(gone)
	select {
	case who := <-unanswered:
		if who != "a@b.test" {
			t.Errorf("told of %q", who)
		}
	case <-time.After(10 * time.Second):
		t.Error("nobody was told")
	}
}

func TestStallingPeerIsDropped(t *testing.T) {
	limits := DefaultLimits()
	limits.Packet = 50 * time.Millisecond
	path, _ := started(t, &Server{Limits: limits})
	for _, half := range [][]byte{{0}, {0, 0, 0, 9}, {0, 0, 0, 9, 'M', '<'}, {0xff, 0xff, 0xff, 0xff, 'M'}, {0, 0, 0, 0}, {0, 0, 0, 1, 'z'}} {
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write(half); err != nil {
			t.Fatal(err)
		}
		c.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("%q: %v, want the connection closed", half, err)
		}
		c.Close()
	}
}

func TestDrainLetsTheMessageInHandEnd(t *testing.T) {
	judging, release := make(chan struct{}), make(chan struct{})
	path, stop := started(t, &Server{End: func(context.Context, *guard.Transaction) Answer {
		close(judging)
		<-release
		return Answer{Action: guard.Accept}
	}})
	idle := dial(t, path)
	x := dial(t, path)
	answered := make(chan *client.Action, 1)
	go func() {
		_, act := send(t, x, "anna", "a@example.org", "b@far.example")
		answered <- act
	}()
	<-judging
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	close(release)
	if act := <-answered; act.Code != client.ActContinue {
		t.Errorf("the message in hand got %+v", act)
	}
	<-stopped
	if _, err := idle.Mail("a@example.org", nil); err == nil {
		t.Error("an idle session went on after the end")
	}
}

func TestStrangersProcessIsTurnedAway(t *testing.T) {
	path, _ := started(t, &Server{Allow: func(uint32) bool { return false }})
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
		t.Errorf("%v, want the connection closed", err)
	}
}

func TestTwoHundredSessionsAtOnce(t *testing.T) {
	var mu sync.Mutex
	judged := map[string]int{}
	path, _ := started(t, &Server{End: func(_ context.Context, t *guard.Transaction) Answer {
		mu.Lock()
		defer mu.Unlock()
		judged[t.ReversePath]++
		return Answer{Action: guard.Accept}
	}})
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			x := dial(t, path)
			from := string(rune('a'+i/26)) + string(rune('a'+i%26)) + "@example.org"
			for range 5 {
				send(t, x, "anna", from, "b@far.example")
			}
		})
	}
	wg.Wait()
	for from, n := range judged {
		if n != 5 {
			t.Errorf("%s: %d mails judged, want 5", from, n)
		}
	}
	if len(judged) != 200 {
		t.Errorf("%d senders judged", len(judged))
	}
}

func TestLiveSocketIsNotStolen(t *testing.T) {
	path, _ := started(t, &Server{})
	if l, err := Listen("unix:" + path); err == nil {
		l.Close()
		t.Error("a socket that is answered was taken over")
	}
	if l, err := Listen("inet:0.0.0.0:0"); err == nil {
		l.Close()
		t.Error("it listens to everybody")
	}
	if _, err := Listen("/no/prefix"); err == nil {
		t.Error("an address without a prefix was taken")
	}
}

func TestMacrosOfALaterStageAreNewer(t *testing.T) {
	m := macros{}
	for _, p := range []string{"Cj\x00host\x00i\x00old\x00", "M{auth_authen}\x00anna\x00", "Ei\x00NEW\x00"} {
		if err := m.take([]byte(p)); err != nil {
			t.Fatal(err)
		}
	}
	if m.get("i") != "NEW" || m.get("{auth_authen}") != "anna" || m.get("j") != "host" {
		t.Errorf("%v", m)
	}
	m.forget()
	if m.get("i") != "old" || m.get("{auth_authen}") != "" {
		t.Errorf("after a message: %v", m)
	}
}

func FuzzSession(f *testing.F) {

	mail := appendPacket(bytes.Clone(hello), cmdMacro, []byte("M{auth_authen}\x00anna\x00"))
	mail = appendPacket(mail, cmdConnect, []byte("host\x004\x00\x19192.0.2.1\x00"))
	mail = appendPacket(mail, cmdMail, nul("<a@b.test>"))
	mail = appendPacket(mail, cmdRcpt, nul("<c@d.test>"))
	mail = appendPacket(mail, cmdHeader, []byte("From\x00a@b.test\x00"))
	f.Add(appendPacket(mail, cmdEOM))
	f.Add([]byte{0, 0, 0, 1, 'Q'})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 'O'})
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	f.Fuzz(func(t *testing.T, wire []byte) {
		s := &Server{Limits: DefaultLimits(), Log: quiet}
		s.Mail = func(context.Context, *guard.Transaction) Answer { return Answer{Action: guard.Accept} }
		s.User = func(netip.AddrPort, netip.AddrPort) string { return "nobody" }
		s.End = func(_ context.Context, x *guard.Transaction) Answer {
			if len(x.Recipients) > guard.MaxRecipients || len(x.Login) > 4*guard.MaxText || len(x.QueueID) > guard.MaxText {
				t.Errorf("unbounded: %+v", x)
			}
			return Answer{Action: guard.Hold}
		}
		here, there := net.Pipe()
		done := make(chan struct{})
		go func() { s.serve(there); close(done) }()
		go io.Copy(io.Discard, here)
		here.Write(wire)
		here.Close()
		<-done
		if s.Panics() > 0 {
			t.Error("a session panicked")
		}
	})
}

func BenchmarkMail(b *testing.B) {
	path, _ := started(b, &Server{})
	c, err := net.Dial("unix", path)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()

	c.Write(hello)
	var buf []byte
	if _, err := readPacket(c, &buf, func() error { return nil }); err != nil {
		b.Fatal(err)
	}
	mail := appendPacket(nil, cmdMacro, []byte("M{auth_authen}\x00anna\x00"))
	mail = appendPacket(mail, cmdMail, nul("<a@b.test>"))
	mail = appendPacket(mail, cmdRcpt, nul("<c@d.test>"))
	for _, h := range []string{"From\x00a@b.test\x00", "To\x00c@d.test\x00", "Subject\x00hello\x00", "Date\x00Mon, 23 Nov 2026 17:00:00 +0100\x00", "Message-ID\x00<1@b.test>\x00"} {
		mail = appendPacket(mail, cmdHeader, []byte(h))
	}
	mail = appendPacket(mail, cmdMacro, []byte("Ei\x004ABC\x00"))
	mail = appendPacket(mail, cmdEOM)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(mail); err != nil {
			b.Fatal(err)
		}
		for range 2 { // MAIL and the end of the message
			if _, err := readPacket(c, &buf, func() error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
	}
}
