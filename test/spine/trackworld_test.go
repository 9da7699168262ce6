//go:build daemons

package spine_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/textproto"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"postward/test/rig"
)

// world is a mail site with all that can happen to a mail: local mailboxes, aliases, tables that refuse and hold, a
// milter, and content filters that hand mail back.
type world struct {
	*rig.Site
	instance                                   string // its syslog_name
	dir                                        string // mailboxes, .forward files
	aliases, virtuals, access, senders, copies []string
	forwards                                   map[string]string
	doors                                      map[string]string // host:port by name
	mu                                         sync.Mutex
	denied                                     []rig.Denial // by the filter that keeps mail first
	willing                                    bool         // what was put off is taken now
	posted                                     []*posted
	mailboxes                                  map[target]int // by token, recipient and user, once read
	waits                                      []rig.Queued   // the queue at the end
	whose                                      map[string]*posted
}

// answers is what the receivers elsewhere say at first.
var answers = map[string]rig.Answer{
	"@later.example":     {Code: 451, Text: "4.3.0 not now"},
	"@laterdata.example": {Code: 452, Text: "4.3.1 no room now", AtEnd: true},
	"@never.example":     {Code: 450, Text: "4.2.0 never now"},
	"@gone.example":      {Code: 550, Text: "5.1.1 no such user"},
	"@spam.example":      {Code: 554, Text: "5.7.1 no such message", AtEnd: true},
}

// mailUsers have mailboxes.
var mailUsers = []string{"games", "news"}

// newWorld lays a site for a plan; it runs until the test ends.
func newWorld(t *testing.T, instance, logPath string, main map[string]string, planned func(*world) []*posted) *world {
	t.Helper()
	w := &world{instance: instance, forwards: map[string]string{}, doors: map[string]string{}}
	w.posted = planned(w)
	config := rig.PostfixConfig{Main: maps.Clone(worldMain), SubmissionMilters: "unix:headers.sock", SubmissionOptions: []string{"syslog_name=" + instance + "/submission"}}
	config.Main["syslog_name"] = instance
	maps.Copy(config.Main, main)
	for door, listen := range map[string]func(*testing.T, string) string{"proxy": proxy, "xproxy": proxy, "store": w.store} {
		back := freePort(t)
		filter := listen(t, "127.0.0.1:"+back)
		config.Master = append(config.Master, w.filterPorts(t, door, filter, back)...)
	}
	var err error
	if w.Site, err = rig.NewSite(config, users); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("Postfix said:\n%s", w.Postfix.LogTail(20))
		}
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	if logPath != "" { // two instances, one log
		w.Postfix.LogPath = logPath
		if err := w.Postfix.SetMain("maillog_file="+logPath, "maillog_file_prefixes="+filepath.Dir(logPath)); err != nil {
			t.Fatal(err)
		}
	}
	w.doors["smtp"], w.doors["submission"] = w.Postfix.SMTP(), w.Postfix.Submission()
	for to, answer := range answers {
		w.Sink.Answer(to, answer)
	}
	if err := w.furnish(); err != nil {
		t.Fatal(err)
	}
	startMilter(t, filepath.Join(w.Postfix.QueueDir, "headers.sock"))
	if err := w.Postfix.Start(); err != nil {
		t.Fatal(err)
	}
	return w
}

// worldMain is what main.cf says; ${config_directory} is the instance's own. Nothing is tried again unless it is asked for.
var worldMain = map[string]string{
	"local_transport": "local", "local_recipient_maps": "proxy:unix:passwd.byname $alias_maps", "recipient_delimiter": "+",
	"alias_maps": "texthash:${config_directory}/aliases", "virtual_alias_domains": "virtual.example",
	"virtual_alias_maps":             "texthash:${config_directory}/virtual",
	"smtpd_recipient_restrictions":   "check_recipient_access texthash:${config_directory}/access",
	"smtpd_data_restrictions":        "check_sender_access texthash:${config_directory}/senders",
	"smtpd_relay_restrictions":       "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination",
	"smtpd_discard_ehlo_keywords":    "size",
	"recipient_bcc_maps":             "texthash:${config_directory}/copies",
	"header_checks":                  "regexp:${config_directory}/headers",
	"body_checks":                    "regexp:${config_directory}/body",
	"message_size_limit":             "60000",
	"smtpd_milters":                  "unix:headers.sock",
	"queue_run_delay":                "1h",
	"minimal_backoff_time":           "1h",
	"maximal_backoff_time":           "2h",
	"smtpd_authorized_xclient_hosts": "127.0.0.0/8",
}

