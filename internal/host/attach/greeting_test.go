package attach

import (
	"bufio"
	"net"
	"strings"
	"testing"
	"time"
)

// TestNobodySpeaksBeforeTheGreetingIsOver: to postscreen(8) that is a spammer, and its log calls this host one.
func TestNobodySpeaksBeforeTheGreetingIsOver(t *testing.T) {
	for _, c := range []struct {
		first, rest string
		fails       bool
	}{
		{"220-mx.example.org ESMTP\r\n", "220 mx.example.org ESMTP\r\n", false},
		{"220", " mx.example.org ESMTP\r\n", false},
		{"554-no\r\n", "554 no\r\n", false},
		{"hello\r\n", "", true},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		said := make(chan string, 1)
		go func() {
			defer close(said)
			conn, err := l.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			conn.Write([]byte(c.first))
			conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
			var early [1]byte
			if n, _ := conn.Read(early[:]); n > 0 {
				said <- "too early"
				return
			}
			conn.Write([]byte(c.rest))
			conn.SetReadDeadline(time.Now().Add(5 * time.Second))
			line, _ := bufio.NewReader(conn).ReadString('\n')
			said <- strings.TrimSpace(line)
			conn.Write([]byte("221 bye\r\n"))
		}()
		err = greeting(t.Context(), l.Addr().String(), time.Now().Add(10*time.Second))
		if got := <-said; (err != nil) != c.fails || !c.fails && got != "QUIT" {
			t.Errorf("%q: it was told %q, %v", c.first, got, err)
		}
		l.Close()
	}
}
