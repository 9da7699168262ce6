package rig

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// PostfixConfig says how a private Postfix differs from what Debian ships. Only Sink must be set.
type PostfixConfig struct {
	// Sink is host:port of the world: everything outside goes there, and local recipients do too.
	Sink string
	// SMTPPort and SubmissionPort are free ports if 0. 25, 587 and 465 get Debian's service names.
	SMTPPort, SubmissionPort int
	// Hostname is myhostname, mail.example.org if empty; Domain is mydestination, example.org if empty.
	Hostname, Domain string
	// SMTPMilters, SubmissionMilters and LocalMilters are values as in main.cf, empty for none. The first and the
	// last stand in main.cf (smtpd_milters, non_smtpd_milters), the second at its service in master.cf.
	SMTPMilters, SubmissionMilters, LocalMilters string
	// Main sets or replaces parameters of main.cf; an empty value is an empty value.
	Main map[string]string
	// SMTPOptions and SubmissionOptions are further "name=value" of the two services.
	SMTPOptions, SubmissionOptions []string
	// Master are further lines of master.cf.
	Master []string
}

// Postfix is a private instance: etc/, queue/ and data/ in one directory, chrooted services as Debian ships them.
// Start and Stop must not run at the same time.
type Postfix struct {
	PostfixConfig
	Dir       string // everything is below
	ConfigDir string // for -c and -C
	QueueDir  string // what chrooted services call /
	LogPath   string // maillog_file

	session int // of master, once started
}

// NewPostfix lays an instance into a new directory of the room. It does not start it: the configuration may still
// be edited.
func NewPostfix(config PostfixConfig) (*Postfix, error) {
	if err := config.fill(); err != nil {
		return nil, fmt.Errorf("lay a Postfix: %w", err)
	}
	dir, err := NewDir("postfix")
	if err != nil {
		return nil, err
	}
	p := &Postfix{
		PostfixConfig: config, Dir: dir, ConfigDir: filepath.Join(dir, "etc"), QueueDir: filepath.Join(dir, "queue"),
		LogPath: filepath.Join(dir, "log", "mail.log"),
	}
	if err := p.lay(); err != nil {
		return nil, errors.Join(fmt.Errorf("lay a Postfix in %s: %w", dir, err), os.RemoveAll(dir))
	}
	return p, nil
}

func (c *PostfixConfig) fill() error {
	if c.Sink == "" {
		return errors.New("no sink is given, and nothing may leave the room")
	}
	for _, port := range []*int{&c.SMTPPort, &c.SubmissionPort} {
		if *port != 0 {
			continue
		}
		free, err := FreePort()
		if err != nil {
			return err
		}
		*port = free
	}
	if c.Hostname == "" {
		c.Hostname = "mail.example.org"
	}
	if c.Domain == "" {
		c.Domain = "example.org"
	}
	return nil
}

// PortFree reports whether a TCP port of 127.0.0.1 is free.
func PortFree(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	return err == nil && l.Close() == nil
}

// FreePort is a TCP port on which nobody listens, on no address, and which this process has not given to anybody else. It
// lies below the ports that the kernel gives to connections: one of those may be taken before a daemon comes to listen.
func FreePort() (int, error) {
	for range 1000 {
		port := 10000 + rand.IntN(20000)
		if _, given := givenPorts.LoadOrStore(port, true); given {
			continue
		}
		if l, err := net.Listen("tcp", ":"+strconv.Itoa(port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("find a free port: none of a thousand between 10000 and 30000 is free")
}

// givenPorts are the ports that FreePort gave.
var givenPorts sync.Map

func (p *Postfix) lay() error {
	owner, err := user.Lookup("postfix")
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(owner.Uid)
	if err != nil {
		return err
	}
	for _, dir := range []string{"etc", "queue", "data", "log"} {
		if err := os.Mkdir(filepath.Join(p.Dir, dir), 0o755); err != nil {
			return err
		}
	}
	if err := os.Chown(filepath.Join(p.Dir, "data"), uid, -1); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(p.ConfigDir, "main.cf"), []byte(p.mainCF()), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(p.ConfigDir, "master.cf"), []byte(p.masterCF()), 0o644); err != nil {
		return err
	}
	if err := admit(p.ConfigDir); err != nil {
		return err
	}
	return fillChroot(p.QueueDir)
}

// SMTP and Submission are host:port of the two services on loopback.
func (p *Postfix) SMTP() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.SMTPPort)) }
func (p *Postfix) Submission() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(p.SubmissionPort))
}

