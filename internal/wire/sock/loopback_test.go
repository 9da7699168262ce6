package sock

import (
	"net"
	"strings"
	"testing"
)

func TestAnInternetSocketIsOnLoopback(t *testing.T) {
	for address, taken := range map[string]bool{
		"127.0.0.1:9999": true, "127.9.9.9:9999": true, "[::1]:9999": true, "[::ffff:127.0.0.1]:9999": true, "localhost:9999": true, "box.example.org:9999": true,
		"0.0.0.0:9999": false, "[::]:9999": false, "[::ffff:0.0.0.0]:9999": false, "[::ffff:192.168.1.1]:9999": false, "192.168.1.1:9999": false,
		"[fe80::1%lo]:9999": false, "[::1%lo]:9999": false, ":9999": false, "9999": false, "*:": false, "127.0.0.1": false, "127.0.0.1:": false, "": false,
		"0:9999": false, "127.1:9999": false, "2130706433:9999": false, "0x7f.1:9999": false, "0x0:9999": false, "10.0.0.010:9999": false, "0.:9999": false,
	} {
		if err := CheckLoopback(address); (err == nil) != taken {
			t.Errorf("%s: %v", address, err)
		}
	}
	if err := CheckLoopback("0.0.0.0:9999"); !strings.Contains(err.Error(), "use unix:/path") || !strings.Contains(err.Error(), "inet:127.0.0.1:9999") {
		t.Errorf("what to do is not said: %v", err)
	}
}

func TestANameThatLeadsElsewhereIsNotListenedAt(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", "[::]:0", ":0", "0:0"} {
		if l, err := ListenLoopback(address); err == nil {
			l.Close()
			t.Errorf("%s: it listens at %s", address, l.Addr())
		}
	}
	l, err := ListenLoopback("localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if at := l.Addr().(*net.TCPAddr); !at.IP.IsLoopback() {
		t.Errorf("it listens at %s", at)
	}
}

func FuzzCheckLoopback(f *testing.F) {
	for _, s := range []string{"127.0.0.1:1", "[::1]:1", ":1", "0:1", "a.:1", "0x:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if CheckLoopback(s) != nil {
			return
		}
		host, _, err := net.SplitHostPort(s)
		if ip := net.ParseIP(host); err != nil || ip != nil && !ip.IsLoopback() {
			t.Errorf("%q: %v %v", s, ip, err)
		}
	})
}
