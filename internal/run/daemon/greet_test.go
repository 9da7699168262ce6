package daemon

import (
	"bufio"
	"errors"
	"net"
	"strings"
	"testing"

	"postward/internal/guard"
	"postward/internal/run/health"
)

// says is a server that answers line by line, the greeting first, and keeps what it was told.
func says(t *testing.T, lines ...string) (address string, told func() string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	heard := make(chan string, 1)
	go func() {
		var all []string
		defer func() { heard <- strings.Join(all, "|") }()
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		in := bufio.NewScanner(c)
		for _, line := range append(lines, "") {
			if _, err := c.Write([]byte(line)); err != nil || !in.Scan() {
				return
			}
			all = append(all, strings.ReplaceAll(in.Text(), canaryName, "NAME"))
		}
	}()
	return l.Addr().String(), func() string { return <-heard }
}

// TestTheCanaryLooksAtWhatAStrangersMailGets: a milter that is not there is not seen in a greeting.
func TestTheCanaryLooksAtWhatAStrangersMailGets(t *testing.T) {
	const ehlo, all = "250-mx\r\n250 DSN\r\n", "EHLO NAME|MAIL FROM:<>|QUIT"
	for _, c := range []struct {
		lines    []string
		told     string
		unserved bool
		err      string
	}{
		{[]string{"220 mx ESMTP\r\n", ehlo, "250 2.1.0 Ok\r\n"}, all, false, ""},
		{[]string{"220-wait\r\n220 mx ESMTP\r\n", ehlo, "250 2.1.0 Ok\r\n"}, all, false, ""},
		{[]string{"220 mx\r\n", ehlo, "451 4.7.1 Service unavailable - try again later\r\n"}, all, true, ""},
		{[]string{"220 mx\r\n", ehlo, "451 4.3.5 Server configuration problem - try again later\r\n"}, all, true, ""},
		{[]string{"220 mx\r\n", ehlo, "450 4.7.1 Client host rejected: cannot find your hostname\r\n"}, all, false, ""},
		{[]string{"220 mx\r\n", ehlo, "550 5.7.1 no\r\n"}, all, false, ""},
		{[]string{"554 no\r\n"}, "", false, "it says"},
		{[]string{"220-" + strings.Repeat("x", 5000) + "\r\n220 mx\r\n", ehlo, "250 ok\r\n"}, all, false, ""},
	} {
		address, told := says(t, c.lines...)
		err := greet(t.Context(), address)
		var unserved health.ErrUnserved
		if is := errors.As(err, &unserved); is != c.unserved || !is && (err == nil) != (c.err == "") || c.err != "" && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q: %v", c.lines, err)
		}
		if c.told != "" {
			if got := told(); got != c.told {
				t.Errorf("%q: was told %q", c.lines, got)
			}
		}
	}
}

func TestWhatIsFoundOfACallIsSaid(t *testing.T) {
	for _, quiet := range []bool{true, false} {
		f := health.Found{}
		f.Called(guard.Inbound, "127.0.0.1:25", health.ErrUnserved{Reply: "451 4.7.1 Service unavailable"}, quiet)
		if got := f["inbound"]; !strings.Contains(got, "all inbound mail gets") || !strings.Contains(got, "451 4.7.1") {
			t.Error(got)
		}
	}
}
