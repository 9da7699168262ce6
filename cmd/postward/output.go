package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"golang.org/x/term"

	"postward/internal/guard"
	"postward/internal/run/ctl"
)

// The voice of the terminal:
//   - one screen; the thing that needs a person comes first; what is fine is said in one line
//   - tables for people, tab-separated values under the same head when piped, JSON when asked
//   - colour only on a terminal and without NO_COLOR, never the only carrier of a meaning
//   - times are local, with their zone; a text from outside is printed without its control characters

// output writes for a person or for a pipe.
type output struct {
	w      io.Writer
	person bool // a terminal
	colour bool
}

func newOutput(f *os.File) *output {
	person := term.IsTerminal(int(f.Fd()))
	return &output{w: f, person: person, colour: person && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
}

func (o *output) line(format string, args ...any) { fmt.Fprintf(o.w, format+"\n", args...) }

// Colours, by meaning.
const (
	calm  = "32"
	watch = "33"
	alarm = "31;1"
	quiet = "2"
)

func (o *output) paint(colour, text string) string {
	if !o.colour {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

// table prints rows under a head: aligned for a person, tab-separated in a pipe.
func (o *output) table(head []string, rows [][]string) error {
	if !o.person {
		for _, row := range append([][]string{upper(head)}, rows...) {
			if _, err := fmt.Fprintln(o.w, strings.Join(cells(row), "\t")); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(o.w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(upper(head), "\t"))
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(cells(row), "\t"))
	}
	return w.Flush()
}

func upper(head []string) []string {
	names := make([]string, len(head))
	for i, h := range head {
		names[i] = strings.ToUpper(h)
	}
	return names
}

func cells(row []string) []string {
	clean := make([]string, len(row))
	for i, c := range row {
		clean[i] = printable(c)
	}
	return clean
}

func (o *output) json(v any) error {
	e := json.NewEncoder(o.w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// writePage writes a report's page to a file.
func writePage(path string, page func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	err = page(f)
	if closing := f.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// printable drops what could move a terminal's cursor or forge a line.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || unicode.IsPrint(r) {
			return r
		}
		return '·'
	}, s)
}

// note says on standard error what a pipe must know of what it is given.
func (a *app) note(text string) { fmt.Fprintf(os.Stderr, "postward: %s\n", printable(text)) }

func oneLine(s string) string { return printable(strings.ReplaceAll(s, "\n", " ")) }

func when(t guard.Time) string {
	if t == 0 {
		return "-"
	}
	return t.Time().Local().Format("2006-01-02 15:04:05 MST")
}

// clock is when, within an incident.
func clock(t guard.Time) string { return t.Time().Local().Format("15:04:05") }

func ago(t, now guard.Time) string {
	switch d := now.Sub(t); {
	case t == 0:
		return "never"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days ago", int(d.Hours()/24))
	}
}

// confirm asks before what cannot be undone: on a terminal, or by --yes.
func (a *app) confirm(what string) error {
	if a.yes {
		return nil
	}
	if !a.out.person || !term.IsTerminal(int(os.Stdin.Fd())) {
		return &ctl.Problem{What: what + ": not done without a word", Hint: "say --yes"}
	}
	fmt.Fprintf(a.out.w, "%s. Go on? [y/N] ", what)
	reply, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil || !strings.HasPrefix(strings.ToLower(strings.TrimSpace(reply)), "y") {
		return &ctl.Problem{What: "nothing was done"}
	}
	return nil
}
