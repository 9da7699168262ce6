package milter

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"postward/internal/guard"
	"postward/internal/wire/sock"
)

// Limits bounds what peers may take.
type Limits struct {
	Sessions int           // at once; further ones wait to be accepted
	Idle     time.Duration // between two commands: as long as an SMTP client may be silent
	Packet   time.Duration // within a packet, and for an answer to be taken
	Answer   time.Duration // for one judgement
	Progress time.Duration // between two signs of life to a waiting MTA
	Drain    time.Duration // for messages in hand when the server ends
}

// DefaultLimits returns the limits of an ordinary server.
func DefaultLimits() Limits {
	return Limits{Sessions: 2000, Idle: 10 * time.Minute, Packet: 10 * time.Second, Answer: 10 * time.Second, Progress: 2 * time.Second, Drain: 5 * time.Second}
}

// Server speaks to the MTA on one socket.
type Server struct {
	Direction guard.Direction
	Limits    Limits
	Log       *slog.Logger
	// Allow says whether the process at the other end of a unix socket may speak. A milter socket that anybody
	// can use lets any local user forge a login. Nil allows everybody; TCP peers are never asked.
	Allow func(uid uint32) bool

	// Shadow says that nothing is refused here: a sender or recipient that cannot be read as one address is judged like
	// any other, under an address of its own (message.Canonical).
	Shadow bool

	// Mail judges at the MAIL command, End at the end of the message. The transaction is theirs to read and to
	// complete; ctx ends with the time for an answer.
	Mail, End func(ctx context.Context, t *guard.Transaction) Answer
	// Open is asked after MAIL was answered with yes who reads all of the mail: nil is nobody. May be nil.
	Open func(t *guard.Transaction) Whole
	// User names the Unix user of this host whose process opened an SMTP connection, by its two ends as the MTA says
	// them (a zero port: it did not); empty if there is none or he is not known. It is asked once a connection, when
	// that begins, and must not take long: the MTA waits. May be nil.
	User func(client, server netip.AddrPort) string
	// Unanswered is told of a judged mail whose answer could not be sent. May be nil.
	Unanswered func(t *guard.Transaction)

	sessions atomic.Int64
	served   atomic.Uint64
	panics   atomic.Int64
	drain    atomic.Bool
}

// Sessions returns the number of sessions now.
func (s *Server) Sessions() int { return int(s.sessions.Load()) }

// Served returns the number of sessions since the start.
func (s *Server) Served() uint64 { return s.served.Load() }

// Panics returns how many judgements or sessions panicked: each is a bug of ours.
func (s *Server) Panics() int { return int(s.panics.Load()) }

func (s *Server) draining() bool { return s.drain.Load() }

// Serve accepts sessions until ctx ends. Then messages in hand have Limits.Drain to end, idle sessions end at
// once. It closes l and returns when every session has ended.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	open := newConns()
	var wg sync.WaitGroup
	stop := context.AfterFunc(ctx, func() {
		s.drain.Store(true)
		l.Close()
		open.wake()
	})
	defer stop()
	err := s.accept(ctx, l, open, &wg)
	l.Close()
	s.drain.Store(true)
	open.wake()
	last := time.AfterFunc(s.Limits.Drain, open.closeAll)
	wg.Wait()
	last.Stop()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (s *Server) accept(ctx context.Context, l net.Listener, open *conns, wg *sync.WaitGroup) error {
	room := make(chan struct{}, s.Limits.Sessions)
	for {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		c, err := l.Accept()
		if err != nil {
			if temporary(err) {
				<-room
				if !pause(ctx, 100*time.Millisecond) {
					return nil
				}
				continue
			}
			return fmt.Errorf("accept milter session: %w", err)
		}
		if !s.admit(c) {
			c.Close()
			<-room
			continue
		}
		open.add(c)
		s.sessions.Add(1)
		s.served.Add(1)
		wg.Go(func() {
			defer func() { <-room }()
			defer s.sessions.Add(-1)
			defer open.remove(c)
			s.serve(c)
		})
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// admit asks the kernel who is at the other end of a unix socket.
func (s *Server) admit(c net.Conn) bool {
	if s.Allow == nil {
		return true
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		return true
	}
	uid, err := sock.Peer(u)
	if err == nil && s.Allow(uid) {
		return true
	}
	s.Log.Warn("a process that may not was turned away from the milter socket", "direction", s.Direction, "uid", uid, "err", err)
	return false
}

// serve runs one session. Its panic is its own.
func (s *Server) serve(c net.Conn) {
	defer c.Close()
	x := &session{server: s, traced: traced(s.Log), conn: c, in: bufio.NewReaderSize(c, 4096), macros: macros{}}
	defer s.caught(x)
	if err := x.run(); err != nil && !ordinary(err) {
		s.Log.Warn("milter session ended", "direction", s.Direction, "err", err)
	}
}

func (s *Server) caught(x *session) {
	if r := recover(); r != nil {
		s.panics.Add(1)
		s.Log.Error("bug: a milter session panicked", "panic", r, "stack", string(debug.Stack()))
		x.send(appendPacket(nil, rspTempfail)) // if the peer waits for an answer, this is one
	}
}

// judge asks the judge in time. A panic of his is answered with tempfail.
func (s *Server) judge(f func(context.Context, *guard.Transaction) Answer, t *guard.Transaction) (a Answer) {
	ctx, cancel := context.WithTimeout(context.Background(), s.Limits.Answer)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			s.panicked(r)
			a = Answer{Action: guard.Tempfail, Reply: guard.Reply{Code: 451, Enhanced: "4.3.0", Text: "the mail cannot be judged now, try again later"}}
		}
	}()
	return f(ctx, t)
}

// panicked counts a bug of ours, and logs it. It is called by who recovers.
func (s *Server) panicked(r any) {
	s.panics.Add(1)
	s.Log.Error("bug: judging a mail panicked", "panic", r, "stack", string(debug.Stack()))
}

func temporary(err error) bool {
	var t interface{ Temporary() bool } // EMFILE and its kind; there is no other name for them
	return errors.As(err, &t) && t.Temporary()
}

// conns are the open connections.
type conns struct {
	mu   sync.Mutex
	open map[net.Conn]struct{}
}

func newConns() *conns { return &conns{open: map[net.Conn]struct{}{}} }

func (c *conns) add(x net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[x] = struct{}{}
}

func (c *conns) remove(x net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.open, x)
}

// wake makes sessions that wait for a command look whether they should end.
func (c *conns) wake() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for x := range c.open {
		x.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	}
}

func (c *conns) closeAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for x := range c.open {
		x.Close()
	}
}
