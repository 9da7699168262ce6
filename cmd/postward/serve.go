package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"os/signal"
	"os/user"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"postward/internal/host/doveadm"
	"postward/internal/host/postfix"
	"postward/internal/host/warden"
	"postward/internal/run/config"
	"postward/internal/run/daemon"
	"postward/internal/run/notify"
	"postward/internal/wire/netinfo"
)

func (a *app) serveCommand() *cobra.Command {
	return &cobra.Command{Use: "serve", Short: "run the daemon (systemd does this)", Args: cobra.NoArgs,
		Long: "Run the daemon. Started as root it becomes two processes: a small parent that stays root and does a closed\n" +
			"list of acts on Postfix's queue and on bans, and the daemon itself, which runs as the user of the configuration.\n" +
			"SIGTERM drains and ends it; SIGHUP starts the daemon again with the configuration as it is then.",
		RunE: func(c *cobra.Command, _ []string) error { return a.serve(c.Context()) }}
}

// collectAt is by how many per cent the heap grows before it is collected. What lives is a memory of months, and little is made for a
// mail: Go's own 100 would have twice the memory for half of next to nothing.
const collectAt = 50

func (a *app) serve(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	var level slog.LevelVar
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: &level}))
	if a.socket != "" {
		return errors.New("--socket is for the commands that ask the daemon: it listens at the socket of its configuration")
	}
	path, err := filepath.Abs(a.config) // the child runs in /
	if err != nil {
		return fmt.Errorf("find the configuration: %w", err)
	}
	a.config = path
	c, n, err := a.loadAll()
	if err != nil {
		return err
	}
	if c.LogLevel == "debug" {
		level.Set(slog.LevelDebug)
	}
	debug.SetGCPercent(collectAt)
	http.DefaultClient.Timeout = 10 * time.Second // of services that tell the owner; some libraries know no other bound
	client, child, err := warden.Inherited()
	if err != nil {
		return err
	}
	acts := &warden.Acts{Postfix: postfix.Instance{ConfigDir: c.Postfix.ConfigDir}, Dovecot: doveadm.Instance{Config: c.AuthPolicy.Dovecot}, Trash: warden.Trash{Dir: c.TrashDir}, Log: c.Postfix.LogFile,
		Sockets: append(milterSockets(c), c.Socket), Never: append(trusted(c)(ctx), c.Policy().Own...)}
	switch {
	case child:
		return a.runDaemon(ctx, c, n, client, log)
	case os.Geteuid() == 0:
		return a.runWarden(ctx, c, acts, log)
	}
	signal.Ignore(syscall.SIGHUP) // without a parent there is nobody to start the daemon again
	return a.runDaemon(ctx, c, n, warden.Direct(acts), log)
}

// runDaemon is the child's part, or all of it without root.
func (a *app) runDaemon(ctx context.Context, c *config.Config, n *notify.Notifier, client *warden.Client, log *slog.Logger) error {
	if len(n.Channels()) == 0 {
		log.Warn("nobody would be told of an incident: set notify.urls or notify.command in " + a.config)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stopped := context.AfterFunc(ctx, func() { log.Info("postward drains and ends") })
	defer stopped()
	go func() { // ends with the process
		<-client.Gone()
		cancel(warden.ErrNoWarden)
	}()
	where, err := networks(c)
	if err != nil {
		return err
	}
	err = daemon.Run(ctx, daemon.Parts{
		Config: c, Warden: client, Notify: n, Where: where, Log: log, Version: version,
		Delimiter: delimiter(c), Mailer: mailer(c), Trusted: trusted(c), Peers: mailOwner(ctx, c), Operators: inGroup(c.Group),
		Ready: func() { log.Info("postward is ready", "version", version, "mode", c.Mode, "next", "postward status") },
	})
	if cause := context.Cause(ctx); err == nil && errors.Is(cause, warden.ErrNoWarden) {
		return cause
	}
	return err
}

// networks is the table of networks and countries: the operator's, or our own.
func networks(c *config.Config) (netinfo.DB, error) {
	if len(c.MMDB) > 0 {
		return netinfo.OpenMMDB(c.MMDB...)
	}
	return netinfo.Embedded(), nil
}

// delimiter asks Postfix which characters end a name in a local part.
func delimiter(c *config.Config) func(context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		return postfix.Instance{ConfigDir: c.Postfix.ConfigDir}.Get(ctx, "recipient_delimiter")
	}
}

