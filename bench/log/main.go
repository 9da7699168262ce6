// Command log measures how fast the mail log is read, parsed and counted, on a generated log whose truth is known, beside
// what others do with the same file: grep with four alternatives, sshguard's parser, fail2ban's. Before that: what
// following it costs in memory, and at an ordinary pace in CPU time; and how fast journald's journal is caught up with.
//
//	log -lines 10000000 -journal 200000
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"postward/internal/log/delivery"
	"postward/internal/log/maillog"
	"postward/internal/log/oldlog"
	"postward/test/rig"
)

func main() {
	lines := flag.Int("lines", 10_000_000, "lines of the log")
	peer := flag.Int("peer", 100_000, "lines for peers that are slow")
	entries := flag.Int("journal", 200_000, "lines that journald is told")
	alone := flag.Duration("idle", 0, "measure only what a postward costs that has little to do, for so long at rest and so long at 50 lines a second")
	binary := flag.String("postward", "build/postward", "the one that is measured with -idle")
	flag.Parse()
	inside, code, err := rig.Enter(rig.Room{Needs: []string{"journalctl"}})
	switch {
	case err != nil || !inside:
	case *alone > 0:
		err = idle(*binary, *alone)
	default:
		err = run(*lines, *peer, *entries)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "log:", err)
		code = 2
	}
	os.Exit(code)
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

func run(lines, peer, entries int) error {
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
	if err := follows(dir, path, short); err != nil {
		return err
	}
	if err := catchUp(path, min(entries, lines)); err != nil {
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
