package main

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"postward/test/rig"
)

var (
	updatePrinted = flag.Bool("update", false, "write testdata/printed anew")
	otherPostward = flag.String("postward", "", "compare what this binary prints, not what this source does")
)

// A transcript in testdata/printed is lines "$ postward …", each with all that it prints into a pipe: standard output as
// it is, standard error behind "! ", and the exit status if it is not 0. $DNS is a name server, $DIR where the files are; <
// gives one as standard input.

// printedFiles are what the verbs of the transcripts read.
func printedFiles(t *testing.T) map[string]string {
	return map[string]string{
		"mail.log":    outbreak() + calmMails(20) + bouncing(2400) + bouncing(2401),
		"calm.log.gz": zipped(t, calmMails(20)),
		"broken.gz":   zipped(t, outbreak())[:20],
		"guess.log":   guessedAt("203.0.113.9", "anna", 9) + guessedAt("198.51.100.7", "alarm", 1),
		"noise.log":   "one\ntwo\n",
		"sample":      "Message-ID: <n3@x.example>\n\nspam\n",
		"domains":     "good.example\nnameless.example\nexample\n",
		"good.toml":   "mode = \"enforce\"\nsocket = \"/nonexistent/control.sock\"\n[notify]\nurls = [\"ntfy://u:hunter2@ntfy.example.org/t\"]\n[budget]\nunfamiliar = 7\n",
		"bad.toml":    "mode = \"enforced\"\n[budget]\nunfamilar = 6\nfamiliar = \"many\"\n[nonsense]\nx = 1\n",
		"cut.toml":    "mode = \"enforce\n",
		"lists.toml":  "[authpolicy]\nlists = [\"spamhaus-authbl\", \"spamhaus-auhtbl\", \"spamhaus-zen\"]\n",
		"known.toml":  "[watch]\nregistered = [\"nosuchlist\"]\n",
		"log.toml":    "[postfix]\nlog_file = \"mail.log\"\n",
	}
}

// guessedAt is so many logins that fail.
func guessedAt(client, account string, times int) (text string) {
	for n := range times {
		for _, what := range []string{"connect from unknown[CLIENT]", "warning: unknown[CLIENT]: SASL LOGIN authentication failed: no, sasl_username=ACCOUNT", "disconnect from unknown[CLIENT] ehlo=1 auth=0/1 quit=1 commands=2/3"} {
			text += fmt.Sprintf("2026-11-01T08:%02d:00+00:00 mx postfix/submission/smtpd[9]: ", n) + strings.NewReplacer("CLIENT", client, "ACCOUNT", account).Replace(what) + "\n"
		}
	}
	return text
}

// bouncing is a mail that waits, is refused, and goes back to its sender.
func bouncing(n int) string {
	mail := mailOf(n, "bert", "gone@far.example")
	later := strings.NewReplacer("dsn=2.0.0, status=sent (250 ok)", "dsn=4.4.1, status=deferred (connect to mx.example.net[192.0.2.9]:25: Connection timed out)")
	end := strings.NewReplacer("dsn=2.0.0, status=sent (250 ok)", "dsn=5.1.1, status=bounced (host mx.example.net[192.0.2.9] said: 550 5.1.1 no such user)")
	lines := strings.SplitAfter(mail, "\n")
	return strings.Join(lines[:3], "") + later.Replace(lines[3]) + end.Replace(lines[3]) + lines[4]
}

// transcript runs every line of one that is a command, and returns it with what is printed now.
func transcript(t *testing.T, text, dir, dns string) string {
	t.Helper()
	var now strings.Builder
	name, unname := strings.NewReplacer("$DNS", dns), strings.NewReplacer(dns, "$DNS", dir, "$DIR")
	for line := range strings.Lines(text) {
		if args, is := strings.CutPrefix(line, "$ postward"); is {
			now.WriteString(line + unname.Replace(printed(t, name.Replace(args), dir)))
		}
	}
	return now.String()
}

// printed is what one command line prints.
func printed(t *testing.T, line, dir string) string {
	t.Helper()
	line, input, _ := strings.Cut(line, "<")
	program := os.Args[0]
	if *otherPostward != "" {
		program = *otherPostward
	}
	cmd := exec.Command(program, strings.Fields(line)...)
	cmd.Dir, cmd.Env = dir, []string{"BE_POSTWARD=1", "TZ=UTC", "HOME=" + dir, "PATH=" + os.Getenv("PATH")}
	if input = strings.TrimSpace(input); input != "" {
		b, err := os.ReadFile(filepath.Join(dir, input))
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdin = bytes.NewReader(b)
	}
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	text := lined(out.String(), "") + lined(said.String(), "! ")
	if code := cmd.ProcessState.ExitCode(); code != exitFine {
		text += fmt.Sprintf("exit %d\n", code)
	}
	return text
}

// lined is a text with something before each line; that its last line does not end is said.
func lined(text, before string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(before + line)
		if !strings.HasSuffix(line, "\n") {
			b.WriteString("(no end of line)\n")
		}
	}
	return b.String()
}

// TestWhatIsPrintedStaysAsItIs: scripts read it. A change that is meant: go test ./cmd/postward -update, and look at it.
func TestWhatIsPrintedStaysAsItIs(t *testing.T) {
	paths, err := filepath.Glob("testdata/printed/*.txt")
	if err != nil || len(paths) < 5 {
		t.Fatalf("%d transcripts, %v", len(paths), err)
	}
	files := printedFiles(t)
	maps.Copy(files, guessingDesks(t))
	maps.Copy(files, dkimFiles(t))
	maps.Copy(files, dnsFiles(t))
	dir, dns := rig.WriteDir(t, files), nameServer(t, zone+dnsZone)
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			got := transcript(t, string(want), dir, dns)
			if *updatePrinted {
				err = os.WriteFile(path, []byte(got), 0o644)
			} else if got != string(want) {
				t.Error(firstDifference(string(want), got))
			}
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// firstDifference is where two transcripts part, with the command before it.
func firstDifference(want, got string) string {
	w, g := strings.SplitAfter(want, "\n"), strings.SplitAfter(got, "\n")
	command := ""
	for i := 0; i < len(w) && i < len(g); i++ {
		if strings.HasPrefix(w[i], "$ ") {
			command = w[i]
		}
		if w[i] != g[i] {
			return fmt.Sprintf("%swas %qis  %q", command, w[i], g[i])
		}
	}
	return command + "one ends before the other"
}

// TestTheHelpOfEveryVerbIsPinned: a new verb has its line in the transcript.
func TestTheHelpOfEveryVerbIsPinned(t *testing.T) {
	text, err := os.ReadFile("testdata/printed/help.txt")
	if err != nil {
		t.Fatal(err)
	}
	var each func(c *cobra.Command)
	each = func(c *cobra.Command) {
		if line := "$ " + c.CommandPath() + " --help\n"; !bytes.Contains(text, []byte(line)) {
			t.Errorf("help.txt has no %s", line)
		}
		for _, sub := range c.Commands() {
			each(sub)
		}
	}
	each(newRoot())
}

func TestTheExampleIsTheFileInEtc(t *testing.T) {
	want, err := os.ReadFile("../../etc/postward.toml")
	if err != nil {
		t.Fatal(err)
	}
	if out, said, code := postward(t, "config", "example"); out != string(want) || said != "" || code != exitFine {
		t.Errorf("%d %s", code, firstDifference(string(want), out))
	}
}
