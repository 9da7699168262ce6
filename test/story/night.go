package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/term"

	"postward/test/rig"
)

// outbreak is how many mails leave before anything is attached.
const outbreak = 300

// before: a server without postward, hijacked one night. All of it leaves. In the morning its log is investigated.
func (s *story) before(ctx context.Context) (err error) {
	fmt.Printf("A server without postward. One night somebody finds the password of alarm and sends %d mails from %s.\n", outbreak, stranger)
	site, err := rig.NewSite(rig.PostfixConfig{Main: map[string]string{"header_checks": "regexp:{ {/^Subject:/ INFO} }"}},
		map[string]string{"alarm": "alarm", "anna": "correct horse"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.Close()) }()
	if err := site.Postfix.Start(); err != nil {
		return err
	}
	site.Sink.Answer(victim(outbreak-1), rig.Answer{Code: 550, Text: "5.7.1 likely unsolicited mail"})
	anna := rig.Client{Addr: site.Postfix.Submission(), Address: office, User: "anna", Password: "correct horse"}
	sent := []rig.Mail{anna.SendOne(ctx, rig.Mail{From: "anna@example.org", To: []string{"carla@example.com"}})}
	alarm := rig.Client{Addr: site.Postfix.Submission(), Address: stranger, User: "alarm", Password: "alarm"}
	began := time.Now()
	sent = append(sent, rig.Load{Client: alarm, Count: outbreak, Parallel: 4, PerSession: 10, Mail: func(i int) rig.Mail {
		return rig.Mail{From: "alarm@example.org", To: []string{victim(i)}, Header: "Subject: You have won\r\n", Body: "Write to us.\r\n"}
	}}.Send(ctx)...)
	ended := time.Now()
	if err := rig.Wait(ctx, "the queue is empty", func() error {
		if n := site.Sink.Len() + len(site.Sink.Denials()); n < len(sent) {
			return fmt.Errorf("%d of %d", n, len(sent))
		}
		return nil
	}); err != nil {
		return err
	}
	if err := site.Postfix.Stop(); err != nil { // its log is whole
		return err
	}
	return s.investigate(ctx, site.Postfix.LogPath, began, ended)
}

func victim(i int) string { return fmt.Sprintf("victim%d@example.net", i) }

// investigate shows what the log tells, and checks it against what happened.
func (s *story) investigate(ctx context.Context, log string, began, ended time.Time) error {
	page := filepath.Join(filepath.Dir(s.binary), "what-happened.html")
	fmt.Printf("\n$ postward investigate --html %s mail.log\n", filepath.Base(page))
	if err := show(ctx, s.binary, "investigate", "--html", page, log); err != nil {
		return err
	}
	if info, err := os.Stat(page); err != nil || info.Size() == 0 {
		return fmt.Errorf("the page %s: %w", page, err)
	}
	text, err := run(ctx, s.binary, "investigate", "--json", log)
	if err != nil {
		return err
	}
	var r struct {
		Accounts []struct {
			Name          string
			Mails         int
			First, Last   time.Time
			Subjects      []string
			Sources       []struct{ Network string }
			WouldHaveStop struct{ Mail int } `json:"would_have_stopped"`
		}
		Receivers []struct{ Refused int }
	}
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return err
	}
	if len(r.Accounts) != 2 || len(r.Receivers) == 0 {
		return fmt.Errorf("investigate names %d accounts and %d receivers", len(r.Accounts), len(r.Receivers))
	}
	const second = time.Second // what a stamp of a log is good for
	switch a := r.Accounts[0]; {
	case a.Name != "alarm" || a.Mails != outbreak || len(a.Sources) != 1 || a.Sources[0].Network != stranger:
		err = fmt.Errorf("investigate names %+v", a)
	case a.First.Before(began.Add(-second)) || a.Last.After(ended.Add(second)):
		err = fmt.Errorf("investigate says %v to %v, it was %v to %v", a.First, a.Last, began, ended)
	case a.WouldHaveStop.Mail < 1 || a.WouldHaveStop.Mail > 7:
		err = fmt.Errorf("investigate would have stopped it at mail %d", a.WouldHaveStop.Mail)
	case len(a.Subjects) != 1 || a.Subjects[0] != "You have won":
		err = fmt.Errorf("investigate has the subjects %q", a.Subjects)
	}
	return err
}

// show runs postward for whoever watches: on a terminal as it looks there.
func show(ctx context.Context, binary string, args ...string) error {
	if !term.IsTerminal(int(os.Stdout.Fd())) {
		text, err := run(ctx, binary, args...)
		for line := range strings.Lines(text) {
			fmt.Print("  ", line)
		}
		return err
	}
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Stdout = os.Stdout
	return found(cmd.Run())
}

// run runs postward and returns what it prints. Exit status 1 is no failure: somebody stands out.
func run(ctx context.Context, binary string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, binary, args...).Output()
	return string(out), found(err)
}

func found(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		return nil
	}
	return err
}
