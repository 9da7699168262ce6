package probe

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxLine  = 2048     // octets of a reply line with its end
	maxLines = 100      // lines of a reply
	maxTotal = 64 << 10 // octets of a connection, in the clear and inside TLS each
	maxShown = 512      // octets of a text as it is kept
)

// Reply is a reply of RFC 5321 section 4.2.
type Reply struct {
	Code  int      `json:"code"`
	Lines []string `json:"lines"` // printable, without the code
}

// String is the reply on one line.
func (r Reply) String() string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", r.Code, strings.Join(r.Lines, " / ")))
}

// Enhanced is the enhanced status code of RFC 3463 that the text begins with, like "5.7.1", or empty.
func (r Reply) Enhanced() string {
	if len(r.Lines) == 0 {
		return ""
	}
	code, _, _ := strings.Cut(r.Lines[0], " ")
	parts := strings.Split(code, ".")
	if len(parts) != 3 || len(code) > 9 || len(parts[0]) != 1 {
		return ""
	}
	for _, p := range parts {
		if p == "" || strings.Trim(p, "0123456789") != "" {
			return ""
		}
	}
	return code
}

// fault is what a reply says against going on; 0 when it begins with the digit that is wanted.
func (r Reply) fault(wanted int) Fault {
	switch r.Code / 100 {
	case wanted:
		return 0
	case 4:
		return Tempfail
	case 5:
		return Rejected
	}
	return Unexpected
}

// reader reads replies from a connection, and not more than maxTotal octets.
type reader struct {
	buffer *bufio.Reader
}

func newReader(from io.Reader) *reader {
	return &reader{bufio.NewReaderSize(&budget{from, maxTotal}, maxLine)}
}

// reply reads one reply. Errors are errTooMuch, errNotSMTP, or the connection's.
func (r *reader) reply() (Reply, error) {
	var all Reply
	for range maxLines {
		code, last, text, err := r.line()
		if err != nil {
			return all, err
		}
		if all.Code != 0 && code != all.Code {
			return all, fmt.Errorf("%w: a %d line in a %d reply", errNotSMTP, code, all.Code)
		}
		all.Code = code
		all.Lines = append(all.Lines, text)
		if last {
			return all, nil
		}
	}
	return all, fmt.Errorf("a reply of more than %d lines: %w", maxLines, errTooMuch)
}

// line reads one line of a reply. A line that is cut by the end of the connection is no line.
func (r *reader) line() (code int, last bool, text string, err error) {
	raw, err := r.buffer.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return 0, false, "", r.tooLong(raw)
	case errors.Is(err, io.EOF) && len(raw) > 0:
		err = io.ErrUnexpectedEOF
		if code, _, _ := parseLine(raw); code == 0 && len(raw) >= 4 {
			err = fmt.Errorf("%w: %s", errNotSMTP, clean(raw))
		}
		return 0, false, "", err
	case err != nil:
		return 0, false, "", err
	}
	raw = bytes.TrimSuffix(bytes.TrimSuffix(raw, []byte("\n")), []byte("\r"))
	code, last, text = parseLine(raw)
	if code == 0 {
		return 0, false, "", fmt.Errorf("%w: %s", errNotSMTP, clean(raw))
	}
	return code, last, text, nil
}

// tooLong says of a line without an end whether it began like one of SMTP.
func (r *reader) tooLong(raw []byte) error {
	if code, _, _ := parseLine(raw); code == 0 {
		return fmt.Errorf("%w: %s", errNotSMTP, clean(raw))
	}
	return fmt.Errorf("a line of more than %d octets: %w", maxLine, errTooMuch)
}

// parseLine takes a reply line apart; code 0 says that it is none.
func parseLine(raw []byte) (code int, last bool, text string) {
	if len(raw) < 3 || raw[0] < '2' || raw[0] > '5' || !digit(raw[1]) || !digit(raw[2]) {
		return 0, false, ""
	}
	code = int(raw[0]-'0')*100 + int(raw[1]-'0')*10 + int(raw[2]-'0')
	if len(raw) == 3 {
		return code, true, ""
	}
	if raw[3] != ' ' && raw[3] != '-' {
		return 0, false, ""
	}
	return code, raw[3] == ' ', clean(raw[4:])
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// waiting reports whether more has come than was read.
func (r *reader) waiting() bool { return r.buffer.Buffered() > 0 }

// budget is a reader that ends with errTooMuch when its octets are used up.
type budget struct {
	from io.Reader
	left int
}

func (b *budget) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("read a connection: %w", errTooMuch)
	}
	n, err := b.from.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// clean makes a stranger's text printable, and short. What is not printable is written \xNN.
func clean[T ~string | ~[]byte](text T) string {
	var b strings.Builder
	for rest := string(text[:min(len(text), maxShown+1)]); rest != ""; {
		c, n := utf8.DecodeRuneInString(rest)
		shown := rest[:n]
		if !unicode.IsPrint(c) || c == utf8.RuneError {
			shown = ""
			for _, octet := range []byte(rest[:n]) {
				shown += fmt.Sprintf(`\x%02x`, octet)
			}
		}
		if b.Len()+len(shown) > maxShown {
			return b.String() + "…"
		}
		b.WriteString(shown)
		rest = rest[n:]
	}
	return b.String()
}
