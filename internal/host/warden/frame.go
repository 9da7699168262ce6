package warden

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Bounds of the frames: four octets of length, big-endian, then JSON.
const (
	maxRequest = 256 << 10
	maxAnswer  = 64 << 20 // the names of all that is in hold
	usualFrame = 128 << 10
)

func writeFrame(w io.Writer, v any, limit int) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("write frame: %w", err)
	}
	if len(body) > limit {
		return fmt.Errorf("write frame: %d octets are more than %d", len(body), limit)
	}
	frame := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(body)), uint32(len(body)))
	if _, err := w.Write(append(frame, body...)); err != nil {
		return fmt.Errorf("write frame: %w", err)
	}
	return nil
}

// readFrame reads one frame into v. io.EOF, unwrapped, means that the other side ended between two frames.
func readFrame(r io.Reader, v any, limit uint32) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		if errors.Is(err, io.EOF) {
			return io.EOF
		}
		return fmt.Errorf("read frame: %w", err)
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > limit {
		return fmt.Errorf("read frame: %d octets are more than %d", size, limit)
	}
	var body bytes.Buffer // beyond this it grows with what really comes, whatever the length says
	body.Grow(int(min(size, usualFrame)))
	if n, err := io.CopyN(&body, r, int64(size)); errors.Is(err, io.EOF) {
		return fmt.Errorf("read frame: %d of %d octets: %w", n, size, io.ErrUnexpectedEOF)
	} else if err != nil {
		return fmt.Errorf("read frame: %w", err)
	}
	decoder := json.NewDecoder(&body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return fmt.Errorf("read frame: %w", err)
	}
	if decoder.More() {
		return errors.New("read frame: something follows the request")
	}
	return nil
}
