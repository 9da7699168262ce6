package dns

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"time"

	mdns "github.com/miekg/dns"
)

const (
	payload  = 1232 // what passes everywhere without fragments
	maxUDP   = 4096 // what is read of a datagram; a longer one is asked for again over TCP
	maxStray = 64   // datagrams that do not fit, before it is a lie
)

// exchange asks one server: over UDP, without EDNS(0) if it does not know that (RFC 6891 section 7), over TCP when
// the reply is cut.
func exchange(ctx context.Context, server netip.AddrPort, q question, c *Config) Answer {
	reply, o := once(ctx, server, q, true, c)
	if o == Answered && (reply.Rcode == mdns.RcodeFormatError || reply.Rcode == mdns.RcodeNotImplemented || reply.Rcode == mdns.RcodeBadVers) {
		reply, o = once(ctx, server, q, false, c)
	}
	if o == Failure {
		return Answer{Outcome: Failure, TTL: badFor}
	}
	if o != Answered {
		return Answer{Outcome: o}
	}
	a := read(reply, q)
	if c.Authority && a.Outcome.Known() && !reply.Authoritative {
		return Answer{Outcome: Failure, TTL: badFor}
	}
	return a
}

// once sends the question and returns a reply that fits it; Answered says there is one.
func once(ctx context.Context, server netip.AddrPort, q question, edns bool, c *Config) (*mdns.Msg, Outcome) {
	m := new(mdns.Msg)
	m.SetQuestion(q.name, uint16(q.t))
	m.Id = uint16(rand.Uint32()) // ChaCha8, seeded by the system
	m.RecursionDesired = !c.Authority
	m.AuthenticatedData = true // we understand that bit (RFC 6840 section 5.7)
	m.CheckingDisabled = c.Unchecked
	if edns {
		m.SetEdns0(payload, false)
	}
	packed, err := m.Pack()
	if err != nil {
		return nil, Failure
	}
	if !c.TCP {
		reply, o := overUDP(ctx, server, q, m.Id, packed)
		if o != Answered || !reply.Truncated {
			return reply, o
		}
	}
	return overTCP(ctx, server, q, m.Id, packed)
}

// dial opens a socket that dies with the context.
func dial(ctx context.Context, network string, server netip.AddrPort) (net.Conn, func(), error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, server.String())
	if err != nil {
		return nil, nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		_ = conn.SetDeadline(deadline) // the next read says what is wrong with it
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	return conn, func() { stop(); conn.Close() }, nil
}

// overUDP passes over datagrams that do not fit, for anybody can send one; when nothing else came, that is a lie.
func overUDP(ctx context.Context, server netip.AddrPort, q question, id uint16, packed []byte) (*mdns.Msg, Outcome) {
	conn, hangUp, err := dial(ctx, "udp", server)
	if err != nil {
		return nil, ended(err)
	}
	defer hangUp()
	if _, err := conn.Write(packed); err != nil {
		return nil, ended(err)
	}
	buf := make([]byte, maxUDP)
	for stray := 0; stray < maxStray; stray++ {
		n, err := conn.Read(buf)
		if err != nil && stray > 0 {
			break
		}
		if err != nil {
			return nil, ended(err)
		}
		if n == maxUDP && binary.BigEndian.Uint16(buf) == id {
			return &mdns.Msg{MsgHdr: mdns.MsgHdr{Truncated: true}}, Answered
		}
		if reply := unpack(buf[:n], q, id); reply != nil {
			return reply, Answered
		}
	}
	return nil, Lying
}

// overTCP reads one message: two octets of length, then so many (RFC 1035 section 4.2.2).
func overTCP(ctx context.Context, server netip.AddrPort, q question, id uint16, packed []byte) (*mdns.Msg, Outcome) {
	conn, hangUp, err := dial(ctx, "tcp", server)
	if err != nil {
		return nil, ended(err)
	}
	defer hangUp()
	if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(packed))), packed...)); err != nil {
		return nil, ended(err)
	}
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return nil, ended(err)
	}
	buf := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(conn, buf); err != nil {
		return nil, ended(err)
	}
	if reply := unpack(buf, q, id); reply != nil {
		return reply, Answered
	}
	return nil, Lying
}

// unpack returns the message when it can be read and fits the question.
func unpack(buf []byte, q question, id uint16) *mdns.Msg {
	reply := new(mdns.Msg)
	if err := reply.Unpack(buf); err != nil || !q.answers(reply, id) {
		return nil
	}
	return reply
}

// ended is the outcome of an error of the network: silence, or a host that says that nobody is there.
func ended(err error) Outcome {
	var timeout net.Error
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, context.Canceled) || errors.As(err, &timeout) && timeout.Timeout() {
		return Timeout
	}
	return Failure
}
