// Command log measures how fast the mail log is read, parsed and counted, on a generated log whose truth is known, beside
// what others do with the same file: grep with four alternatives, sshguard's parser, fail2ban's. Before that: what
// following it costs in memory, and at an ordinary pace in CPU time.
//
//	log -lines 10000000
package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"postward/internal/delivery"
	"postward/internal/follow"
	"postward/internal/maillog"
	"postward/internal/oldlog"
	"postward/test/rig"
)

func main() {
	lines := flag.Int("lines", 10_000_000, "lines of the log")
	peer := flag.Int("peer", 100_000, "lines for peers that are slow")
	flag.Parse()
	if err := run(*lines, *peer); err != nil {
		fmt.Fprintln(os.Stderr, "log:", err)
		os.Exit(2)
	}
}

// facts is what a log holds: counted while it is made, and again while it is read.
type facts struct {
	sent, deferred, bounced, removed, failed int
	accounts                                 map[string]int // mails
	guessers                                 map[string]int // failed logins
}

func newFacts() *facts { return &facts{accounts: map[string]int{}, guessers: map[string]int{}} }

func (f *facts) missed(truth *facts) int {
	n := 0
	for _, d := range []int{truth.sent - f.sent, truth.deferred - f.deferred, truth.bounced - f.bounced, truth.removed - f.removed, truth.failed - f.failed} {
		n += max(d, -d)
	}
	if !maps.Equal(f.accounts, truth.accounts) {
		n++
	}
	if !maps.Equal(f.guessers, truth.guessers) {
		n++
	}
	return n
}

func run(lines, peer int) error {
	dir, err := os.MkdirTemp("", "postward-bench-log-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path, short := filepath.Join(dir, "mail.log"), filepath.Join(dir, "short.log")
	truth, err := generate(path, lines)
	if err != nil {
		return err
	}
	if _, err := generate(short, min(peer, lines)); err != nil {
		return err
	}
	fmt.Printf("%d lines, %d mails, %d failed logins\n", lines, truth.removed, truth.failed)
	fmt.Printf("%-44s %14s %16s\n", "", "lines/s", "CPU s/million")
	perSecond, cpu, missed, err := count(path, lines, truth)
	if err != nil {
		return err
	}
	show("postward: read, parse, count", lines, perSecond, cpu)
	pss, err := rig.PSS([]int{os.Getpid()})
	if err != nil {
		return err
	}
	if err := follows(dir, path, short, lines); err != nil {
		return err
	}
	if err := track(path, lines, truth); err != nil {
		return err
	}
	peers(path, lines, short, min(peer, lines))
	fmt.Printf("log: lines_per_s=%.0f cpu_s_per_M=%.2f pss_MiB=%.1f missed=%d\n", perSecond, cpu, pss, missed)
	if missed > 0 {
		return fmt.Errorf("%d facts differ from the truth", missed)
	}
	return nil
}

func show(what string, lines int, perSecond, cpu float64) {
	fmt.Printf("%-44s %14.0f %16.2f\n", what, perSecond, cpu)
}

// count reads a log as the follower's consumer does, and counts what it says.
func count(path string, lines int, truth *facts) (perSecond, cpu float64, missed int, err error) {
	got := newFacts()
	var l maillog.Line
	began, spent := time.Now(), used(syscall.RUSAGE_SELF)
	f := oldlog.File{Path: path}
	err = f.Lines(context.Background(), nil, func(line []byte) error {
		maillog.Parse(line, &l)
		got.take(&l)
		return nil
	})
	took, cost := time.Since(began), used(syscall.RUSAGE_SELF)-spent
	return float64(lines) / took.Seconds(), cost.Seconds() / float64(lines) * 1e6, got.missed(truth), err
}

func (f *facts) take(l *maillog.Line) {
	switch l.Kind {
	case maillog.Delivery:
		switch l.Status {
		case maillog.StatusSent:
			f.sent++
		case maillog.StatusDeferred:
			f.deferred++
		case maillog.StatusBounced:
			f.bounced++
		}
	case maillog.Removed:
		f.removed++
	case maillog.Client:
		if len(l.SASLUsername) > 0 {
			f.accounts[string(l.SASLUsername)]++ // no allocation but for a new one
		}
	case maillog.LoginFailed:
		f.failed++
		f.guessers[string(l.Client.Addr)]++
	}
}

// follows reads a short log and the long one as they are followed while they are written, and says how much memory each
// took; then one that grows by 50 lines a second.
func follows(dir, long, short string, lines int) error {
	var l maillog.Line
	for _, path := range []string{short, long} {
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		read := 0
		began, spent := time.Now(), used(syscall.RUSAGE_SELF)
		err = follow.Follow(context.Background(), follow.Config{Path: path, Begin: follow.FromStart}, func(b follow.Batch) error {
			read += len(b.Lines)
			for i := range b.Lines {
				maillog.Parse(b.Lines[i].Text, &l)
			}
			if b.Next.Offset == info.Size() {
				return errWhole
			}
			return nil
		})
		if !errors.Is(err, errWhole) {
			return err
		}
		took, cost := time.Since(began), used(syscall.RUSAGE_SELF)-spent
		pss, err := rig.PSS([]int{os.Getpid()})
		if err != nil {
			return err
		}
		show(fmt.Sprintf("postward: follow %d lines (%.1f MiB)", read, pss), read, float64(read)/took.Seconds(), cost.Seconds()/float64(read)*1e6)
	}
	return ordinary(filepath.Join(dir, "ordinary.log"), long)
}

// errWhole ends following: all of the log was read.
var errWhole = errors.New("all of it was read")

// ordinary follows a log that grows by 50 lines a second for ten seconds.
func ordinary(path, from string) error {
	const perSecond, seconds = 50, 10
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		return err
	}
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	text := bufio.NewScanner(src)
	out, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer out.Close()
	ended := make(chan error, 1)
	spent := used(syscall.RUSAGE_SELF)
	go func() {
		read := 0
		var l maillog.Line
		ended <- follow.Follow(context.Background(), follow.Config{Path: path, Begin: follow.FromStart}, func(b follow.Batch) error {
			for i := range b.Lines {
				maillog.Parse(b.Lines[i].Text, &l)
			}
			if read += len(b.Lines); read == perSecond*seconds {
				return errWhole
			}
			return nil
		})
	}()
	for range perSecond * seconds {
		text.Scan()
		if _, err := fmt.Fprintf(out, "%s\n", text.Bytes()); err != nil {
			return err
		}
		time.Sleep(time.Second / perSecond)
	}
	if err := <-ended; !errors.Is(err, errWhole) {
		return err
	}
	share := (used(syscall.RUSAGE_SELF) - spent).Seconds() / seconds
	fmt.Printf("postward: follow 50 lines a second: %.2f %% of a core (with the writing of them)\n", 100*share)
	return nil
}

