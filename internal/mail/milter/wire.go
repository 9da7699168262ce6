package milter

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Commands, from the MTA (mfdef.h, SMFIC_*).
const (
	cmdAbort   = 'A'
	cmdBody    = 'B'
	cmdConnect = 'C'
	cmdMacro   = 'D'
	cmdEOM     = 'E'
	cmdHelo    = 'H'
	cmdQuitNC  = 'K'
	cmdHeader  = 'L'
	cmdMail    = 'M'
	cmdEOH     = 'N'
	cmdOptNeg  = 'O'
	cmdQuit    = 'Q'
	cmdRcpt    = 'R'
	cmdData    = 'T'
	cmdUnknown = 'U'
)

// Replies, to the MTA (SMFIR_*).
const (
	rspContinue   = 'c'
	rspChgHeader  = 'm'
	rspInsHeader  = 'i'
	rspProgress   = 'p'
	rspQuarantine = 'q'
	rspReplyCode  = 'y'
	rspSkip       = 's'
	rspTempfail   = 't'
)

// maxPacket bounds a packet. Postfix sends at most 64 KiB of body and header_size_limit (100 KiB) of header.
const maxPacket = 1 << 20

var errPacket = errors.New("not a milter packet")

// packet is one command or reply.
type packet struct {
	cmd  byte
	data []byte // valid until the next read
}

// readPacket reads one packet into buf, which grows up to maxPacket. header is called when the length is there.
func readPacket(r io.Reader, buf *[]byte, begun func() error) (packet, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:1]); err != nil {
		return packet{}, err
	}
	if err := begun(); err != nil {
		return packet{}, err
	}
	if _, err := io.ReadFull(r, head[1:]); err != nil {
		return packet{}, noEOF(err)
	}
	size := binary.BigEndian.Uint32(head[:4])
	if size == 0 || size > maxPacket {
		return packet{}, fmt.Errorf("%w: a length of %d", errPacket, size)
	}
	n := int(size) - 1
	data, err := grow(r, buf, n)
	return packet{head[4], data}, err
}

// grow reads n octets in steps, so that a length alone reserves no memory.
func grow(r io.Reader, buf *[]byte, n int) ([]byte, error) {
	const step = 64 << 10
	*buf = (*buf)[:0]
	for len(*buf) < n {
		have, more := len(*buf), min(n-len(*buf), step)
		if cap(*buf) < have+more {
			*buf = append(make([]byte, 0, have+more+have/2), *buf...)
		}
		*buf = (*buf)[:have+more]
		if _, err := io.ReadFull(r, (*buf)[have:]); err != nil {
			return nil, noEOF(err)
		}
	}
	return (*buf)[:n], nil
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// appendPacket appends a packet with the given parts to b.
func appendPacket(b []byte, cmd byte, parts ...[]byte) []byte {
	n := 1
	for _, p := range parts {
		n += len(p)
	}
	b = binary.BigEndian.AppendUint32(b, uint32(n))
	b = append(b, cmd)
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// cstring takes a NUL-terminated string off data. What has no NUL is refused.
func cstring(data []byte) (s string, rest []byte, err error) {
	i := bytes.IndexByte(data, 0)
	if i < 0 {
		return "", nil, fmt.Errorf("%w: a string without end", errPacket)
	}
	return string(data[:i]), data[i+1:], nil
}

func nul(s string) []byte { return append([]byte(s), 0) }