// mailer asks Postfix for its name, and how long a line may be that it sends.
func mailer(c *config.Config) func(context.Context) (daemon.Mailer, error) {
	return func(ctx context.Context) (daemon.Mailer, error) {
		worth, err := postfix.Instance{ConfigDir: c.Postfix.ConfigDir}.Values(ctx, nil, "myhostname", "smtp_line_length_limit")
		if err != nil {
			return daemon.Mailer{}, err
		}
		limit, err := strconv.Atoi(worth["smtp_line_length_limit"])
		return daemon.Mailer{Hostname: worth["myhostname"], LineLimit: limit}, err
	}
}

// trusted asks Postfix for mynetworks, and Dovecot for the proxies that it trusts: whom they let relay, or say for whom he comes, is
// nobody to be kept out. What cannot be read of it trusts nobody.
func trusted(c *config.Config) func(context.Context) []netip.Prefix {
	return func(ctx context.Context) []netip.Prefix {
		proxies := doveadm.Instance{Config: c.AuthPolicy.Dovecot}.Proxies(ctx)
		p := postfix.Instance{ConfigDir: c.Postfix.ConfigDir}
		list, err := p.Get(ctx, "mynetworks")
		if err != nil {
			return proxies
		}
		all, _ := p.Networks(ctx, list)
		return append(all, proxies...)
	}
}

// mailOwner is the user that Postfix's smtpd and cleanup run as.
func mailOwner(ctx context.Context, c *config.Config) []uint32 {
	name, err := postfix.Instance{ConfigDir: c.Postfix.ConfigDir}.Get(ctx, "mail_owner")
	if err != nil || name == "" {
		name = "postfix"
	}
	if uid, _, err := lookupUser(name); err == nil {
		return []uint32{uid}
	}
	return nil
}

// inGroup admits root, this user, and the members of a group.
func inGroup(group string) func(uint32) bool {
	return func(uid uint32) bool {
		if uid == 0 || int(uid) == os.Geteuid() {
			return true
		}
		u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
		if err != nil {
			return false
		}
		g, err := user.LookupGroup(group)
		if err != nil {
			return false
		}
		ids, err := u.GroupIds()
		return err == nil && slices.Contains(ids, g.Gid)
	}
}

// runWarden is the root parent's part.
func (a *app) runWarden(ctx context.Context, c *config.Config, acts *warden.Acts, log *slog.Logger) error {
	uid, gid, err := lookupDaemonUser(c.User)
	if err != nil {
		return err
	}
	if err := prepare(ctx, c, acts.Postfix, int(uid), int(gid)); err != nil {
		return err
	}
	again, stop := a.whenAsked(ctx, c, acts, log)
	defer stop()
	child := warden.Child{Args: []string{"serve", "--config", a.config}, UID: uid, GID: gid, Groups: readers(c.Postfix.LogFile, a.config), Log: log}
	return warden.Run(ctx, child, acts, again)
}

// parents are the keys that the parent acts on when it starts: it does not read them again.
var parents = []string{
	"user", "group", "state_dir", "trash_dir", "socket", "postfix.config_dir", "postfix.log_file",
	"milter.inbound", "milter.submission", "milter.local", "authpolicy.dovecot",
}

