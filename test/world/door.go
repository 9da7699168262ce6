package world

import (
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// sitting is how long one connection may last.
const sitting = time.Minute

// door is a TCP listener on loopback, and who came in.
type door struct {
	listener net.Listener
	closing  chan struct{}
	all      sync.WaitGroup

	mu    sync.Mutex
	in    map[net.Conn]bool
	came  int
	close sync.Once
}

// openDoor serves each connection in a goroutine of its own; serve need not hang up.
func openDoor(addr string, serve func(net.Conn)) (*door, error) {
	at, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, err
	}
	if !at.IP.IsLoopback() {
		return nil, fmt.Errorf("%s is not loopback", addr)
	}
	l, err := net.ListenTCP("tcp", at)
	if err != nil {
		return nil, err
	}
	d := &door{listener: l, closing: make(chan struct{}), in: make(map[net.Conn]bool)}
	d.all.Go(func() { d.accept(serve) })
	return d, nil
}

func (d *door) accept(serve func(net.Conn)) {
	for {
		conn, err := d.listener.Accept()
		if err != nil {
			return // closed
		}
		if !d.enters(conn) {
			conn.Close()
			continue
		}
		d.all.Go(func() {
			defer d.leaves(conn)
			_ = conn.SetDeadline(time.Now().Add(sitting)) // the next read says what is wrong with it
			serve(conn)
		})
	}
}

func (d *door) enters(conn net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case <-d.closing:
		return false
	default:
	}
	d.in[conn] = true
	d.came++
	return true
}

func (d *door) leaves(conn net.Conn) {
	d.mu.Lock()
	delete(d.in, conn)
	d.mu.Unlock()
	conn.Close()
}

// wait reports whether the door is still open afterwards.
func (d *door) wait(t time.Duration) bool {
	timer := time.NewTimer(t)
	defer timer.Stop()
	select {
	case <-d.closing:
		return false
	case <-timer.C:
		return true
	}
}

// Addr is where the server listens.
func (d *door) Addr() netip.AddrPort { return d.listener.Addr().(*net.TCPAddr).AddrPort() }

// Connections is how many there were.
func (d *door) Connections() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.came
}

// Close ends the server, hangs up on everybody, and waits. A second Close does nothing.
func (d *door) Close() error {
	var err error
	d.close.Do(func() {
		close(d.closing)
		err = d.listener.Close()
		d.mu.Lock()
		for conn := range d.in {
			conn.Close()
		}
		d.mu.Unlock()
	})
	d.all.Wait()
	return err
}
