package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// webhook is where the owner is told: not by mail.
type webhook struct {
	server *http.Server
	addr   string

	mu     sync.Mutex
	alerts []alert
	more   chan struct{}
}

type alert struct {
	text string
	at   time.Time
}

func listenWebhook() (*webhook, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open the webhook: %w", err)
	}
	w := &webhook{addr: l.Addr().String(), more: make(chan struct{})}
	w.server = &http.Server{Handler: w, ReadTimeout: 5 * time.Second}
	go func() {
		if err := w.server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			fmt.Println("webhook:", err)
		}
	}()
	return w, nil
}

func (w *webhook) url() string  { return "generic+http://" + w.addr + "/alerts" }
func (w *webhook) close() error { return w.server.Close() }

func (w *webhook) ServeHTTP(out http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if err != nil {
		http.Error(out, err.Error(), http.StatusBadRequest)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.alerts = append(w.alerts, alert{string(body), time.Now()})
	close(w.more)
	w.more = make(chan struct{})
}

// wait returns the first alert that has a text in it.
func (w *webhook) wait(ctx context.Context, text string) (alert, error) {
	for {
		w.mu.Lock()
		more := w.more
		for _, a := range w.alerts {
			if strings.Contains(a.text, text) {
				w.mu.Unlock()
				return a, nil
			}
		}
		w.mu.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
			return alert{}, fmt.Errorf("wait for an alert with %q: %w", text, context.Cause(ctx))
		}
	}
}
