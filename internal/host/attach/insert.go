package attach

import (
	"bytes"
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// The words that attach puts into the files, and nothing else. Their form is fixed, so that they are found
// again without a record, whatever the operator wrote around them since.
const (
	blockBegin = `# postward: begin (written by "postward attach"; "postward detach" takes it out)`
	blockEnd   = `# postward: end`

	refMilter     = "$postward_milter"
	refInbound    = "$postward_inbound"
	refSubmission = "$postward_submission"
	refLocal      = "$postward_local"
)

var (
	ourWord = regexp.MustCompile(`\$postward_(?:milter|inbound|submission|local)\b`)
	// ourToken is our word with the comma that came with it: the one before it where it stands behind others, as
	// attach writes it, else the one behind it, as attach wrote it when it put itself first.
	ourToken  = regexp.MustCompile(`,\$postward_(?:milter|inbound|submission|local)\b|\$postward_(?:milter|inbound|submission|local)\b,?`)
	ourOption = regexp.MustCompile(`^[ \t]*-o postward_milter=(?:\$postward_(?:inbound|submission|local))?[ \t\r]*$`)
	ourParam  = regexp.MustCompile(`^postward_(?:milter|inbound|submission|local)\s*=`)
	ourAlone  = regexp.MustCompile(`^(?:smtpd_milters = \$postward_milter|non_smtpd_milters = \$postward_local)[ \t\r]*$`)
)

// insertion is text put into a file in front of the byte at offset at.
type insertion struct {
	at   int
	text string
}

// insert returns file with every insertion made. Offsets are those of file; of two at one place the first
// stays first.
func insert(file []byte, all []insertion) []byte {
	sorted := slices.Clone(all)
	slices.SortStableFunc(sorted, func(a, b insertion) int { return cmp.Compare(a.at, b.at) })
	var out []byte
	done := 0
	for _, in := range sorted {
		out = append(out, file[done:in.at]...)
		out = append(out, in.text...)
		done = in.at
	}
	return append(out, file[done:]...)
}

// token puts ref behind a value. Both forms are undone by ourToken.
func token(s setting, ref string) insertion {
	if !s.first {
		ref = "," + ref
	}
	return insertion{at: s.insertAt, text: ref}
}

// option puts `-o postward_milter=ref` after the last line of a service, indented as that line is.
func option(file []byte, e entry, ref string) insertion {
	text := string(file[e.tail.start:e.tail.end])
	indent := text[:len(text)-len(strings.TrimLeft(text, " \t"))]
	if indent == "" {
		indent = "  "
	}
	return afterLine(file, e.tail, indent+"-o postward_milter="+ref)
}

// block puts lines into main.cf between our two marks: in front of the last parameter, and of the comments on top of it. What
// somebody appends to the file with a blank before it goes on with that parameter then, as it would without us; at the end of
// the file it would become a milter of ours (a comment does not end a continuation).
func block(file []byte, lines []string) (in insertion, after int) {
	eol := lineEnd(file)
	body := strings.Join(append(append([]string{blockBegin}, lines...), blockEnd), eol)
	spans := physicalLines(file)
	if all := parseLines(file); len(all) > 0 {
		at := all[len(all)-1].number - 1
		for at > 0 && strings.HasPrefix(string(file[spans[at-1].start:spans[at-1].end]), "#") {
			at--
		}
		return insertion{at: spans[at].start, text: body + eol}, at
	}
	if len(spans) == 0 {
		return insertion{text: body + eol}, 0
	}
	return afterLine(file, spans[len(spans)-1], body), len(spans)
}

// goesOn are the lines of main.cf that go on with a line of ours behind our block, as they were written: Postfix takes them for
// milters. An attach that put its block at the end of the file let that happen.
func goesOn(file []byte) (first int, text []string) {
	spans := physicalLines(file)
	mark := slices.IndexFunc(spans, func(s span) bool { return string(file[s.start:s.end]) == blockEnd })
	if mark < 0 {
		return 0, nil
	}
	for i, s := range spans[mark+1:] {
		line := string(file[s.start:s.end])
		switch {
		case strings.TrimSpace(line) == "" || isComment(line):
			continue
		case !isSpace(line[0]):
			return first, text
		}
		if first == 0 {
			first = mark + i + 2
		}
		text = append(text, strings.TrimSpace(line))
	}
	return first, text
}

// afterLine puts text on lines of its own after s. Where s is the last line and has no line end, text gets
// none either: so the marks at the end of the file say what to cut.
func afterLine(file []byte, s span, text string) insertion {
	if s.end == s.next {
		return insertion{at: s.next, text: lineEnd(file) + text}
	}
	return insertion{at: s.next, text: text + s.eol(file)}
}

// lineEnd is what the first line of file ends with. After a lone carriage return at the end of the file it is
// the long form, so that trimLineEnd leaves that carriage return where it was.
func lineEnd(file []byte) string {
	if bytes.HasSuffix(file, []byte("\r")) {
		return "\r\n"
	}
	if spans := physicalLines(file); len(spans) > 0 && spans[0].end < spans[0].next {
		return spans[0].eol(file)
	}
	return "\n"
}

// mentions reports whether a file holds words that strip would cut out.
func mentions(file []byte) bool {
	for _, s := range physicalLines(file) {
		text := string(file[s.start:s.end])
		if text == blockBegin || text == blockEnd || ourParam.MatchString(text) || ourOption.MatchString(text) {
			return true
		}
		if !isComment(text) && ourWord.MatchString(text) {
			return true
		}
	}
	return false
}

// strip cuts out of a file what attach put in, and nothing else: our options and parameters line by line, our
// word out of other lines, in the block too where the operator added to a line of ours.
func strip(file []byte) []byte {
	var out []byte
	var c cutter
	last := false // the last line of the file was ours and had no line end: the end before it is ours
	for _, s := range physicalLines(file) {
		text := string(file[s.start:s.end])
		if c.cuts(text) {
			last = s.end == s.next
			continue
		}
		if !isComment(text) {
			text = ourToken.ReplaceAllString(text, "")
		}
		out = append(out, text...)
		out = append(out, file[s.end:s.next]...)
	}
	if last {
		out = trimLineEnd(out)
	}
	return out
}

// cutter knows which lines are ours, read one after the other.
type cutter struct {
	block bool // between our marks
	param bool // in a parameter of ours, which the operator may have folded over lines
}

func (c *cutter) cuts(text string) bool {
	switch {
	case strings.TrimSpace(text) == "" || (isComment(text) && text != blockBegin && text != blockEnd):
		return false
	case c.param && c.block && isSpace(text[0]):
		return true
	}
	c.param = ourParam.MatchString(text)
	switch text {
	case blockBegin:
		c.block = true
		return true
	case blockEnd:
		c.block = false
		return true
	}
	return c.param || ourOption.MatchString(text) || (c.block && ourAlone.MatchString(text))
}

func isComment(text string) bool { return strings.HasPrefix(strings.TrimLeft(text, " \t\r\v\f"), "#") }

func trimLineEnd(b []byte) []byte {
	if n := len(b); n > 0 && b[n-1] == '\n' {
		b = b[:n-1]
		if n := len(b); n > 0 && b[n-1] == '\r' {
			b = b[:n-1]
		}
	}
	return b
}
