package main

import (
	"bufio"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// guesses is a log of refused logins from one address, so many seconds apart.
func guesses(n int, gap time.Duration) string {
	var text strings.Builder
	for i := range n {
		at := begin.Add(hour + time.Duration(i)*gap)
		fmt.Fprintf(&text, "%s mx postfix/submission/smtpd[7]: warning: unknown[9.9.9.9]: SASL LOGIN authentication failed: (reason unavailable), sasl_username=info\n", at.Format(time.Stamp))
	}
	return text.String()
}

func bansOf(t *testing.T, run func(string) (bans, cost, error), log string) []ban {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mail.log")
	if err := os.WriteFile(path, []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	all, _, err := run(path)
	if err != nil {
		t.Fatal(err)
	}
	return all[netip.MustParsePrefix("9.9.9.9/32")]
}

func needs(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is not installed: test/setup.sh bench", program)
	}
}

func TestFail2banCountsAtTheTimeOfTheLog(t *testing.T) {
	needs(t, "fail2ban-python")
	got := bansOf(t, fail2ban, guesses(5, time.Minute))
	if len(got) != 1 || !got[0].From.Equal(begin.Add(hour+4*time.Minute)) || got[0].Until.Sub(got[0].From) != 10*time.Minute {
		t.Errorf("five tries in four minutes: %v", got)
	}
	if got := bansOf(t, fail2ban, guesses(12, 4*time.Minute)); len(got) != 0 {
		t.Errorf("a try every four minutes: %v", got)
	}
}

func TestSshguardCountsAtTheTimeOfTheLog(t *testing.T) {
	needs(t, parser)
	got := bansOf(t, sshguard, guesses(3, 10*time.Minute))
	if len(got) != 1 || !got[0].From.Equal(begin.Add(hour+20*time.Minute)) || got[0].Until.Sub(got[0].From) != 2*time.Minute {
		t.Errorf("three tries in 20 minutes: %v", got)
	}
	if got := bansOf(t, sshguard, guesses(6, 16*time.Minute)); len(got) != 0 {
		t.Errorf("a try every 16 minutes: %v", got)
	}
}

// The real one is given attacks as its parser writes them, and a second to forget them in.
func TestTheRuleIsThatOfSshguardsBlocker(t *testing.T) {
	const program = "/usr/libexec/sshguard/sshg-blocker"
	needs(t, program)
	cmd := exec.Command(program, "-a", "30", "-s", "1800", "-p", "120")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, a := range []string{"9.9.9.9", "9.9.9.9", "8.8.8.8", "9.9.9.9", "9.9.9.9", "7.7.7.7", "7.7.7.7", "7.7.7.7"} {
		fmt.Fprintf(in, "260 %s 4 10\n", a)
	}
	in.Close()
	var real []string
	for text := bufio.NewScanner(io.LimitReader(out, 1<<16)); text.Scan(); {
		if f := strings.Fields(text.Text()); len(f) > 1 && f[0] == "block" {
			real = append(real, f[1])
		}
	}
	_ = cmd.Wait() // it ends with its input, however it says so
	var ours []string
	b := blocker{}
	for _, a := range []string{"9.9.9.9", "9.9.9.9", "8.8.8.8", "9.9.9.9", "9.9.9.9", "7.7.7.7", "7.7.7.7", "7.7.7.7"} {
		addr := netip.MustParseAddr(a)
		before := len(b.bans)
		if b.attack(addr, 10, begin); len(b.bans) > before {
			ours = append(ours, a)
		}
	}
	if strings.Join(real, " ") != strings.Join(ours, " ") || len(real) != 2 {
		t.Errorf("the blocker blocks %v, the rule here %v", real, ours)
	}
}

func TestABlockIsHalfAsLongAgainEachTime(t *testing.T) {
	b, a := blocker{}, netip.MustParseAddr("9.9.9.9")
	for i := range 9 {
		b.attack(a, 10, begin.Add(time.Duration(i)*5*time.Minute))
	}
	list := b.bans[netip.PrefixFrom(a, 32)]
	if len(list) != 3 || list[2].Until.Sub(list[2].From) != 270*time.Second {
		t.Errorf("%v", list)
	}
}
