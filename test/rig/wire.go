package rig

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
)

// Wire lies on a milter socket between Postfix and postward. A test sees each packet go over it and may cut it, so a
// death can be put between two packets.
type Wire struct {
	to       string // postward's socket
	listener net.Listener

	mu     sync.Mutex
	before func(Packet) bool
	after  func(Packet)
	ends   sync.WaitGroup
}

// Packet is what is known of a packet on the wire: who said it, and its command or reply code.
type Packet struct {
	FromPostfix bool
	Code        byte
}

// maxPacket bounds a packet: Postfix sends chunks of 64 KiB.
const maxPacket = 1 << 20

// NewWire listens at the socket from, which Postfix connects to, and connects to the socket to.
func NewWire(from, to string) (*Wire, error) {
	if err := os.MkdirAll(filepath.Dir(from), 0o755); err != nil {
		return nil, fmt.Errorf("lay a wire: %w", err)
	}
	l, err := net.Listen("unix", from)
	if err != nil {
		return nil, fmt.Errorf("lay a wire: %w", err)
	}
	if err := os.Chmod(from, 0o666); err != nil {
		l.Close()
		return nil, fmt.Errorf("lay a wire: %w", err)
	}
	w := &Wire{to: to, listener: l}
	w.ends.Go(w.accept)
	return w, nil
}

// Watch sets what is called before a packet goes on (false: it does not, and the session is cut) and after. Each may be
// nil, and is called for one packet at a time.
func (w *Wire) Watch(before func(Packet) bool, after func(Packet)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.before, w.after = before, after
}

// Close ends every session.
func (w *Wire) Close() error {
	err := w.listener.Close()
	w.ends.Wait()
	return err
}

func (w *Wire) accept() {
	for {
		mta, err := w.listener.Accept()
		if err != nil {
			return
		}
		filter, err := net.Dial("unix", w.to)
		if err != nil { // as if nobody listened
			mta.Close()
			continue
		}
		w.ends.Go(func() { w.carry(mta, filter, true) })
		w.ends.Go(func() { w.carry(filter, mta, false) })
	}
}

// carry copies packets one way until an end closes, and closes both.
func (w *Wire) carry(from, to net.Conn, fromPostfix bool) {
	defer from.Close()
	defer to.Close()
	for {
		packet, err := readPacket(from)
		if err != nil {
			return
		}
		p := Packet{FromPostfix: fromPostfix, Code: packet[4]}
		if !w.ask(p) {
			return
		}
		if _, err := to.Write(packet); err != nil {
			return
		}
		w.tell(p)
	}
}

func readPacket(r io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n == 0 || n > maxPacket {
		return nil, fmt.Errorf("a packet of %d octets", n)
	}
	packet := make([]byte, 4+n)
	copy(packet, size[:])
	_, err := io.ReadFull(r, packet[4:])
	return packet, err
}

func (w *Wire) ask(p Packet) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.before == nil || w.before(p)
}

func (w *Wire) tell(p Packet) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.after != nil {
		w.after(p)
	}
}
