package postfix

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// ErrNoQueueFile says that a file is not one of Postfix's queue, or a damaged one.
var ErrNoQueueFile = errors.New("it is no queue file of Postfix")

// Bounds of what is read of a queue file: the envelope of a mail begins with its size, its time of arrival, some attributes and its
// sender.
const (
	maxRecords   = 64
	maxRecordLen = 4096
)

// Envelope reads of a queue file what Entry has of it besides queue and ID, as showq(8) does for postqueue(1). That format is the same
// since Postfix 1.0: records of a type, a length in groups of seven bits, the least first, and a value (rec_type.h, record.c).
func Envelope(file io.ReaderAt) (Entry, error) {
	var e Entry
	in := recordsFrom(file, 0)
	for range maxRecords {
		kind, value, err := readRecord(in)
		if err != nil {
			return Entry{}, err
		}
		switch kind {
		case recordSize:
			e.Size = number(value)
		case recordTime:
			at := number(value)
			if at < 0 || at > 1<<40 || value == "" {
				return Entry{}, ErrNoQueueFile
			}
			if e.Arrived.IsZero() { // of each the first is Postfix's own
				e.Arrived = time.Unix(at, 0)
			}
		case recordPointer: // a milter changed what was here
			if in = recordsFrom(file, number(value)); number(value) <= 0 {
				return Entry{}, ErrNoQueueFile
			}
		case recordSender:
			if e.Arrived.IsZero() {
				return Entry{}, ErrNoQueueFile
			}
			e.Sender = value
			return e, nil
		}
	}
	return Entry{}, ErrNoQueueFile
}

// The types of records that are looked at.
const (
	recordSize    = 'C'
	recordTime    = 'T'
	recordSender  = 'S'
	recordPointer = 'p'
)

// recordsFrom reads records from an offset on.
func recordsFrom(file io.ReaderAt, offset int64) *bufio.Reader {
	return bufio.NewReaderSize(io.NewSectionReader(file, offset, 1<<40), 512)
}

// readRecord reads one record.
func readRecord(in *bufio.Reader) (kind byte, value string, err error) {
	if kind, err = in.ReadByte(); err != nil {
		return 0, "", damaged(err)
	}
	n, shift, more := 0, 0, true
	for more {
		b, err := in.ReadByte()
		if err != nil || shift > 14 {
			return 0, "", damaged(err)
		}
		n |= int(b&0x7f) << shift
		shift += 7
		more = b&0x80 != 0
	}
	if n > maxRecordLen {
		return 0, "", ErrNoQueueFile
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(in, text); err != nil {
		return 0, "", damaged(err)
	}
	return kind, string(text), nil
}

// damaged tells a file that ends too soon from one that cannot be read.
func damaged(err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ErrNoQueueFile
	}
	return fmt.Errorf("read a queue file: %w", err)
}

// number is the first number of a value; -1 if it has none.
func number(value string) int64 {
	first, _, _ := strings.Cut(strings.TrimLeft(value, " "), " ")
	n, err := strconv.ParseInt(first, 10, 64)
	if err != nil {
		return -1
	}
	return n
}
