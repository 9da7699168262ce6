package oldlog

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// journal is the path that stands for what the mail programs told journald; with ":DIRECTORY" behind it, for the journal
// files in a directory.
const journal = "journal"

// Journal says whether a path stands for journald's journal, and for the one in which directory ("": this machine's).
func Journal(path string) (dir string, is bool) {
	if path == journal {
		return "", true
	}
	dir, found := strings.CutPrefix(path, journal+":")
	if !found || dir == "" {
		return "", false
	}
	return dir, true
}

// dropped is the MESSAGE_ID under which journald says that it left out messages of a service that logged too much
// (SD_MESSAGE_JOURNAL_DROPPED, systemd.journal-fields(7)).
const dropped = "a596d6fe7bfa4994828e72309e95d61e"

// driver is the _TRANSPORT of what journald says itself. Anybody can use the MESSAGE_ID.
const driver = "driver"

// ReadJournal runs journalctl(1) with args and hands out the mail log's entries of a journal (see Journal for dir), until
// journalctl ends, ctx is done or each fails. more says that another entry is here already. An entry and its bytes are
// valid until each returns; those that cannot be read are left out, and counted with the next (see Entry.Missed). The
// error is that of each as it is, ctx's, or what journalctl said.
func ReadJournal(ctx context.Context, dir string, args []string, each func(e *Entry, more bool) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, "journalctl", slices.Concat(options(dir), args, matches(dir))...)
	var said said
	cmd.Stderr = &said
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return fmt.Errorf("read the journal: %w: is systemd here?", err)
	}
	in := entries{in: bufio.NewReaderSize(out, maxEntry), trust: trustOf(dir)}
	failed := in.each(each)
	if failed != nil {
		cancel()
	}
	err = cmd.Wait()
	switch {
	case failed != nil:
		return failed
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return fmt.Errorf("read the journal: journalctl: %w: %s", err, bytes.TrimSpace(said))
	}
	return nil
}

// options are those of every run. Without --merge, --follow would leave out what was logged before the last boot.
func options(dir string) []string {
	all := []string{"--no-pager", "--merge", "--output=json",
		"--output-fields=MESSAGE,SYSLOG_IDENTIFIER,SYSLOG_PID,_PID,_UID,_HOSTNAME,_TRANSPORT,MESSAGE_ID,N_DROPPED"}
	if dir != "" {
		all = append(all, "--directory="+dir)
	}
	return all
}

// matches are the entries of the mail log: the facility mail, those who check passwords under another one, and what
// journald says of itself. Of this machine's journal only its own entries are meant, not those that other machines sent.
func matches(dir string) (all []string) {
	machine := ""
	if id, err := os.ReadFile("/etc/machine-id"); err == nil && dir == "" {
		machine = strings.TrimSpace(string(id))
	}
	for _, field := range []string{"SYSLOG_FACILITY=2", "SYSLOG_IDENTIFIER=saslauthd", "SYSLOG_IDENTIFIER=auth", "MESSAGE_ID=" + dropped} {
		all = append(all, "+", field)
		if field == "MESSAGE_ID="+dropped {
			all = append(all, "_TRANSPORT="+driver)
		}
		if machine != "" {
			all = append(all, "_MACHINE_ID="+machine)
		}
	}
	return all[1:]
}

// said is the beginning of what a program says of its troubles.
type said []byte

const maxSaid = 300

// Write keeps what there is room for.
func (s *said) Write(b []byte) (int, error) {
	*s = append(*s, b[:min(len(b), maxSaid-len(*s))]...)
	return len(b), nil
}

// Entry is one of the mail log in a journal. Its texts are from outside.
type Entry struct {
	Cursor string
	At     time.Time
	// Dropped is how many messages journald left out, as it says with this entry; Text names the service.
	Dropped                  uint64
	Host, Program, PID, Text []byte
	// Missed is how many entries could not be read: before this one, and this one too if Text is nil. At the end of the
	// journal they come with no entry at all: Cursor is empty.
	Missed  uint64
	foreign bool
}

// Foreign reports whether the entry is not believed. Believed are root and the users that mail programs run as, by their
// names; in the journal files of a directory, which may be another machine's, every user ID below 1000.
func (e *Entry) Foreign() bool { return e.foreign }

// AppendLine appends the entry as a line of a log, with a stamp as RFC 3339 has it.
func (e *Entry) AppendLine(b []byte) []byte {
	b = e.At.UTC().AppendFormat(b, "2006-01-02T15:04:05.000000Z07:00")
	b = append(append(b, ' '), e.Host...)
	b = append(append(b, ' '), e.Program...)
	if len(e.PID) > 0 {
		b = append(append(append(b, '['), e.PID...), ']')
	}
	begin := len(b) + 2
	b = append(append(b, ": "...), e.Text...)
	for i := begin; i < len(b); i++ {
		if b[i] == '\n' || b[i] == '\r' || b[i] == 0 {
			b[i] = ' '
		}
	}
	return b[:min(len(b), begin+MaxLine)]
}

// maxEntry bounds what is read of an entry, in octets. journalctl leaves out fields of more than 4096.
const maxEntry = 256 << 10