// whenAsked passes SIGHUP on if the configuration is good.
func (a *app) whenAsked(ctx context.Context, before *config.Config, acts *warden.Acts, log *slog.Logger) (<-chan os.Signal, func()) {
	hup, again := make(chan os.Signal, 1), make(chan os.Signal)
	signal.Notify(hup, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for s := range hup {
			c, _, err := a.loadAll()
			if err == nil {
				if key := c.Differs(before, parents...); key != "" {
					err = fmt.Errorf("%s cannot change while postward runs: systemctl restart postward", key)
				}
			}
			if err != nil {
				log.Error("the configuration is not taken over, the former one stays in force", "err", err)
				continue
			}
			acts.Renew(append(trusted(c)(ctx), c.Policy().Own...))
			select {
			case again <- s:
			case <-ctx.Done():
			}
		}
	}()
	return again, func() { signal.Stop(hup); close(hup); <-done }
}

// prepare makes the directories that the daemon may not make itself: one for what it knows, one for the operators'
// socket, and one for Postfix's.
func prepare(ctx context.Context, c *config.Config, p postfix.Instance, uid, gid int) error {
	if err := warden.PrepareDir(c.StateDir, uid, gid, 0o750); err != nil {
		return fmt.Errorf("%w (state_dir)", err)
	}
	operators := gid
	if g, err := user.LookupGroup(c.Group); err == nil {
		if operators, err = strconv.Atoi(g.Gid); err != nil {
			return fmt.Errorf("look up the group %s: %w", c.Group, err)
		}
	}
	if err := warden.PrepareDir(filepath.Dir(c.Socket), uid, operators, 0o750); err != nil {
		return fmt.Errorf("%w (socket, like /run/postward/control.sock)", err)
	}
	owner, err := p.Get(ctx, "mail_owner")
	if err != nil {
		return fmt.Errorf("%w: is postfix.config_dir right?", err)
	}
	_, mail, err := lookupUser(owner)
	if err != nil {
		return err
	}
	for _, path := range milterSockets(c) {
		if err := warden.PrepareDir(filepath.Dir(path), uid, int(mail), 0o750); err != nil {
			return fmt.Errorf("%w (milter.inbound, milter.submission and milter.local, like unix:/var/spool/postfix/postward/inbound.sock)", err)
		}
	}
	return nil
}

// milterSockets are the paths of the milter sockets that have one.
func milterSockets(c *config.Config) (paths []string) {
	for _, address := range []string{c.Milter.Inbound, c.Milter.Submission, c.Milter.Local} {
		if path, ok := strings.CutPrefix(address, "unix:"); ok {
			paths = append(paths, path)
		}
	}
	return paths
}

// readers are the groups that the daemon needs as long as it lives: those that may read the mail log, and the
// configuration's, if it is closed to others. Those of its sockets it does not get: the parent gives the sockets away.
func readers(log, config string) (groups []uint32) {
	for _, name := range []string{"adm", "systemd-journal"} {
		if g, err := user.LookupGroup(name); err == nil {
			if id, err := strconv.ParseUint(g.Gid, 10, 32); err == nil {
				groups = append(groups, uint32(id))
			}
		}
	}
	for _, path := range []string{log, config} {
		info, err := os.Stat(path)
		if err != nil || !filepath.IsAbs(path) || info.Mode().Perm()&0o044 != 0o040 && path != log {
			continue
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && st.Gid != 0 && !slices.Contains(groups, st.Gid) {
			groups = append(groups, st.Gid)
		}
	}
	return groups
}

// lookupDaemonUser is lookupUser with the way out.
func lookupDaemonUser(name string) (uid, gid uint32, err error) {
	if uid, gid, err = lookupUser(name); err != nil {
		err = fmt.Errorf("%w: useradd --system --user-group --no-create-home --shell /usr/sbin/nologin %s", err, name)
	}
	return uid, gid, err
}

func lookupUser(name string) (uid, gid uint32, err error) {
	u, err := user.Lookup(name)
	if err != nil {
		return 0, 0, fmt.Errorf("look up the user %s: %w", name, err)
	}
	n, err := strconv.ParseUint(u.Uid, 10, 32)
	m, err2 := strconv.ParseUint(u.Gid, 10, 32)
	return uint32(n), uint32(m), errors.Join(err, err2)
}
