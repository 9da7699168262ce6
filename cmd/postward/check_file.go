package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"

	"postward/internal/domain/check"
	"postward/internal/guard"
	"postward/internal/run/ctl"
)

// maxLine is the longest line of a file with domains that is read, in octets.
const maxLine = 4096

// bulk is many checks at a time, told in the order of their lines. What it holds is bounded by the number of jobs, not
// by the file: the reader waits when a slow check keeps the ones after it from being told.
type bulk struct {
	config check.Config
	flags  *checkFlags
	jobs   chan *job

	size       int64        // octets of the file
	read       atomic.Int64 // and of what was read
	printed    int64        // lines
	bad, found int          // lines that are none; targets with something worth a look
	learned    bool
}

// job is one line.
type job struct {
	line   int
	text   string
	err    error // why it is no domain
	target check.Target
	report chan check.Report // has room for the one
}

// checkFile checks every domain of a file.
func (a *app) checkFile(ctx context.Context, c check.Config, f *checkFlags) error {
	if _, err := f.names(); err != nil {
		return err
	}
	in, size, err := openDomains(f.file)
	if err != nil {
		return err
	}
	defer in.Close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b := &bulk{config: c, flags: f, jobs: make(chan *job, 2*f.jobs), size: size}
	var reading error
	go func() { // ends when the file does, or with ctx; the close is its last act, and tell waits for it
		defer close(b.jobs)
		reading = b.start(ctx, in)
	}()
	if err := b.print(a, cancel); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	if reading != nil {
		return fmt.Errorf("read %s: %w", f.file, reading)
	}
	return b.ending()
}

// openDomains opens a file; - is standard input, whose size nobody knows.
func openDomains(path string) (io.ReadCloser, int64, error) {
	if path == "-" {
		return io.NopCloser(os.Stdin), 0, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err // os says what and where
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, info.Size(), nil
}

// start reads the lines and starts a check for each, at most flags.jobs at the same time.
func (b *bulk) start(ctx context.Context, in io.Reader) error {
	slots := make(chan struct{}, b.flags.jobs)
	lines := bufio.NewReaderSize(in, maxLine)
	for n := 1; ctx.Err() == nil; n++ {
		line, err := readLine(lines)
		b.read.Add(int64(len(line)) + 1)
		text, _, _ := bytes.Cut(line, []byte("#"))
		if text = bytes.TrimSpace(text); len(text) > 0 {
			b.one(ctx, slots, n, string(text))
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// readLine reads a line without its end. Of a line that is too long comes the beginning, which is no domain.
func readLine(r *bufio.Reader) ([]byte, error) {
	part, more, err := r.ReadLine()
	line := bytes.Clone(part)
	for more && err == nil {
		_, more, err = r.ReadLine()
	}
	return line, err
}

// one starts the check of one line, when there is a slot for it.
func (b *bulk) one(ctx context.Context, slots chan struct{}, n int, text string) {
	j := &job{line: n, text: text, report: make(chan check.Report, 1)}
	j.target.Domain, j.err = parseDomain(text)
	j.target.Selectors = b.flags.selectors
	if j.err == nil {
		slots <- struct{}{}
		go func() {
			defer func() { <-slots }()
			c := b.config
			c.Now = time.Now()
			j.report <- check.Run(ctx, c, j.target, nil)
		}()
	}
	b.jobs <- j
}

// print writes a row for each line. A line that is none is named, and the next one told. When nobody reads the rows,
// stop ends the checks, and what is under way is waited for.
func (b *bulk) print(a *app, stop func()) error {
	write := csvRows(a.out.w)
	if a.json {
		write = jsonRows(a.out.w)
	}
	bar := b.progress(a.out)
	failed := write(nil)
	for j := range b.jobs {
		bar.seen, bar.lines = b.read.Load(), b.printed
		bar.show(time.Now())
		b.printed++
		if j.err != nil {
			b.bad++
			bar.wipe()
			fmt.Fprintf(os.Stderr, "postward: %s:%d: %s\n", printable(b.flags.file), j.line, oneLine(fmt.Sprintf("%.200q is no domain", j.text)))
			continue
		}
		report := <-j.report
		b.learned = b.learned || report.Learned()
		if report.Grade.Worth() {
			b.found++
		}
		if failed == nil {
			failed = write(&report)
		}
		if failed != nil {
			stop()
		}
	}
	bar.wipe()
	return failed
}

// progress is how far it is; no person reads it who reads the rows.
func (b *bulk) progress(out *output) *progress {
	p := newProgress(b.size, func(printed int64, seconds float64) string {
		return fmt.Sprintf("%s, %.0f a second", guard.Count(int(printed), "domain"), float64(printed)/seconds)
	})
	if out.person {
		p.w = nil
	}
	return p
}

// ending is the exit status: 2 when no line could be checked, 1 when something is to be looked at, a bad line too.
func (b *bulk) ending() error {
	switch {
	case b.printed == 0:
		return &ctl.Problem{What: b.flags.file + " names no domain", Hint: "one domain a line; # begins a comment"}
	case !b.learned:
		return &ctl.Problem{What: "nothing could be learned of any line", Hint: "postward check --resolver ADDRESS, or a longer --timeout"}
	case b.found > 0 || b.bad > 0:
		return errFound
	}
	return nil
}

// csvRows writes the head, for nil, and a row a report.
func csvRows(w io.Writer) func(*check.Report) error {
	table := csv.NewWriter(w)
	return func(r *check.Report) error {
		row := check.CSVHead()
		if r != nil {
			row = r.CSVRow()
		}
		if err := table.Write(row); err != nil {
			return err
		}
		table.Flush() // who follows the rows sees each when it is known
		return table.Error()
	}
}

// jsonRows writes a report a line.
func jsonRows(w io.Writer) func(*check.Report) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return func(r *check.Report) error {
		if r == nil {
			return nil
		}
		return e.Encode(r)
	}
}