// Start starts it and waits until both ports greet, at most 30 s.
func (p *Postfix) Start() error {
	if err := p.tool("postfix", "start"); err != nil {
		return fmt.Errorf("%w\n%s", err, p.LogTail(10))
	}
	pid, err := p.masterPid()
	if err != nil {
		return fmt.Errorf("start Postfix: %w", err)
	}
	p.session = pid
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for _, addr := range []string{p.SMTP(), p.Submission()} {
		if err := WaitGreeting(ctx, addr); err != nil {
			return errors.Join(fmt.Errorf("start Postfix: %w\n%s", err, p.LogTail(10)), p.Stop())
		}
	}
	return nil
}

func (p *Postfix) masterPid() (int, error) {
	text, err := os.ReadFile(filepath.Join(p.QueueDir, "pid", "master.pid"))
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}

// Stop ends it by `postfix stop`. A process that is left after that is an error, and killed. A Postfix that does
// not run is stopped already.
func (p *Postfix) Stop() error {
	if p.session == 0 {
		return nil
	}
	session := p.session
	p.session = 0
	return errors.Join(p.tool("postfix", "stop"), sessionEnds("Postfix", session, 10*time.Second))
}

// Kill ends all its processes at once, as a power cut would. The queue stays.
func (p *Postfix) Kill() error {
	if p.session == 0 {
		return nil
	}
	session := p.session
	p.session = 0
	return killSession(session)
}

// Reload asks for `postfix reload` and waits for the greetings. It is known to hang in a PID namespace now and
// then; Stop and Start are surer.
func (p *Postfix) Reload(ctx context.Context) error {
	if err := p.tool("postfix", "reload"); err != nil {
		return err
	}
	return errors.Join(WaitGreeting(ctx, p.SMTP()), WaitGreeting(ctx, p.Submission()))
}

// Close stops it and removes its directory.
func (p *Postfix) Close() error { return errors.Join(p.Stop(), os.RemoveAll(p.Dir)) }

// SetMain sets parameters in main.cf by postconf -e, as an administrator does: "name=value". It does not reload.
func (p *Postfix) SetMain(settings ...string) error {
	return p.tool("postconf", append([]string{"-e"}, settings...)...)
}

// Command is one of Postfix's tools (postconf, postqueue, postsuper, postcat, postmap, …) on this instance.
func (p *Postfix) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, name, append([]string{"-c", p.ConfigDir}, args...)...)
}

func (p *Postfix) tool(name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := p.Command(ctx, name, args...)
	// Daemons inherit the tool's output: a file, so that nobody waits for its end.
	out, err := os.OpenFile(filepath.Join(p.Dir, "tools.log"), os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		said, _ := os.ReadFile(out.Name())
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(said)))
	}
	return nil
}

// SendMail gives a mail to this instance's sendmail(1) as a Unix user: from is the reverse-path, empty for the
// user's own. Exit 0 of sendmail is nil.
func (p *Postfix) SendMail(username, from string, mail []byte, to ...string) error {
	who, err := user.Lookup(username)
	if err != nil {
		return fmt.Errorf("sendmail as %s: %w", username, err)
	}
	uid, err1 := strconv.ParseUint(who.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(who.Gid, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("sendmail as %s: %w", username, err)
	}
	args := []string{"-C", p.ConfigDir, "-i"}
	if from != "" {
		args = append(args, "-f", from)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sendmail", append(append(args, "--"), to...)...)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "USER="+username, "LOGNAME="+username)
	cmd.Stdin = strings.NewReader(string(mail))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("sendmail as %s: %w: %s", username, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// LogTail is the end of the mail log, for an error's text.
func (p *Postfix) LogTail(lines int) string { return tailOf(p.LogPath, lines) }

func tailOf(path string, lines int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "(no log: " + err.Error() + ")"
	}
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// WaitGreeting waits until a server at addr says 220.
func WaitGreeting(ctx context.Context, addr string) error {
	return Wait(ctx, "the greeting of "+addr, func() error {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err != nil {
			return err
		}
		defer conn.Close()
		until := time.Now().Add(15 * time.Second)
		if d, ok := ctx.Deadline(); ok && d.Before(until) {
			until = d
		}
		if err := conn.SetDeadline(until); err != nil {
			return err
		}
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil {
			return err
		}
		if !strings.HasPrefix(line, "220 ") {
			return fmt.Errorf("it said %q", line)
		}
		_, err = conn.Write([]byte("QUIT\r\n"))
		return err
	})
}
