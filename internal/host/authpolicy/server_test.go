package authpolicy

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"postward/test/rig"
)

var testKey = Key{strings.Repeat("ab", keySize)}

// serve runs a server for a test, and returns where.
func serve(t *testing.T, s *Server) string {
	t.Helper()
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveAt(t, s, l)
}

func serveAt(t *testing.T, s *Server, l net.Listener) string {
	t.Helper()
	s.Key = testKey
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// post asks as Dovecot does.
func post(t *testing.T, addr, command, key, body string) (status int, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+addr+"/?command="+command, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		r.Header.Set(Header, key)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}

func login(name, hash string) string {
	return fmt.Sprintf(`{"login":%q,"pwhash":%q,"remote":"203.0.113.9","protocol":"imap","session_id":"s"}`, name, hash)
}

// heard is what a server's functions were asked, in order.
type heard struct {
	mu   sync.Mutex
	list []string
}

func (h *heard) add(what string, a *Attempt) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, what+" "+a.Account)
}

func (h *heard) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.list, ", ")
}

// recorder is a server that writes down what it is asked, and answers Before by account.
func recorder(before map[string]Answer) (*Server, *heard) {
	h := &heard{}
	return &Server{
		Before: func(_ context.Context, a *Attempt) Answer { h.add("before", a); return before[a.Account] },
		After:  func(_ context.Context, a *Attempt) Answer { h.add("after", a); return Pass() },
		Report: func(a *Attempt) { h.add(fmt.Sprintf("report(%t)", a.Success), a) },
	}, h
}

func TestTheSecondQuestionAboutALoginIsTheOneAfterThePassword(t *testing.T) {
	s, h := recorder(map[string]Answer{"mallory": Refuse("no")})
	at := serve(t, s)
	ask := func(command, body string) { post(t, at, command, testKey.digits, body) }
	ended := func(name, hash string) string { return strings.Replace(login(name, hash), "}", `,"success":true}`, 1) }
	ask("allow", login("anna", "1")) // wrong
	ask("report", login("anna", "1"))
	ask("allow", login("anna", "2")) // right
	ask("allow", login("anna", "2"))
	ask("report", ended("anna", "2"))
	ask("allow", login("anna", "2")) // the next login, with the same password
	ask("allow", login("anna", "3")) // another one before it ended
	ask("allow", login("mallory", "4"))
	ask("allow", login("mallory", "4")) // who was refused is asked about before again, also when the report is late
	ask("allow", strings.Replace(login("anna", "2"), `"session_id":"s"`, `"session_id":"t"`, 1))
	want := "before anna, report(false) anna, before anna, before anna, after anna, report(true) anna, before anna, before anna, before mallory, before mallory, before anna"
	if h.String() != want {
		t.Errorf("%s\nwant %s", h, want)
	}
	if c := s.Counts(); c.Before != 7 || c.After != 1 || c.Reports != 2 || c.Strangers+c.Unread+c.Late != 0 {
		t.Errorf("%+v", c)
	}
}

func TestALoginThatNeverEndsIsForgotten(t *testing.T) {
	var p pairs
	now := time.Now()
	k := func(n int) attemptKey { return attemptKey{hash: PasswordHash(n)} }
	p.first(k(1), now, 10*time.Second)
	if p.end(k(1), now.Add(patience+10*time.Second)) {
		t.Error("it is still on its way")
	}
	for n := range maxPairs + 100 {
		p.first(k(n), now, 0)
	}
	if len(p.until) != maxPairs || p.end(k(maxPairs), now) {
		t.Errorf("%d are remembered", len(p.until))
	}
	p.first(k(2*maxPairs), now.Add(patience), 0)
	if len(p.until) != 1 {
		t.Errorf("%d are left", len(p.until))
	}
}

func TestWithoutTheKeyNothingIsTaken(t *testing.T) {
	s, h := recorder(nil)
	at := serve(t, s)
	for _, key := range []string{"", "wrong", testKey.digits[1:], testKey.digits + "0", strings.ToUpper(testKey.digits)} {
		for _, command := range []string{"allow", "report"} {
			if status, text := post(t, at, command, key, login("anna", "1")); status != http.StatusForbidden || strings.Contains(text, testKey.digits) {
				t.Errorf("%s with %q: %d %s", command, key, status, text)
			}
		}
	}
	if h.String() != "" || s.Counts().Strangers != 10 {
		t.Errorf("taken: %s, %+v", h, s.Counts())
	}
}