// filterPorts are the lines of master.cf for a content filter: the port in, the client to it, the port behind it.
func (w *world) filterPorts(t *testing.T, door, filter, back string) []string {
	in := freePort(t)
	w.doors[door] = "127.0.0.1:" + in
	x, mapping, trusted := "no", "", ""
	if door == "xproxy" { // here the aliases are expanded behind the filter
		x, mapping, trusted = "yes", "no_address_mappings", "127.0.0.0/8"
	}
	host, port, _ := net.SplitHostPort(filter)
	return []string{
		"scan-" + door + " unix - - n - 10 smtp -o smtp_send_xforward_command=" + x + " -o syslog_name=" + w.instance + "/" + door,
		in + " inet n - n - - smtpd -o content_filter=scan-" + door + ":[" + host + "]:" + port + " -o smtpd_sasl_auth_enable=yes -o smtpd_tls_auth_only=no" +
			" -o smtpd_milters= -o smtpd_recipient_restrictions= -o smtpd_data_restrictions= -o receive_override_options=" + mapping,
		back + " inet n - n - - smtpd -o content_filter= -o smtpd_milters= -o smtpd_authorized_xforward_hosts=" + trusted +
			" -o receive_override_options=no_header_body_checks,no_unknown_recipient_checks",
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	port, err := rig.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(port)
}

// furnish writes the tables and makes the mailboxes.
func (w *world) furnish() error {
	var err error
	if w.dir, err = rig.NewDir("mailboxes"); err != nil {
		return err
	}
	forward := filepath.Join(w.dir, "forward")
	if err := os.Mkdir(forward, 0o755); err != nil {
		return err
	}
	for name, text := range w.forwards {
		err = errors.Join(err, os.WriteFile(filepath.Join(forward, name), []byte(text), 0o644))
	}
	for _, name := range mailUsers {
		box := filepath.Join(w.dir, name)
		err = errors.Join(err, os.Mkdir(box, 0o700), chown(box, name))
	}
	aliases := make([]string, len(w.aliases))
	for i, line := range w.aliases {
		aliases[i] = strings.Replace(line, ":", "", 1) // texthash has no colon
	}
	for name, lines := range map[string][]string{
		"aliases": aliases, "virtual": w.virtuals, "access": w.access, "senders": w.senders, "copies": w.copies,
		"headers": {"/^X-Header: reject/ REJECT not with this header", "/^X-Header: hold/ HOLD", "/^X-Header: discard/ DISCARD", "/^X-Redirect: (.*)$/ REDIRECT $1"},
		"body":    {"/^reject this body/ REJECT not with this body"},
	} {
		err = errors.Join(err, os.WriteFile(filepath.Join(w.Postfix.ConfigDir, name), []byte(strings.Join(lines, "\n")+"\n"), 0o644))
	}
	return errors.Join(err, w.Postfix.SetMain("mail_spool_directory="+w.dir+"/", "forward_path="+forward+"/${user}${recipient_delimiter}${extension}"))
}

func chown(path, name string) error {
	who, err := user.Lookup(name)
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(who.Uid)
	return errors.Join(err, os.Chown(path, uid, -1))
}

// send sends every mail of the plan, six at a time.
func (w *world) send(ctx context.Context) error {
	next := make(chan *posted)
	var workers sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for range 6 {
		workers.Go(func() {
			for p := range next {
				if err := w.sendOne(ctx, p); err != nil {
					mu.Lock()
					failed = errors.Join(failed, fmt.Errorf("%s: %w", p.kind, err))
					mu.Unlock()
				}
			}
		})
	}
	for _, p := range w.posted {
		next <- p
	}
	close(next)
	workers.Wait()
	return failed
}

func (w *world) sendOne(ctx context.Context, p *posted) error {
	if p.door == "sendmail" {
		p.mail.Outcome = rig.Accepted
		return w.Postfix.SendMail(p.user, p.mail.From, []byte(p.mail.Text()), p.mail.To...)
	}
	c := rig.Client{Addr: w.doors[p.door], Address: p.client, User: p.user, Password: users[p.user]}
	if p.client == "127.0.0.1" {
		c.Address = ""
	}
	if p.abort != "" {
		return breakOff(ctx, c, p)
	}
	p.mail = c.SendOne(ctx, p.mail)
	want := max(p.refuse, 2)
	if p.mail.Code/100 != want {
		return fmt.Errorf("%d %s: %v", p.mail.Code, p.mail.Reply, p.mail.Steps)
	}
	return nil
}

// breakOff begins a mail and does not end it.
func breakOff(ctx context.Context, c rig.Client, p *posted) error {
	s, err := c.Open(ctx)
	if err != nil {
		return err
	}
	defer s.Abort()
	if p.abort == "after" {
		if s.Send(&p.mail); p.mail.Outcome != rig.Accepted {
			return fmt.Errorf("%v", p.mail.Steps)
		}
		return nil
	}
	commands := []string{"MAIL FROM:<" + p.mail.From + ">", "RCPT TO:<" + p.mail.To[0] + ">"}
	if p.abort == "amid" {
		commands = append(commands, "DATA")
	}
	for _, command := range commands {
		if step := s.Do(command); step.Code/100 > 3 {
			return fmt.Errorf("%s", step)
		}
	}
	switch p.abort {
	case "RSET", "QUIT":
		s.Do(p.abort)
	case "amid":
		return s.Raw("Message-ID: <" + p.mail.Token + "@client.example.net>\r\nSubject: half\r\n\r\nhalf a mail\r\n")
	}
	return nil
}

// act does to waiting mail what its plan says, all of an act in one call of postsuper(1).
func (w *world) act(ctx context.Context) error {
	ids := map[string][]string{}
	err := rig.Wait(ctx, "each mail that is acted upon to wait", func() (err error) {
		ids, err = w.waiting()
		return err
	})
	if err != nil {
		return err
	}
	for act, flag := range map[string]string{"release": "-H", "delete": "-d", "hold": "-h", "requeue": "-r", "expire": "-e"} {
		cmd := w.Postfix.Command(ctx, "postsuper", flag, "-")
		cmd.Stdin = strings.NewReader(strings.Join(ids[act], "\n") + "\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", act, err, out)
		}
	}
	return nil
}

