package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"postward/test/rig"
)

// manyAtOnce bans many: all of the lines in one write, and then again what somebody took out of the kernel.
func (s *setting) manyAtOnce(ctx context.Context, many int, missed *missedGoals) error {
	s.events.forget()
	text := tryNobody(0, many)
	at := time.Now()
	if err := s.write(text); err != nil {
		return err
	}
	took, err := s.events.all(ctx, many, at)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, s.ward.LogTail(10))
	}
	missed.judge(fmt.Sprintf("%d bans, from their lines to the set", many), took.Seconds(), goalMany.Seconds(), "s")
	if err := nft("delete table inet " + tableOurs); err != nil {
		return err
	}
	s.events.forget()
	text = tryNobody(many, many+1) // with which postward finds that the table is gone
	at = time.Now()
	if err := s.write(text); err != nil {
		return err
	}
	if took, err = s.events.all(ctx, many+1, at); err != nil {
		return err
	}
	missed.judge(fmt.Sprintf("%d bans, told to the kernel again", many), took.Seconds(), goalMany.Seconds(), "s")
	return nil
}

// all waits for so many elements of postward's, and returns how long after a moment the last was seen.
func (s *seen) all(ctx context.Context, n int, moment time.Time) (took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	err = s.wait(ctx, fmt.Sprintf("%d bans", n), func(s *seen) bool { took = time.Since(moment); return s.count[tableOurs] >= n })
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		err = fmt.Errorf("%w: %d were seen", err, s.count[tableOurs])
	}
	return took, err
}

// How memory is looked at: each second while more than a minute goes by, in which postward compares the kernel's bans with its own once.
const (
	looks     = 70
	lookEvery = time.Second
)

// standing is what so many bans cost while nothing happens: processes with none, and, started again, with them.
func (s *setting) standing(ctx context.Context, bans int, missed *missedGoals) error {
	if bans == 0 {
		return nil
	}
	if err := s.anew(); err != nil {
		return err
	}
	none, err := s.memory(ctx)
	if err != nil {
		return err
	}
	kernel, err := rig.Field("/proc/meminfo", "SUnreclaim:")
	if err != nil {
		return err
	}
	s.events.forget()
	begun := time.Now()
	for n := 0; n < bans; n += 10_000 {
		if err := s.write(tryNobody(n, min(n+10_000, bans))); err != nil {
			return err
		}
	}
	took, err := s.events.all(ctx, bans, begun)
	if err != nil {
		return fmt.Errorf("%w\n%s", err, s.ward.LogTail(10))
	}
	fmt.Printf("%-46s %10.2f s\n", fmt.Sprintf("%d bans, from their lines to the set", bans), took.Seconds())
	if err := errors.Join(s.ward.Stop(), s.ward.Start()); err != nil { // what reading them took is not what they cost
		return err
	}
	with, err := s.memory(ctx)
	if err != nil {
		return err
	}
	if err := s.stand(bans); err != nil {
		return err
	}
	after, err := rig.Field("/proc/meminfo", "SUnreclaim:")
	if err != nil {
		return err
	}
	fmt.Printf("%-46s %10.2f MiB, %.2f at most; CPU %.2f s a minute\n", "postward without a ban", none.median, none.most, none.cpu)
	fmt.Printf("%-46s %10.2f MiB, %.2f at most; CPU %.2f s a minute\n", fmt.Sprintf("postward with %d", bans), with.median, with.most, with.cpu)
	fmt.Printf("%-46s %10.2f MiB (SUnreclaim of the machine)\n", "the kernel besides", float64(after-kernel)/1024)
	missed.judge(fmt.Sprintf("%d standing bans, at most", bans), with.most-none.most, goalStand, "MiB")
	return nil
}

// anew begins with a postward that knows of no ban, and a kernel that has none.
func (s *setting) anew() error {
	if err := s.ward.Stop(); err != nil {
		return err
	}
	for _, file := range []string{"postward.db", "postward.db-wal", "postward.db-shm", "postward.db.backup"} {
		if out, err := exec.Command("rm", "-f", filepath.Join(s.ward.StateDir, file)).CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
	}
	if err := nft("delete table inet " + tableOurs); err != nil {
		return err
	}
	return s.ward.Start()
}

// stand reports whether postward says that so many bans stand, and that the kernel has them.
func (s *setting) stand(bans int) error {
	out, err := exec.Command("nft", "list", "set", "inet", tableOurs, "ban4").Output()
	if err != nil {
		return fmt.Errorf("list the set: %w", err)
	}
	if n := strings.Count(string(out), " expires "); n < bans {
		return fmt.Errorf("of %d bans %d stand in the kernel", bans, n)
	}
	return nil
}

// memory is what postward's two processes take, over more than a minute, in MiB, and in seconds of CPU.
type memory struct{ median, most, cpu float64 }

func (s *setting) memory(ctx context.Context) (m memory, err error) {
	var all []time.Duration // as MiB * second, to be sorted like times
	spent, begun := cpu(s.ward.Pids()), time.Now()
	for range looks {
		pss, err := rig.PSS(s.ward.Pids())
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ESRCH):
			continue // a tool that postward asked has ended meanwhile
		case err != nil:
			return m, err
		}
		m.most = max(m.most, pss)
		all = append(all, time.Duration(pss*float64(time.Second)))
		select {
		case <-ctx.Done():
			return m, ctx.Err()
		case <-time.After(lookEvery):
		}
	}
	if len(all) == 0 {
		return m, errors.New("look at postward's memory: it does not run")
	}
	m.median = quantile(all, 0.5).Seconds()
	m.cpu = (cpu(s.ward.Pids()) - spent).Seconds() / time.Since(begun).Minutes()
	return m, nil
}
