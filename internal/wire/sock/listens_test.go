package sock

import (
	"net"
	"testing"
)

func TestWhoListensIsKnownWithoutACall(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Logf("no %s here: %v", address, err)
			continue
		}
		port := uint16(l.Addr().(*net.TCPAddr).Port)
		if is, err := Listens(port); !is || err != nil {
			t.Errorf("%s: %t %v", l.Addr(), is, err)
		}
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
		if is, err := Listens(port); is || err != nil { // the connection is still there
			t.Errorf("%s, closed: %t %v", l.Addr(), is, err)
		}
		c.Close()
	}
}

func FuzzListens(f *testing.F) {
	f.Add("  sl  local_address rem_address   st\n   0: 0100007F:2729 00000000:0000 0A 00000000:00000000\n", uint16(10025))
	f.Fuzz(func(t *testing.T, table string, port uint16) { listens(table, port) })
}
