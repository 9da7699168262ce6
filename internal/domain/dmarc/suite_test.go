package dmarc

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"postward/internal/wire/dns"
)

// A case of testdata/eval is three files; README.md there says what they hold.
type suiteCase struct {
	name string
	mail Mail
	dns  *world
	want map[string]string // by key; "author X" for one of several
}

// The suite: each case is a sentence of the RFC, and its result was written from that sentence.
func TestMailIsJudgedAsTheRFCSays(t *testing.T) {
	wants, err := filepath.Glob("testdata/eval/*.want")
	if err != nil || len(wants) < 120 {
		t.Fatalf("%d cases, %v", len(wants), err)
	}
	for _, path := range wants {
		c := readCase(t, strings.TrimSuffix(path, ".want"))
		t.Run(c.name, func(t *testing.T) {
			known := Gather(t.Context(), c.dns, c.mail)
			c.compare(t, Evaluate(c.mail, known), known)
			if n := c.dns.asked.Load(); n > MaxQuestions {
				t.Errorf("%d questions", n)
			}
		})
	}
}

// compare holds every line of the want file against the verdict.
func (c *suiteCase) compare(t *testing.T, v Verdict, known Known) {
	t.Helper()
	is := map[string]string{"result": string(v.Result), "asked": string(v.Asked)}
	if len(v.Authors) > 0 {
		tell(is, &v.Authors[0])
		walk := known.Walks[v.Authors[0].Domain]
		is["walk"] = asked(walk)
	}
	for _, a := range v.Authors {
		policy := None
		if a.Result == Fail {
			policy = a.Policy
		}
		is["author "+a.Domain] = fmt.Sprintf("%s %s", a.Result, policy)
	}
	for key, want := range c.want {
		if got, told := is[key]; key != "from" && key != "authors" && (!told || got != want) {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
}

// tell writes what an Author says in the words of a want file.
func tell(is map[string]string, a *Author) {
	var dkim []string
	for _, m := range a.DKIM {
		dkim = append(dkim, string(m.Is))
	}
	for key, word := range map[string]string{
		"at": a.At, "where": string(a.Where), "org": a.Organizational, "tag": a.Tag, "published": string(a.Published), "policy": string(a.Policy),
		"why": string(a.Why), "spf": string(a.SPF.Is), "dkim": strings.Join(dkim, ", "),
	} {
		is[key] = word
	}
}

var known = []string{"from", "authors", "result", "asked", "at", "where", "org", "tag", "published", "policy", "why", "spf", "dkim", "walk"}

func readCase(t *testing.T, base string) *suiteCase {
	t.Helper()
	c := &suiteCase{name: filepath.Base(base), want: make(map[string]string)}
	comments := 0
	for _, line := range lines(t, base+".want") {
		key, word, is := strings.Cut(line, ":")
		switch {
		case strings.HasPrefix(line, "#"):
			comments++
		case !is || !slices.Contains(known, key) && !strings.HasPrefix(key, "author "):
			t.Fatalf("%s: %q is no line of a want file", base, line)
		default:
			c.want[key] = strings.TrimSpace(word)
		}
	}
	if comments < 2 || c.want["result"] == "" || c.want["asked"] == "" && c.want["result"] != "permerror" || c.want["from"] == "" {
		t.Fatalf("%s: its section, its reason, from, result or asked is not there", base)
	}
	c.mail = envelope(t, base)
	c.mail.Authors = strings.Fields(c.want["authors"])
	c.mail.Uncertain = c.want["from"] != "read" && c.want["from"] != "no domain"
	c.dns = newWorld(t, lines(t, base+".dns"))
	return c
}

// envelope reads the first part of a mail file: what SPF and DKIM said.
func envelope(t *testing.T, base string) (m Mail) {
	t.Helper()
	for _, line := range lines(t, base+".mail") {
		w := strings.Fields(line)
		switch {
		case line == "":
			return m
		case line == "mailfrom null":
			m.NullPath = true
		case w[0] == "mailfrom" && len(w) == 3:
			m.MailFrom = Identifier{w[2], w[1]}
		case w[0] == "helo" && len(w) == 3:
			m.HELO = Identifier{w[2], w[1]}
		case w[0] == "dkim" && len(w) == 3:
			m.DKIM = append(m.DKIM, Identifier{w[2], w[1]})
		default:
			t.Fatalf("%s: %q is no line of a mail file", base, line)
		}
	}
	t.Fatalf("%s: no header section", base)
	return m
}

func lines(t *testing.T, path string) (all []string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		all = append(all, s.Text())
	}
	return all
}

// world is a zone in which single names fail, and which counts what it is asked.
type world struct {
	dns.Resolver
	faults map[string]dns.Outcome
	asked  atomic.Int32
}

func newWorld(t *testing.T, lines []string) *world {
	t.Helper()
	w, records := &world{faults: make(map[string]dns.Outcome)}, []string{}
	for _, line := range lines {
		fault, name, _ := strings.Cut(line, " ")
		if o := map[string]dns.Outcome{"!servfail": dns.Failure, "!timeout": dns.Timeout, "!refused": dns.Refused}[fault]; o != 0 {
			w.faults[name] = o
			continue
		}
		records = append(records, line)
	}
	w.Resolver = zone(t, strings.Join(records, "\n"))
	return w
}

func (w *world) TXT(ctx context.Context, name string) dns.Answer {
	return w.Lookup(ctx, name, dns.TXT)
}

func (w *world) Lookup(ctx context.Context, name string, t dns.Type) dns.Answer {
	w.asked.Add(1)
	if o := w.faults[strings.TrimSuffix(name, ".")]; o != 0 {
		return dns.Answer{Outcome: o}
	}
	return w.Resolver.Lookup(ctx, name, t)
}
