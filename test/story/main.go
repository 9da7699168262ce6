// Command story plays what postward was built for, in real time, on real daemons: a Postfix as Debian ships it, a
// Dovecot for its logins, postward attached by its own command, and a sink that is the rest of the world.
//
//	story          2,000 mails of a hijacked account and an office of 20; every mail is accounted for; the last
//	               line is the result (make story)
//	story -stay    a short one to watch, which stays open to try things (make run); Ctrl-C ends and cleans all, and so
//	               does a SIGTERM, SIGINT or SIGHUP to this process or to the make above it
//
// Exit status 0: everything was as it must be. 1: it was not; the lines above say what. 2: it could not be played.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"postward/test/rig"
)

// Where people write from. Addresses are presented to Postfix by XCLIENT.
const (
	office   = "192.0.2.10"    // in networks.own
	hotel    = "198.51.100.77" // somewhere
	stranger = "203.0.113.80"  // the hijacker
)

func main() {
	stay := flag.Bool("stay", false, "a short story that stays open")
	binary := flag.String("postward", "", "the binary to play with; built if empty")
	flag.Parse()
	if rig.Outermost() {
		go endWithParent()
	}
	inside, code, err := rig.Enter(rig.Room{Open: *stay, Needs: []string{"postfix", "dovecot", "swaks"}})
	if err != nil {
		fmt.Fprintln(os.Stderr, "story:", err)
		os.Exit(2)
	}
	if !inside {
		os.Exit(code)
	}
	os.Exit(play(*stay, *binary))
}

func play(stay bool, binary string) int {
	ctx, stop := signal.NotifyContext(context.Background(), rig.Endings()...)
	defer stop()
	limited, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	s, err := open(limited, stay, binary)
	if err == nil {
		err = s.play(limited)
		if stay && err == nil {
			s.invite()
			<-ctx.Done()
			fmt.Println("\nending everything")
		}
	}
	if s != nil {
		err = errors.Join(err, s.close())
	}
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil: // Ctrl-C in the middle
		return 1
	}
	fmt.Fprintln(os.Stderr, "story:", err)
	if s != nil && s.site != nil && s.ward != nil {
		fmt.Fprintf(os.Stderr, "\npostward said:\n%s\n\nPostfix said:\n%s\n", s.ward.LogTail(20), s.site.Postfix.LogTail(20))
	}
	return 1
}

// story is a running site and what happened on it.
type story struct {
	stay     bool
	binary   string
	size     size
	site     *rig.Site
	ward     *rig.Postward
	webhook  *webhook
	opendkim string // the configuration of the one that signed before
	parts    rig.Processes

	mu     sync.Mutex
	sent   []rig.Mail
	played []*attack
}

// remember keeps mails for the account at the end.
func (s *story) remember(mails ...rig.Mail) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sent = append(s.sent, mails...)
}

// size is how much is played.
type size struct {
	hijack, workers, each, burst int
}

func open(ctx context.Context, stay bool, binary string) (*story, error) {
	s := &story{stay: stay, size: size{hijack: 2000, workers: 20, each: 10, burst: 30}}
	if stay {
		s.size = size{hijack: 200, workers: 3, each: 3, burst: 12}
	}
	users := map[string]string{"alarm": "alarm", "anna": "correct horse", "bob": "battery staple"}
	for i := range s.size.workers {
		users[worker(i)] = "secret " + worker(i)
	}
	for _, name := range more {
		users[name] = "secret " + name
	}
	if err := s.lay(binary, users); err != nil {
		return s, err
	}
	return s, s.list(ctx)
}

