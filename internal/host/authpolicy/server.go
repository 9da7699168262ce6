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
	"sync/atomic"
	"syscall"
	"time"
)

// AnswerTime is how long the functions of a Server may take. Dovecot waits for 2 s (auth_policy_server_timeout_msecs).
const AnswerTime = time.Second

// Bounds of a Server. Dovecot opens up to 100 connections and closes each that was idle for 10 s.
const (
	maxConns   = 128
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
	Before func(context.Context, *Attempt) Answer // of each question: it only looks, for one login is asked about twice
	After  func(context.Context, *Attempt) Answer // then, when the password was right, as far as can be told; see the package
	Report func(*Attempt)                         // how a login ended: what counts, and the only proof
	Log    *slog.Logger                           // nil: silent

	pairs pairs
	asked asked

	count struct{ before, after, reports, late, strangers, unread, crowded atomic.Int64 }
}

// Counts is what a Server has seen since it began.
type Counts struct {
	Before, After, Reports int64 // questions that were taken for a login's first and second, and reports
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
	if at, err := netip.ParseAddrPort(address); err != nil || !at.Addr().Unmap().IsLoopback() {
		return nil, fmt.Errorf("listen for Dovecot at %s: this is no address and port on loopback: set authpolicy.listen to one like 127.0.0.1:4002", address)
	}
	l, err := net.Listen("tcp", address)
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
	defer s.asked.end()
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
	var answer Answer
	if command == "allow" {
		answer = s.allow(r.Context(), a)
	} else {
		s.report(r.Context(), a)
	}
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

func (s *Server) log() *slog.Logger {
	if s.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return s.Log
}
