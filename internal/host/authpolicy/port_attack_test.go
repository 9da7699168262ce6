package authpolicy

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestAttackOddRequests: none of them is taken for a login of somebody else, none is a panic.
func TestAttackOddRequests(t *testing.T) {
	s, h := recorder(nil)
	at := serve(t, s)
	for _, key := range []string{"", "x", strings.Repeat("ab", 31), strings.Repeat("AB", 32), strings.Repeat("ab", 32) + ",x", strings.Repeat("ab", 33)} {
		for _, command := range []string{"allow", "report", "", "ALLOW", "allow&command=report"} {
			if status, _ := post(t, at, command, key, login("anna", "1")); status != http.StatusForbidden {
				t.Errorf("key %q, %s: %d", key, command, status)
			}
		}
	}
	if h.String() != "" {
		t.Fatalf("heard: %s", h)
	}
	for body, want := range map[string]int{
		"": 400, "null": 400, "[]": 400, "{}": 400, `"anna"`: 400, `{"login":null}`: 400, `{"login":["anna"]}`: 400, `{"login":""}`: 400, `{"login":"  "}`: 400,
		`{"login":"anna"}{"login":"bert"}`: 400, `{"login":"anna","tls":"yes"}`: 400, `{"login":"anna","success":1}`: 400,
		`{"login":"anna","remote":"203.0.113.9%eth0"}`: 200, `{"login":"anna","remote":"0x7f.1"}`: 200, `{"login":"anna","pwhash":"-1"}`: 200, `{"login":"anna\u0000bert"}`: 200,
		"{\"login\":\"\xff\xfe\"}": 200, `{"login":"` + strings.Repeat("a", 60_000) + `"}`: 200, `{"login":"` + strings.Repeat("a", 70_000) + `"}`: 400,
		`{"x":` + strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000) + `,"login":"anna"}`: 400, `{"login":"anna","x":` + strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000) + `}`: 200,
	} {
		if status, text := post(t, at, "allow", testKey.digits, body); status != want {
			t.Errorf("%.60q: %d %s, not %d", body, status, text, want)
		}
	}
	for _, method := range []string{"GET", "PUT", "TRACE", "OPTIONS", "CONNECT"} {
		r, _ := http.NewRequestWithContext(t.Context(), method, "http://"+at+"/?command=report", strings.NewReader(login("anna", "1")))
		r.Header.Set(Header, testKey.digits)
		if answer, err := http.DefaultClient.Do(r); err == nil {
			if answer.StatusCode == 200 {
				t.Errorf("%s was taken", method)
			}
			answer.Body.Close()
		}
	}
	t.Logf("%+v; %d", s.Counts(), len(h.String()))
}

// TestAttackSlowAndManyConnections: those without a key hold a place as long as the times of the server let them.
func TestAttackSlowAndManyConnections(t *testing.T) {
	s, _ := recorder(nil)
	at := serve(t, s)
	before := runtime.NumGoroutine()
	var conns []net.Conn
	for range 400 {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
		fmt.Fprintf(c, "POST /?command=report HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n%s: x\r\n\r\n{", Header)
	}
	began := time.Now()
	for _, c := range conns {
		_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
		b := make([]byte, 512)
		for {
			if _, err := c.Read(b); err != nil {
				if strings.Contains(err.Error(), "timeout") {
					t.Error("a connection was never closed")
				}
				break
			}
		}
		c.Close()
	}
	took := time.Since(began)
	if status, _ := post(t, at, "allow", testKey.digits, login("anna", "1")); status != 200 {
		t.Errorf("afterwards: %d", status)
	}
	t.Logf("400 connections without a key were gone after %s; %+v; goroutines %d, then %d", took.Round(time.Millisecond), s.Counts(), before, runtime.NumGoroutine())
	// with a dripping header
	conns = nil
	for range 128 {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintf(c, "POST /?command=report HTTP/1.1\r\nHost: x\r\nX: ")
		conns = append(conns, c)
	}
	began = time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for ctx.Err() == nil {
		r, _ := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+at+"/?command=allow", strings.NewReader(login("anna", "1")))
		r.Header.Set(Header, testKey.digits)
		if answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r); err == nil {
			answer.Body.Close()
			break
		}
	}
	t.Logf("128 dripping headers shut the door for %s", time.Since(began).Round(time.Millisecond))
	if time.Since(began) > 5*time.Second {
		t.Errorf("too long")
	}
}
