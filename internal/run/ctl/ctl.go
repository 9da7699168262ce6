// Package ctl is the operator's way to a running postward: JSON over HTTP on a unix socket, one POST a verb. The
// kernel says who is at the other end (SO_PEERCRED); root, postward's own user and the members of the socket's
// group may speak, and what they do is journaled under their name. It knows no verb: package daemon has them.
//
// It must not import anything of the house but words that it hands on (guard, receivers) and sock. Each Server owns its connections' goroutines and
// joins them when Serve returns.
package ctl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/user"
	"strconv"
	"syscall"
	"time"

	"postward/internal/wire/sock"
)

// Limits of a request and an answer, in octets.
const (
	maxRequest = 1 << 20
	maxAnswer  = 64 << 20
)

// Problem is an error that says what to do next. It travels over the socket.
type Problem struct {
	What string `json:"error"`
	Hint string `json:"hint,omitempty"`
}

func (p *Problem) Error() string {
	if p.Hint == "" {
		return p.What
	}
	return p.What + "\n" + p.Hint
}

// Answerer answers one verb. The answer is sent as JSON; a *Problem keeps its hint.
type Answerer func(ctx context.Context, actor, verb string, request []byte) (any, error)

// Server answers operators on one socket.
type Server struct {
	Answer Answerer
	// Allow says whether the peer may speak. Nil allows root and the server's own user.
	Allow func(uid uint32) bool
}

type peerKey struct{}

// Serve answers until ctx ends, then lets requests in hand finish for at most 5 s.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	h := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      2 * time.Minute,
		MaxHeaderBytes:    8 << 10,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			uid, err := sock.Peer(c)
			if err != nil {
				return ctx // nobody
			}
			return context.WithValue(ctx, peerKey{}, uid)
		},
	}
	done := make(chan error, 1)
	go func() { done <- h.Serve(l) }()
	select {
	case err := <-done:
		return fmt.Errorf("serve operators: %w", err)
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := h.Shutdown(end)
	<-done
	return err
}

// ServeHTTP answers one verb, the path of the request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	uid, known := r.Context().Value(peerKey{}).(uint32)
	if !known || !s.allowed(uid) {
		answer(w, http.StatusForbidden, &Problem{fmt.Sprintf("user %d may not speak to postward", uid), "the same as root, or as a member of the group of the socket"})
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil || r.Method != http.MethodPost {
		answer(w, http.StatusBadRequest, &Problem{What: "a request is a POST of at most 1 MiB"})
		return
	}
	reply, err := s.Answer(r.Context(), actorName(uid), r.URL.Path[1:], body)
	if err != nil {
		problem := &Problem{What: err.Error()}
		errors.As(err, &problem)
		answer(w, http.StatusUnprocessableEntity, problem)
		return
	}
	answer(w, http.StatusOK, reply)
}

func (s *Server) allowed(uid uint32) bool {
	if s.Allow != nil {
		return s.Allow(uid)
	}
	return uid == 0 || int(uid) == os.Geteuid()
}

func answer(w http.ResponseWriter, code int, body any) {
	b, err := json.Marshal(body)
	if err != nil {
		code, b = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	w.Write(b) // the peer is gone if this fails
}

func actorName(uid uint32) string {
	if u, err := user.LookupId(strconv.Itoa(int(uid))); err == nil {
		return u.Username
	}
	return "uid " + strconv.Itoa(int(uid))
}

// Client speaks to the postward at a socket.
type Client struct{ Path string }

// Do says verb with request and reads the answer into reply. An error from postward is a *Problem.
func (c Client) Do(ctx context.Context, verb string, request, reply any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("write request: %w", err)
	}
	h := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", c.Path)
	}}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://postward/"+verb, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("write request: %w", err)
	}
	res, err := h.Do(req)
	if err != nil {
		return c.unreachable(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read answer of postward: %w", err)
	}
	if res.StatusCode != http.StatusOK {
		problem := &Problem{What: fmt.Sprintf("postward answered %s", res.Status)}
		json.Unmarshal(b, problem) // keeps the status where the body is not ours
		return problem
	}
	if err := json.Unmarshal(b, reply); err != nil {
		return fmt.Errorf("read answer of postward: %w", err)
	}
	return nil
}

func (c Client) unreachable(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return &Problem{"speak to postward at " + c.Path + ": permission denied", "the same as root, or as a member of the group of the socket"}
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return &Problem{"speak to postward at " + c.Path + ": nobody answers", "systemctl start postward (or postward serve)"}
	}
	return fmt.Errorf("speak to postward at %s: %w", c.Path, err)
}