// track follows each mail too, as investigate does.
func track(path string, lines int, truth *facts) error {
	mails := 0
	t := delivery.New(func(*delivery.Mail) { mails++ })
	var l maillog.Line
	var last time.Time
	now := time.Now()
	began, spent := time.Now(), used(syscall.RUSAGE_SELF)
	f := oldlog.File{Path: path}
	err := f.Lines(context.Background(), nil, func(line []byte) error {
		if maillog.Parse(line, &l) && delivery.Concerns(&l) {
			last = l.Stamp.Next(last, now)
			t.Line(&l, last)
		}
		return nil
	})
	t.Flush()
	took, cost := time.Since(began), used(syscall.RUSAGE_SELF)-spent
	show("postward: and follow each mail", lines, float64(lines)/took.Seconds(), cost.Seconds()/float64(lines)*1e6)
	if err == nil && mails != truth.removed {
		err = fmt.Errorf("%d mails were followed, the log has %d", mails, truth.removed)
	}
	return err
}

// peers runs what others use on the same file. One that is not installed is said.
func peers(path string, lines int, short string, few int) {
	const four = `SASL [A-Z]+ authentication failed|status=bounced|NOQUEUE: reject|lost connection after AUTH`
	for _, p := range []struct {
		what, file string
		lines      int
		stdin      bool
		args       []string
	}{
		{"grep -cE with four alternatives", path, lines, false, []string{"grep", "-cE", four}},
		{"sshguard's parser", path, lines, true, []string{"/usr/libexec/sshguard/sshg-parser"}},
		{"fail2ban-regex, postfix[mode=aggressive]", short, few, false, []string{"fail2ban-regex", "--print-no-missed", "--print-no-ignored"}},
	} {
		args := p.args
		if args[0] == "fail2ban-regex" {
			args = append(args, p.file, "postfix[mode=aggressive]")
		} else if !p.stdin {
			args = append(args, p.file)
		}
		if _, err := exec.LookPath(args[0]); err != nil {
			fmt.Printf("%-44s not installed: test/setup.sh bench\n", p.what)
			continue
		}
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = append(os.Environ(), "LC_ALL=C")
		cmd.Stdout = io.Discard
		if p.stdin {
			f, err := os.Open(p.file)
			if err != nil {
				fmt.Println(err)
				continue
			}
			defer f.Close()
			cmd.Stdin = f
		}
		began := time.Now()
		if err := cmd.Run(); err != nil {
			fmt.Printf("%-44s %v\n", p.what, err)
			continue
		}
		took, cost := time.Since(began), cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()
		show(p.what, p.lines, float64(p.lines)/took.Seconds(), cost.Seconds()/float64(p.lines)*1e6)
	}
}

