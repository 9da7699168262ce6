package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"postward/internal/log/follow"
	"postward/internal/log/maillog"
	"postward/test/rig"
)

// follows reads a short log and the long one as they are followed while they are written, and says how much memory each
// took; then one that grows by 50 lines a second.
func follows(dir, long, short string) error {
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
	const seconds = 10
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

// catchUp tells a journald of the room the lines of a log, and then follows its journal from the start: how fast, and
// what that costs here and in journalctl.
func catchUp(from string, lines int) (err error) {
	j, err := rig.StartJournald("RateLimitBurst=0\nSystemMaxUse=4G\nSystemMaxFiles=1000\n")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.Stop()) }()
	if err := tell(j, from, lines); err != nil {
		return err
	}
	if err := j.Ctl(context.Background(), "--sync"); err != nil {
		return err
	}
	read := 0
	var l maillog.Line
	began, spent, theirs := time.Now(), used(syscall.RUSAGE_SELF), used(syscall.RUSAGE_CHILDREN)
	err = follow.Follow(context.Background(), follow.Config{Path: "journal", Begin: follow.FromStart, Trouble: complain}, func(b follow.Batch) error {
		for i := range b.Lines {
			maillog.Parse(b.Lines[i].Text, &l)
		}
		if read += len(b.Lines); read >= lines {
			return errWhole
		}
		return nil
	})
	if !errors.Is(err, errWhole) || read != lines {
		return fmt.Errorf("%d lines of the journal's %d: %w", read, lines, err)
	}
	took, cost := time.Since(began), used(syscall.RUSAGE_SELF)-spent
	perSecond := float64(read) / took.Seconds()
	show(fmt.Sprintf("postward: catch up with journald, %d lines", read), read, perSecond, cost.Seconds()/float64(read)*1e6)
	fmt.Printf("  journalctl takes %.2f CPU s/million besides; a day of 50 lines a second would take %.0f s\n",
		(used(syscall.RUSAGE_CHILDREN)-theirs).Seconds()/float64(read)*1e6, 50*86400/perSecond)
	return nil
}

func complain(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "log:", err)
	}
}

// tell says lines of a log to journald, as syslog(3) does.
func tell(j *rig.Journald, from string, lines int) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	to, err := j.Syslog()
	if err != nil {
		return err
	}
	defer to.Close()
	const stamp = len(time.Stamp + " mx ")
	text := bufio.NewScanner(f)
	for range lines {
		if !text.Scan() {
			return fmt.Errorf("read %s: it ends too soon: %w", from, text.Err())
		}
		if _, err := fmt.Fprintf(to, "<22>%s", text.Bytes()[stamp:]); err != nil {
			return err
		}
	}
	return nil
}