func (s *story) lay(binary string, users map[string]string) (err error) {
	if binary == "" {
		if binary, err = rig.Build(); err != nil {
			return err
		}
	}
	if binary, err = filepath.Abs(binary); err != nil {
		return err
	}
	s.binary = binary
	if s.webhook, err = listenWebhook(); err != nil {
		return err
	}
	s.parts.Add(s.webhook.close)
	if s.opendkim, err = s.resolve(); err != nil {
		return err
	}
	config := rig.PostfixConfig{}
	if s.stay {
		config.SMTPPort, config.SubmissionPort = freeOr(2525), freeOr(2587)
	}
	if s.site, err = rig.NewSite(config, users, "!include_try conf.d/*.conf"); err != nil {
		return err
	}
	s.parts.Add(s.site.Close)
	port, err := rig.FreePort()
	if err != nil {
		return err
	}
	s.ward, err = rig.Attach(s.site.Postfix, rig.PostwardConfig{Binary: binary, Mode: "enforce", Settings: fmt.Sprintf(settings, s.webhook.url(),
		fmt.Sprintf("127.0.0.1:%d", port), filepath.Join(s.site.Dovecot.Dir, "keys", "authpolicy.key"), s.site.Dovecot.Config, !s.stay)})
	if err != nil {
		return err
	}
	if err := s.tellDovecot(); err != nil {
		return err
	}
	if err := s.ward.Start(); err != nil {
		return err
	}
	s.parts.Add(s.ward.Stop)
	return s.site.Postfix.Start()
}

// settings are postward.toml's. Where the story stays open the network is the host's, and so is its kernel: nothing is written there.
const settings = `[domains]
local = ["example.org"]
[networks]
own = ["192.0.2.0/24"]
[cooling]
time = "30s"
[notify]
urls = [%q]
[authpolicy]
listen = %q
key_file = %q
dovecot = %q
[guessing]
kernel = %t
`

// tellDovecot writes what has Dovecot ask postward about each login, as attach does. Dovecot reads it when it is reloaded.
func (s *story) tellDovecot() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := os.Mkdir(filepath.Join(s.site.Dovecot.Dir, "conf.d"), 0o755); err != nil {
		return err
	}
	_, err := s.ward.Run(ctx, "attach", "--apply", "--unheard", "--no-reload", "--dovecot", "--dovecot-conf", s.site.Dovecot.Config,
		"--postfix", s.site.Postfix.ConfigDir, "--state-dir", s.ward.StateDir)
	return err
}

// list puts everybody on the list but alarm.
func (s *story) list(ctx context.Context) error {
	names := append([]string{"anna", "bob"}, more...)
	for i := range s.size.workers {
		names = append(names, worker(i))
	}
	for _, name := range names {
		if _, err := s.ward.Run(ctx, "account", "allow", name); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) close() error { return s.parts.Close() }

// more are the accounts of the attacks, and of the people who are not in the office.
var more = []string{"clara", "dora", "emil", "news", "fiona", "theo"}

func worker(i int) string { return fmt.Sprintf("worker%02d", i+1) }

// freeOr is a port if nobody has it, else 0: any.
func freeOr(port int) int {
	if rig.PortFree(port) {
		return port
	}
	return 0
}

// invite says what to try next.
func (s *story) invite() {
	p := s.site.Postfix
	fmt.Printf(`
Everything stays open until Ctrl-C. In another terminal, as root:

  alias postward='%s --config %s'
  postward status
  postward incident show 1
  swaks --server 127.0.0.1:%d --auth-user alarm --auth-password alarm --from alarm@example.org --to you@example.net --xclient-addr %s
  swaks --server 127.0.0.1:%d --auth-user anna --auth-password 'correct horse' --from anna@example.org --to you@example.net --xclient-addr %s
  postward held list
  postward account show anna

Postfix's own log: %s
`, s.ward.Binary, s.ward.Config, p.SubmissionPort, stranger, p.SubmissionPort, hotel, p.LogPath)
}

// show runs a verb of postward before the audience.
func (s *story) show(ctx context.Context, args ...string) error {
	fmt.Printf("\n$ postward %s\n", strings.Join(args, " "))
	out, err := s.ward.Run(ctx, args...)
	for line := range strings.Lines(out) {
		fmt.Print("  ", line)
	}
	return err
}