func used(who int) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(who, &u); err != nil {
		return 0
	}
	runtime.KeepAlive(&u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// generate writes a log of so many lines: three mails of accounts in ten, strangers' mail, guessing, and the household's
// lines between them.
func generate(path string, lines int) (*facts, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	g := &generator{w: bufio.NewWriterSize(f, 1<<20), r: rand.New(rand.NewPCG(7, 7)), left: lines, truth: newFacts(), at: time.Now().Add(-30 * 24 * time.Hour)}
	for g.left > 0 {
		g.episode()
	}
	if err := g.w.Flush(); err != nil {
		return nil, err
	}
	return g.truth, f.Close()
}

type generator struct {
	w     *bufio.Writer
	r     *rand.Rand
	left  int
	ids   int
	at    time.Time
	truth *facts
	buf   bytes.Buffer
}

// line writes a line if there is room, and says so.
func (g *generator) line(format string, args ...any) bool {
	if g.left == 0 {
		return false
	}
	g.left--
	g.buf.Reset()
	g.buf.Write(g.at.AppendFormat(nil, time.Stamp))
	g.buf.WriteString(" mx ")
	fmt.Fprintf(&g.buf, format, args...)
	g.buf.WriteByte('\n')
	g.w.Write(g.buf.Bytes()) // its error comes with Flush
	return true
}

func (g *generator) episode() {
	g.at = g.at.Add(time.Duration(g.r.IntN(300)) * time.Millisecond)
	switch g.r.IntN(10) {
	case 0, 1, 2:
		g.mail(fmt.Sprintf("person%d", g.r.IntN(500)), fmt.Sprintf("198.51.100.%d", g.r.IntN(200)))
	case 3, 4, 5, 6:
		g.mail("", fmt.Sprintf("192.0.2.%d", g.r.IntN(250)))
	case 7, 8:
		g.guess()
	default:
		g.line("postfix/smtpd[1204]: NOQUEUE: reject: RCPT from unknown[203.0.113.%d]: 554 5.7.1 Service unavailable; Client host [203.0.113.9] blocked using zen.example; from=<a@b.example> to=<c@example.org> proto=ESMTP helo=<b.example>", g.r.IntN(250))
	}
}

func (g *generator) guess() {
	addr := fmt.Sprintf("203.0.113.%d", g.r.IntN(250))
	g.line("postfix/submission/smtpd[1203]: connect from unknown[%s]", addr)
	if g.line("postfix/submission/smtpd[1203]: warning: unknown[%s]: SASL LOGIN authentication failed: UGFzc3dvcmQ6, sasl_username=admin", addr) {
		g.truth.failed++
		g.truth.guessers[addr]++
	}
	g.line("postfix/submission/smtpd[1203]: disconnect from unknown[%s] ehlo=1 auth=0/1 quit=1 commands=2/3", addr)
}

// mail is a mail with all of its lines, or, at the end of the log, none of them.
func (g *generator) mail(account, addr string) {
	n := 1 + g.r.IntN(3)
	if g.left < 6+n {
		for g.left > 0 {
			g.line("postfix/anvil[1300]: statistics: max connection count 1 for (smtpd:203.0.113.9) at Nov 23 12:00:00")
		}
		return
	}
	g.ids++
	id := fmt.Sprintf("%X", 0x10000000000+g.ids)
	g.line("postfix/submission/smtpd[1201]: connect from host.example.net[%s]", addr)
	if account != "" {
		g.line("postfix/submission/smtpd[1201]: %s: client=host.example.net[%s], sasl_method=PLAIN, sasl_username=%s", id, addr, account)
		g.truth.accounts[account]++
	} else {
		g.line("postfix/smtpd[1202]: %s: client=host.example.net[%s]", id, addr)
	}
	g.line("postfix/cleanup[1210]: %s: message-id=<%s@client.example.net>", id, id)
	g.line("postfix/qmgr[1211]: %s: from=<sender@example.org>, size=%d, nrcpt=%d (queue active)", id, 500+g.r.IntN(50_000), n)
	for k := range n {
		switch g.r.IntN(20) {
		case 0:
			g.line("postfix/smtp[1220]: %s: to=<r%d@far.example>, relay=mx.far.example[192.0.2.25]:25, delay=1.2, delays=0.1/0/0.6/0.5, dsn=5.1.1, status=bounced (host mx.far.example[192.0.2.25] said: 550 5.1.1 no such user (in reply to RCPT TO command))", id, k)
			g.truth.bounced++
		case 1:
			g.line("postfix/smtp[1220]: %s: to=<r%d@far.example>, relay=none, delay=30, delays=0.1/0/30/0, dsn=4.4.1, status=deferred (connect to mx.far.example[192.0.2.25]:25: Connection timed out)", id, k)
			g.truth.deferred++
		default:
			g.line("postfix/smtp[1220]: %s: to=<r%d@far.example>, relay=mx.far.example[192.0.2.25]:25, delay=1.2, delays=0.1/0/0.6/0.5, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 4ZZZZ%d)", id, k, k)
			g.truth.sent++
		}
	}
	g.line("postfix/qmgr[1211]: %s: removed", id)
	g.truth.removed++
	g.line("postfix/submission/smtpd[1201]: disconnect from host.example.net[%s] ehlo=2 starttls=1 auth=1 mail=1 rcpt=%d data=1 quit=1 commands=7", addr, n)
}
