package rig

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Addresses of this host at the end of the wire that leads to the far one, and of the far host: two of each family.
const (
	Near4, Near6 = "203.0.113.1", "2001:db8:0:ff::1" // no neighbour of the far ones
	FarOne4      = "203.0.113.5"
	FarOther4    = "203.0.113.6"
	FarOne6      = "2001:db8::5"
	FarOther6    = "2001:db8:0:1::6" // of another /64
)

// Far is another host: a network namespace of its own, which a thread of this process lives in, at the other end of a veth pair.
// Its packets come over a wire, as a stranger's do. What is asked of it is done there, in order.
type Far chan func()

// TheFar is the far host of this room, made when it is first asked for. It ends with the room.
var TheFar = sync.OnceValues(func() (Far, error) {
	f, tid := make(Far), make(chan int)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the room
		if unix.Unshare(unix.CLONE_NEWNET) != nil {
			close(tid)
			return
		}
		tid <- unix.Gettid()
		for do := range f {
			do()
		}
	}()
	id, ok := <-tid
	if !ok {
		return nil, errors.New("lay a wire to another host: no network namespace")
	}
	err := errors.Join(ip("link add near type veth peer name far netns "+strconv.Itoa(id)), ip("link set near up"),
		ip("addr add "+Near4+"/24 dev near"), ip("addr add "+Near6+"/48 nodad dev near"))
	f.ask(func() {
		err = errors.Join(err, ip("link set far up"), ip("addr add "+FarOne4+"/24 dev far"), ip("addr add "+FarOther4+"/24 dev far"),
			ip("addr add "+FarOne6+"/48 nodad dev far"), ip("addr add "+FarOther6+"/48 nodad dev far"))
	})
	return f, err
})

func (f Far) ask(do func()) {
	done := make(chan struct{})
	f <- func() { defer close(done); do() }
	<-done
}

// Dial connects from one of the far host's addresses.
func (f Far) Dial(ctx context.Context, source, to string) (c net.Conn, err error) {
	f.ask(func() {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}
		c, err = d.DialContext(ctx, "tcp", to)
	})
	return c, err
}

func ip(args string) error {
	if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", args, err, out)
	}
	return nil
}
