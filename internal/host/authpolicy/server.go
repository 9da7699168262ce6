package authpolicy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"postward/internal/wire/sock"
)

// AnswerTime is how long the functions of a Server may take. Dovecot waits for 2 s (auth_policy_server_timeout_msecs).
const AnswerTime = time.Second

// Bounds of a Server. Dovecot opens up to 100 connections and closes each that was idle for 10 s.
const (
	maxConns   = 128
	maxAsked   = 256 // questions that the functions have not answered yet, late ones too
	headerTime = time.Second
	bodyTime   = 2 * time.Second // from the first octet of a request to the last
	writeTime  = 5 * time.Second
	idleTime   = 30 * time.Second
	drainTime  = 2 * time.Second
	maxHeader  = 4 << 10 // octets; net/http adds 4 KiB
)

// Server answers Dovecot. Its fields are set before Serve; a function that is nil lets everything pass. Each is called from many
// goroutines, may keep the Attempt, and should end soon after its context does.
type Server struct {
	Key    Key
	Before func(context.Context, *Attempt) Answer // before the password is looked at
	After  func(context.Context, *Attempt) Answer // the password was right, as far as can be told; see the package
	Report func(*Attempt)                         // how a login ended; the only proof
	Log    *slog.Logger                           // nil: silent

	pairs  pairs
	asked  chan struct{}
	asking sync.WaitGroup

	count struct{ before, after, reports, late, strangers, unread, crowded atomic.Int64 }
}

// Counts is what a Server has seen since it began.
type Counts struct {
	Before, After, Reports int64 // questions and reports that were taken
	Late                   int64 // let pass because the answer did not come within AnswerTime, or too many were asked
	Strangers              int64 // requests without the key: nothing of them was taken
	Unread                 int64 // requests that cannot be read
	Crowded                int64 // connections that were one too many
}

// Counts may be called at any time.
func (s *Server) Counts() Counts {
	c := &s.count
	return Counts{c.before.Load(), c.after.Load(), c.reports.Load(), c.late.Load(), c.strangers.Load(), c.unread.Load(), c.crowded.Load()}
}

// Listen opens the port that Dovecot asks at, on loopback alone: "127.0.0.1:4002".
func Listen(address string) (net.Listener, error) {
	l, err := sock.ListenLoopback(address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("listen for Dovecot at %s: another program has this port: set authpolicy.listen to another one, and postward attach --dovecot --apply tells Dovecot: %w", address, err)
	case err != nil:
		return nil, fmt.Errorf("listen for Dovecot at %s (authpolicy.listen): %w", address, err)
	}
	return l, nil
}

// Serve answers until ctx ends, then lets requests in hand finish for a moment. It closes l. It is called once.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	s.asked = make(chan struct{}, maxAsked)
	defer s.asking.Wait()
	h := &http.Server{
		Handler: s, ReadHeaderTimeout: headerTime, ReadTimeout: bodyTime, WriteTimeout: writeTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // strangers' handshakes
	}
	done := make(chan error, 1)
	go func() { done <- h.Serve(&door{Listener: l, server: s}) }()
	select {
	case err := <-done:
		return fmt.Errorf("answer Dovecot: %w", err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	err := h.Shutdown(drain)
	if err != nil {
		err = h.Close()
	}
	<-done
	return err
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	command := r.URL.Query().Get("command")
	switch {
	case !fromLoopback(r), !s.Key.matches(r.Header.Get(Header)):
		s.count.strangers.Add(1)
		refuse(w, http.StatusForbidden, "this is not the key of "+Header)
		return
	case r.Method != http.MethodPost || command != "allow" && command != "report":
		s.count.unread.Add(1)
		refuse(w, http.StatusBadRequest, "command=allow and command=report are answered, by POST")
		return
	}
	a, err := read(w, r)
	if err != nil {
		s.count.unread.Add(1)
		s.log().Warn("a request of Dovecot's was not read, and its login goes on", "err", err)
		refuse(w, http.StatusBadRequest, "it cannot be read")
		return
	}
	answer := s.answer(r.Context(), command, a)
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(answer.json(a.Protocol)) // who does not wait for it goes on without
}

// refuse answers with an error, for which Dovecot lets the login go on, and hangs up.
func refuse(w http.ResponseWriter, status int, why string) {
	w.Header().Set("Connection", "close")
	http.Error(w, "postward: "+why, status)
}

// fromLoopback is true by the port's address already.
func fromLoopback(r *http.Request) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && from.Addr().Unmap().IsLoopback()
}

func read(w http.ResponseWriter, r *http.Request) (*Attempt, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, fmt.Errorf("read an authentication policy request: %w", err)
	}
	return parse(body)
}

func (s *Server) answer(ctx context.Context, command string, a *Attempt) Answer {
	key := a.key()
	if command == "report" {
		s.count.reports.Add(1)
		s.pairs.end(key, time.Now())
		return s.ask(ctx, a, func(_ context.Context, a *Attempt) Answer {
			if s.Report != nil {
				s.Report(a)
			}
			return Pass()
		})
	}
	if s.pairs.end(key, time.Now()) {
		s.count.after.Add(1)
		return s.ask(ctx, a, s.After)
	}
	s.count.before.Add(1)
	answer := s.ask(ctx, a, s.Before)
	if !answer.refused { // who is refused is not asked about again: the next question is another login's
		s.pairs.first(key, time.Now(), answer.delay)
	}
	return answer
}

// ask asks one of the functions, and lets pass what it does not answer in time.
func (s *Server) ask(ctx context.Context, a *Attempt, ask func(context.Context, *Attempt) Answer) Answer {
	if ask == nil {
		return Pass()
	}
	select {
	case s.asked <- struct{}{}:
	default:
		s.count.late.Add(1)
		return Pass()
	}
	ctx, cancel := context.WithTimeout(ctx, AnswerTime)
	defer cancel()
	answers := make(chan Answer, 1)
	s.asking.Go(func() {
		defer func() { <-s.asked }()
		answers <- s.safely(ctx, a, ask)
	})
	select {
	case answer := <-answers:
		return answer
	case <-ctx.Done():
		s.count.late.Add(1)
		s.log().Warn("an answer to Dovecot came too late, and its login goes on", "account", a.Account, "client", a.Client)
		return Pass()
	}
}

// safely lets pass what a bug of ours does not answer.
func (s *Server) safely(ctx context.Context, a *Attempt, ask func(context.Context, *Attempt) Answer) (answer Answer) {
	defer func() {
		if bug := recover(); bug != nil {
			s.log().Error("panic while answering Dovecot; the login goes on", "panic", bug)
			answer = Pass()
		}
	}()
	return ask(ctx, a)
}

func (s *Server) log() *slog.Logger {
	if s.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Log
}
