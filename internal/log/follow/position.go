package follow

import (
	"strconv"
	"time"
)

// Position is a place in a log: which file, and how far. It is stored as JSON between runs. The zero Position means
// that none was stored.
type Position struct {
	Path   string    `json:"path"`           // the log's path, not the name that rotation gave the file
	Dev    uint64    `json:"dev"`            // the device; it may change with a reboot, and is then not compared
	Ino    uint64    `json:"ino"`            // the inode; 0: the log did not exist yet
	Offset int64     `json:"offset"`         // bytes that are done with
	Head   uint64    `json:"head,omitempty"` // hash of the first line (at most headSize bytes); 0: it has no end yet
	At     time.Time `json:"at"`             // when the file was last changed, as far as was seen
	// Cursor is journald's of the last entry that was read; then Dev and Ino are the halves of its sequence's ID, and
	// the others are zero. Empty in a journal: begin at the time At.
	Cursor string `json:"cursor,omitempty"`
}

// Key is the natural key of a line: a line that is read twice has the same key both times.
type Key struct {
	Dev, Ino, Head uint64
	Offset         int64 // of the line's first byte
}

// String is "dev-ino-head-offset" in hexadecimal.
func (k Key) String() string { return string(k.Append(nil)) }

// Append appends String's text without allocating.
func (k Key) Append(b []byte) []byte {
	for _, n := range [...]uint64{k.Dev, k.Ino, k.Head} {
		b = append(strconv.AppendUint(b, n, 16), '-')
	}
	return strconv.AppendUint(b, uint64(k.Offset), 16)
}

// Line is one line without its line break.
type Line struct {
	Text   []byte
	Offset int64 // of its first byte in the file
	Cut    bool  // it was longer than MaxLine, or its file ended without a line break
}

// Batch is some whole lines of one file. It and its bytes are valid until out returns. A batch without lines
// tells a new position, or gaps.
type Batch struct {
	Lines []Line
	Gaps  []Gap    // what could not be read before these lines
	Next  Position // to be stored together with what came of the batch
}

// Key is the natural key of line i.
func (b *Batch) Key(i int) Key {
	return Key{Dev: b.Next.Dev, Ino: b.Next.Ino, Head: b.Next.Head, Offset: b.Lines[i].Offset}
}

// Reason says why lines were not read.
type Reason string

const (
	Lost       Reason = "lost"       // the file of the stored position is gone, or another log is followed now
	Compressed Reason = "compressed" // a rotated file was compressed, in a way that is not known here, before it was read
	Truncated  Reason = "truncated"  // the file was truncated and no copy of it was found
	Unreadable Reason = "unreadable" // reading a rotated file failed, or is not allowed; entries of a journal that are too long
	Suppressed Reason = "suppressed" // journald left them out, for a service logged too much at once
)

// Gap is a part of the log that was not read. It may turn out to be empty: what was lost is not known.
type Gap struct {
	Reason Reason   `json:"reason"`
	Path   string   `json:"path"`            // the file concerned, or the log; of Suppressed what journald said
	Count  uint64   `json:"count,omitempty"` // lines, as far as it is known
	After  Position `json:"after"`           // what was read last
}
