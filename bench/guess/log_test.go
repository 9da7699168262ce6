package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"postward/internal/log/maillog"
)

// small is a log with all attacks and innocents, and a little ordinary traffic, and its truth.
func small(t *testing.T, f *form) (log []byte, tries []try) {
	t.Helper()
	if _, made := logs[f]; !made {
		logs[f], truths[f] = generated(t, f)
	}
	return logs[f], truths[f]
}

// logs and truths are those that tests read in turn, and none changes.
var logs, truths = map[*form][]byte{}, map[*form][]try{}

func generated(t *testing.T, f *form) ([]byte, []try) {
	var text, truth bytes.Buffer
	g := newGenerator(1, f, &text, &truth)
	g.cast()
	g.ordinary(30_000)
	if err := g.run(); err != nil {
		t.Fatal(err)
	}
	tries, err := readTruth(&truth)
	if err != nil {
		t.Fatal(err)
	}
	return text.Bytes(), tries
}

func TestEveryLineIsASentenceThatIsKnown(t *testing.T) {
	for _, f := range forms {
		log, _ := small(t, f)
		strange := 0
		var l maillog.Line
		for line := range bytes.Lines(log) {
			maillog.Parse(bytes.TrimSuffix(line, []byte("\n")), &l)
			if l.Kind.Understood() || mailboxOf(l.Text) {
				continue
			}
			if strange++; strange < 10 {
				t.Errorf("%s: %s: %s", f.name, l.Kind, line)
			}
		}
	}
}

// mailboxOf reports whether a line is of a process that has a mailbox open: the grammar leaves these out.
func mailboxOf(text []byte) bool {
	process, _, _ := bytes.Cut(text, []byte("("))
	return slices.Contains([]string{"imap", "pop3", "lmtp"}, string(process))
}

// What the log tells of refused passwords is what the truth says, each of them once in Dovecot's auth.
func TestTheTruthIsInTheLog(t *testing.T) {
	log, tries := small(t, forms[0])
	told, truth := map[string]int{}, map[string]int{}
	var l maillog.Line
	for line := range bytes.Lines(log) {
		maillog.Parse(bytes.TrimSuffix(line, []byte("\n")), &l)
		switch l.Kind {
		case maillog.PasswordRefused:
			told[string(l.SASLUsername)+" "+string(l.Client.Addr)]++
		case maillog.MailboxLogin, maillog.Client:
			if len(l.SASLUsername) > 0 {
				told["in "+string(l.SASLUsername)+" "+string(l.Client.Addr)]++
			}
		}
	}
	for _, x := range tries {
		switch {
		case x.Outcome == gotIn:
			truth["in "+x.Account+" "+x.Addr.String()]++
		case x.Outcome == refused && x.Account != "":
			truth[x.Account+" "+x.Addr.String()]++
		}
	}
	if len(told) != len(truth) {
		t.Errorf("the log tells of %d accounts and addresses, the truth of %d", len(told), len(truth))
	}
	for k, n := range truth {
		if told[k] != n {
			t.Fatalf("%s: %d times in the log, %d times in the truth", k, told[k], n)
		}
	}
}

func TestLinesAreInTheOrderOfTheirStamps(t *testing.T) {
	for _, f := range forms[:2] {
		log, _ := small(t, f)
		last := begin
		for line := range bytes.Lines(log) {
			at := stamped(line, time.Time{})
			if at.Before(last) || at.After(begin.Add(length+hour)) {
				t.Fatalf("%s: after %s: %s", f.name, last, line)
			}
			last = at
		}
	}
}

// An smtpd has one session at a time: what it says between connect and disconnect is of one client.
func TestAProcessHasOneSessionAtATime(t *testing.T) {
	log, _ := small(t, forms[0])
	open := map[maillog.Process]string{}
	var l maillog.Line
	for line := range bytes.Lines(log) {
		maillog.Parse(bytes.TrimSuffix(line, []byte("\n")), &l)
		if !bytes.HasSuffix(l.Program, []byte("smtpd")) {
			continue
		}
		addr := string(l.Client.Addr)
		switch p := l.Process(); {
		case l.Kind == maillog.Connect && open[p] != "", l.Kind != maillog.Connect && addr != "" && open[p] != addr:
			t.Fatalf("the session is of %q: %s", open[p], line)
		case l.Kind == maillog.Connect:
			open[p] = addr
		case l.Kind == maillog.Disconnect:
			delete(open, p)
		}
	}
}

func TestASeedGivesTheSameLog(t *testing.T) {
	one, _ := small(t, forms[1])
	other, _ := generated(t, forms[1])
	if !bytes.Equal(one, other) {
		t.Error("two logs of one seed differ")
	}
}

func TestACountIsOfTheWordsBeforeIt(t *testing.T) {
	var text, truth bytes.Buffer
	g := newGenerator(1, forms[0], &text, &truth)
	g.visit(begin, func(at time.Time) { g.unasked(guilty("unsaid", "x"), at, g.site.bad[0], 3) })
	if err := g.run(); err != nil {
		t.Fatal(err)
	}
	if want := "ehlo=1 auth=0/3 quit=1 commands=2/5\n"; !strings.HasSuffix(text.String(), want) {
		t.Errorf("%q does not end with %q", text.String(), want)
	}
}

func FuzzTruth(f *testing.F) {
	t := try{At: begin, Kind: "office", Subject: "anna@example.org", Addr: begin6, Account: "anna@example.org", Outcome: refused}
	f.Add(t.append(nil))
	f.Add([]byte("\t\t\t\t\t\t\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		tries, err := readTruth(bytes.NewReader(text))
		if err != nil {
			return
		}
		var again []byte
		for i := range tries {
			again = tries[i].append(again)
		}
		if back, err := readTruth(bytes.NewReader(again)); err != nil || len(back) != len(tries) {
			t.Errorf("%d tries became %d: %v", len(tries), len(back), err)
		}
	})
}
