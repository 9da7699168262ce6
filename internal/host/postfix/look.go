package postfix

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// Bounds of Look: what it returns, how many recipients it names, and how long it waits, for postcat(1) waits at a pipe in the
// queue.
const (
	maxLook       = 64 << 10
	maxLookedAt   = 20
	maxLookedLine = 4 << 10
	lookTime      = 10 * time.Second
)

// Look returns the envelope and the header section of a mail in the queue, as postcat(1) prints them, at most 64 KiB: of many
// recipients, of each of whom Postfix has three or four records, the first ones by a line and the number of the others. The
// text is a stranger's.
func (p Instance) Look(ctx context.Context, id QueueID) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	var out string
	err := p.run(ctx, nil, func(r io.Reader) (err error) {
		if out, err = lookAt(r); err != nil {
			return err
		}
		return discard(r)
	}, "postcat", "-e", "-h", "-q", string(id))
	if err != nil {
		return "", fmt.Errorf("look into %s: %w", id, err)
	}
	return out, nil
}

// What postcat(1) prints between the sections of a queue file.
const (
	headerBegins = "*** MESSAGE CONTENTS "
	headerEnds   = "*** HEADER EXTRACTED "
)

// lookAt shortens what postcat(1) prints.
func lookAt(r io.Reader) (string, error) {
	in := bufio.NewReaderSize(r, maxLookedLine)
	var out bytes.Buffer
	header, n, cut := false, 0, false
	for out.Len() < maxLook {
		line, err := in.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) && !errors.Is(err, io.EOF) {
			return "", err
		}
		text := string(line)
		switch {
		case cut: // the rest of a long line
		case !header && strings.HasPrefix(text, headerBegins):
			header = true
		case header && strings.HasPrefix(text, headerEnds):
			header = false
		case !header && ofRecipient(text):
			if strings.HasPrefix(text, "recipient: ") {
				n++
			}
			if n > maxLookedAt || !strings.HasPrefix(text, "recipient: ") {
				text = ""
			}
		}
		out.WriteString(text)
		cut = errors.Is(err, bufio.ErrBufferFull)
		if errors.Is(err, io.EOF) {
			break
		}
	}
	if n > maxLookedAt {
		fmt.Fprintf(&out, "and %d more recipients\n", n-maxLookedAt)
	}
	return string(bytes.ToValidUTF8(out.Bytes()[:min(out.Len(), maxLook+100)], []byte("?"))), nil
}

// ofRecipient reports whether a line of an envelope is about one recipient.
func ofRecipient(line string) bool {
	for _, begin := range []string{"recipient: ", "original_recipient: ", "named_attribute: dsn_orig_rcpt=", "named_attribute: notify_flags=", "dsn_orig_rcpt: ", "dsn_notify_flags: ", "pointer_record: "} {
		if strings.HasPrefix(line, begin) {
			return true
		}
	}
	return false
}