// waiting are the queue IDs of each act; an error if not every mail of the plan waits for its own.
func (w *world) waiting() (map[string][]string, error) {
	queue, whose, err := w.queue()
	if err != nil {
		return nil, err
	}
	ids, found := map[string][]string{}, map[*posted]int{}
	for _, q := range queue {
		if p := whose[q.ID]; p != nil && p.act != "" && (q.Queue == "hold" || q.Queue == "deferred") {
			ids[p.act] = append(ids[p.act], q.ID)
			found[p]++
		}
	}
	for _, p := range w.posted {
		if p.act != "" && found[p] != 1 {
			err = errors.Join(err, fmt.Errorf("%s is %d times in the queue", p.kind, found[p]))
		}
	}
	return ids, err
}

// queue is what waits, and whose it is.
func (w *world) queue() ([]rig.Queued, map[string]*posted, error) {
	queue, err := w.Postfix.Queue()
	if err != nil {
		return nil, nil, err
	}
	ids := make([]string, len(queue))
	for i, q := range queue {
		ids[i] = q.ID
	}
	tokens, err := w.Postfix.TokensOf(ids)
	mine := map[string]*posted{}
	for id, token := range tokens {
		for _, p := range w.posted {
			if p.mail.Token == token {
				mine[id] = p
			}
		}
	}
	return queue, mine, err
}

// readMailboxes finds what local(8) delivered.
func (w *world) readMailboxes() error {
	w.mailboxes = map[target]int{}
	for _, name := range mailUsers {
		files, err := filepath.Glob(filepath.Join(w.dir, name, "new", "*"))
		if err != nil {
			return err
		}
		for _, file := range files {
			f, err := os.Open(file)
			if err != nil {
				return err
			}
			h, err := textproto.NewReader(bufio.NewReader(f)).ReadMIMEHeader()
			f.Close()
			if err != nil {
				return fmt.Errorf("read %s: %w", file, err)
			}
			w.mailboxes[target{h.Get("X-Token"), h.Get("X-Original-To"), name}]++
		}
	}
	return nil
}