func TestWhatIsNoRequestLetsTheLoginGoOn(t *testing.T) {
	s, h := recorder(nil)
	at := serve(t, s)
	for command, body := range map[string]string{"allow": "{", "report": `{"login":5}`, "delete": login("anna", "1"), "": login("anna", "1"), "allow&": strings.Repeat(" ", maxBody) + login("anna", "1")} {
		if status, _ := post(t, at, command, testKey.digits, body); status != http.StatusBadRequest {
			t.Errorf("%s %.20s: %d", command, body, status)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+at+"/?command=allow", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set(Header, testKey.digits)
	answer, err := http.DefaultClient.Do(r)
	if err != nil || answer.StatusCode != http.StatusBadRequest {
		t.Errorf("GET: %v %v", answer, err)
	}
	answer.Body.Close()
	if h.String() != "" || s.Counts().Unread != 6 {
		t.Errorf("taken: %s, %+v", h, s.Counts())
	}
}

// TestWhoIsTakenForASecondLoginIsRefusedAndMadeWaitAllTheSame: logins through Postfix have no session.
func TestWhoIsTakenForASecondLoginIsRefusedAndMadeWaitAllTheSame(t *testing.T) {
	var answer atomic.Value
	answer.Store(Pass())
	at := serve(t, &Server{Before: func(context.Context, *Attempt) Answer { return answer.Load().(Answer) }})
	want := func(status string) {
		t.Helper()
		if _, text := post(t, at, "allow", testKey.digits, login("anna", "1")); !strings.HasPrefix(text, `{"status":`+status+`,`) {
			t.Errorf("%s, want %s", text, status)
		}
	}
	want("0")
	answer.Store(Refuse("no"))
	want("-1") // taken for the one after the password
	answer.Store(Pass())
	want("0")
	answer.Store(Delay(3 * time.Second))
	want("3")
}

// TestASlowAnswerPasses in a bubble of its own time: the function does not heed its context.
func TestASlowAnswerPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		wait := make(chan struct{})
		slow := func(context.Context, *Attempt) Answer { <-wait; return Refuse("too late") }
		s := &Server{Before: slow, After: slow}
		took := func() time.Duration {
			started := time.Now()
			if a := s.allow(t.Context(), &Attempt{}); a.Refuses() {
				t.Errorf("%+v", a)
			}
			return time.Since(started)
		}
		for range 2 {
			if d := took(); d != AnswerTime {
				t.Errorf("it passes after %s", d)
			}
		}
		for n := range maxAsked {
			go s.allow(t.Context(), &Attempt{PasswordHash: PasswordHash(n)})
		}
		synctest.Wait()
		if d := took(); d != 0 {
			t.Errorf("one too many passes after %s", d)
		}
		close(wait)
		synctest.Wait()
		if !s.allow(t.Context(), &Attempt{}).Refuses() {
			t.Error("in time it is heard")
		}
		s.asked.end()
		if s.asked.runs != 0 || took() != 0 {
			t.Errorf("%d run after the end", s.asked.runs)
		}
	})
}

func TestABugLetsTheLoginGoOn(t *testing.T) {
	s := &Server{Before: func(context.Context, *Attempt) Answer { panic("bug") }}
	at := serve(t, s)
	for range 2 {
		if status, text := post(t, at, "allow", testKey.digits, login("anna", "1")); status != http.StatusOK || text != `{"status":0,"msg":""}` {
			t.Errorf("%d %s", status, text)
		}
	}
}

func TestAPortThatIsTakenIsSaidWithTheWayOut(t *testing.T) {
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = Listen(l.Addr().String())
	if err == nil || !strings.Contains(err.Error(), "another program has this port") || !strings.Contains(err.Error(), "authpolicy.listen") {
		t.Error(err)
	}
	if _, err = Listen("0.0.0.0:0"); err == nil || !strings.Contains(err.Error(), "loopback") {
		t.Errorf("it listens to the world: %v", err)
	}
}

// TestConnectionsAreBounded: and one that says nothing is no connection for long.
func TestConnectionsAreBounded(t *testing.T) {
	s, _ := recorder(nil)
	at := serve(t, s)
	var open atomic.Int64
	for range maxConns + 10 {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		open.Add(1)
		go func() {
			defer open.Add(-1)
			_, _ = io.Copy(io.Discard, c) // until the server hangs up
		}()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err := rig.Wait(ctx, "the guests that are too many to be sent away, and the silent ones", func() error {
		if c := s.Counts(); c.Crowded != 10 || open.Load() != 0 {
			return fmt.Errorf("%+v, %d are open", c, open.Load())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if status, _ := post(t, at, "allow", testKey.digits, login("anna", "1")); status != http.StatusOK {
		t.Errorf("afterwards: %d", status)
	}
}
