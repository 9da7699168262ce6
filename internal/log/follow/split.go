package follow

import "bytes"

const (
	// MaxLine is the longest line, in bytes. rsyslog's own limit is 8 KiB by default, Postfix's about 2 KiB.
	MaxLine = 64 << 10
	// bufferSize is how much is read at once; more than MaxLine, so that most long lines end inside.
	bufferSize = 4 * MaxLine
	// maxLines bounds a batch.
	maxLines = 4096
)

// split appends the whole lines of b, which begins at offset in its file, to lines, at most limit of them. It
// returns the lines and how many bytes of b they take. Lines over MaxLine are cut.
func split(b []byte, offset int64, lines []Line, limit int) ([]Line, int) {
	done := 0
	for len(lines) < limit {
		n := bytes.IndexByte(b[done:], '\n')
		if n < 0 {
			break
		}
		line := Line{Text: b[done : done+n], Offset: offset + int64(done)}
		line.cut()
		lines = append(lines, line)
		done += n + 1
	}
	return lines, done
}

func (l *Line) cut() {
	if len(l.Text) > MaxLine {
		l.Text, l.Cut = l.Text[:MaxLine], true
	}
}
