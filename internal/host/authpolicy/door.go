package authpolicy

import (
	"net"
	"sync"
)

// door is a listener that lets maxConns connections in at a time. One too many is closed at once: Dovecot goes on without
// an answer, and nobody waits at the door.
type door struct {
	net.Listener
	server *Server

	mu     sync.Mutex
	inside int
}

// Accept returns the next connection that there is room for.
func (d *door) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if d.enter() {
			return &guest{Conn: conn, door: d}, nil
		}
		d.server.count.crowded.Add(1)
		conn.Close()
	}
}

func (d *door) enter() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.inside >= maxConns {
		return false
	}
	d.inside++
	return true
}

// guest is a connection that counts until it is closed.
type guest struct {
	net.Conn
	door *door
	once sync.Once
}

// Close gives its place to another.
func (g *guest) Close() error {
	g.once.Do(func() {
		g.door.mu.Lock()
		g.door.inside--
		g.door.mu.Unlock()
	})
	return g.Conn.Close()
}