// errEntry is that of an entry that cannot be read. The next one can.
var errEntry = errors.New("an entry of the journal that cannot be read")

// entries reads what journalctl prints.
type entries struct {
	in    *bufio.Reader
	trust trust
	raw   rawEntry
}

func (s *entries) each(out func(e *Entry, more bool) error) error {
	var e Entry
	var missed uint64
	for {
		switch err := s.next(&e); {
		case err == nil:
			e.Missed += missed
			missed = 0
			if err := out(&e, s.ready()); err != nil {
				return err
			}
		case err == io.EOF && missed > 0:
			return out(&Entry{Missed: missed}, false)
		case err == io.EOF:
			return nil
		case errors.Is(err, errEntry):
			missed++
		default:
			return fmt.Errorf("read the journal: %w", err)
		}
	}
}

// ready reports whether next returns without waiting for more.
func (s *entries) ready() bool {
	b, err := s.in.Peek(s.in.Buffered())
	return err == nil && bytes.IndexByte(b, '\n') >= 0
}

// next reads an entry. The error is errEntry, io.EOF or the reader's.
func (s *entries) next(into *Entry) error {
	line, err := s.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = s.in.ReadSlice('\n')
		}
		if err == nil {
			err = errEntry
		}
	}
	if err != nil {
		return err
	}
	s.raw = rawEntry{}
	if err := json.Unmarshal(line, &s.raw); err != nil {
		return fmt.Errorf("%w: %w", errEntry, err)
	}
	return s.raw.entry(into, s.trust)
}

// rawEntry is an entry as journalctl prints it (journal JSON format).
type rawEntry struct {
	Cursor     string `json:"__CURSOR"`
	Realtime   string `json:"__REALTIME_TIMESTAMP"` // microseconds since 1970
	Host       field  `json:"_HOSTNAME"`
	Program    field  `json:"SYSLOG_IDENTIFIER"`
	SyslogPID  field  `json:"SYSLOG_PID"`
	PID        field  `json:"_PID"`
	UID        field  `json:"_UID"`
	Transport  field  `json:"_TRANSPORT"`
	Message    field  `json:"MESSAGE"`
	MessageID  field  `json:"MESSAGE_ID"`
	NumDropped field  `json:"N_DROPPED"`
}

func (r *rawEntry) entry(e *Entry, t trust) error {
	at, err := strconv.ParseInt(r.Realtime, 10, 64)
	if err != nil || r.Cursor == "" {
		return errEntry
	}
	*e = Entry{Cursor: r.Cursor, At: time.UnixMicro(at), Host: r.Host, Program: r.Program, PID: r.SyslogPID, Text: r.Message}
	if len(e.PID) == 0 {
		e.PID = r.PID
	}
	e.foreign = !t.believes(r.UID)
	if e.Text == nil && !e.foreign {
		e.Missed = 1
	}
	if string(r.MessageID) == dropped && string(r.Transport) == driver {
		if e.Dropped, err = strconv.ParseUint(string(r.NumDropped), 10, 63); err != nil {
			e.Dropped = 0
		}
	}
	return nil
}

// field is a value: a string, an array of numbers when it is no UTF-8, null when it is too long, and an array of these
// when the field is there several times; then the first one counts.
type field []byte

// UnmarshalJSON reads one.
func (f *field) UnmarshalJSON(b []byte) error {
	*f = nil
	switch b[0] {
	case 'n':
		return nil
	case '"':
		var s string
		err := json.Unmarshal(b, &s)
		*f = field(s)
		return err
	}
	var values []json.RawMessage
	if err := json.Unmarshal(b, &values); err != nil || len(values) == 0 {
		return err
	}
	if first := values[0]; first[0] == '"' || first[0] == '[' || first[0] == 'n' {
		return f.UnmarshalJSON(first)
	}
	for _, v := range values {
		n, err := strconv.ParseUint(string(v), 10, 8)
		if err != nil {
			return err
		}
		*f = append(*f, byte(n))
	}
	return nil
}

// readJournal reads a journal as the lines of a log. What was left out is a line too: journald's own, and for entries that
// cannot be read one in the same words.
func (f *File) readJournal(ctx context.Context, dir string, each func(line []byte) error) error {
	var args []string
	if !f.Since.IsZero() {
		args = []string{"--since=@" + strconv.FormatInt(f.Since.Unix(), 10)}
	}
	var b []byte
	return ReadJournal(ctx, dir, args, func(e *Entry, _ bool) error {
		if e.Missed > 0 {
			b = e.missed().AppendLine(b[:0])
			if err := each(b); err != nil {
				return err
			}
		}
		if e.Foreign() || e.Text == nil {
			return nil
		}
		b = e.AppendLine(b[:0])
		return each(b)
	})
}

// missed is what journald would say had it left out the entries that could not be read.
func (e *Entry) missed() *Entry {
	at, host := e.At, e.Host
	if e.Cursor == "" {
		at, host = time.Now(), []byte("localhost")
	}
	return &Entry{At: at, Host: host, Program: []byte("systemd-journald"), Text: fmt.Appendf(nil, "Suppressed %d messages from the mail log that journalctl cannot print", e.Missed)}
}
