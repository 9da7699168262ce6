//go:build daemons

package spine_test

import (
	"context"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"postward/test/rig"
)

// ownSettings count the host's own address as one of its networks, as mynetworks does.
const ownSettings = "[domains]\nlocal = [\"example.org\"]\n[networks]\nown = [\"127.0.0.0/8\", \"::1\", \"" + rig.Outside + "\"]\n"

// home is a site whose Postfix takes mail from the host itself, by every address that it has.
func home(t *testing.T, config rig.PostwardConfig) *field {
	t.Helper()
	config.Settings = ownSettings
	return attachedTo(t, rig.PostfixConfig{Main: map[string]string{
		"inet_protocols": "all", "mynetworks": "127.0.0.0/8 [::1]/128 " + rig.Outside + "/32",
	}}, config)
}

// at is Postfix's port 25 at an address of the host.
func (f *field) at(address string) string {
	return net.JoinHostPort(address, strconv.Itoa(f.Site.Postfix.SMTPPort))
}

// users returns the Unix users that the journal has of mails, by reverse-path.
func (f *field) users(t *testing.T) map[string]string {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(f.StateDir, "postward.db")+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(f.ctx, `select json_extract(body, '$.transaction.reverse_path'), coalesce(json_extract(body, '$.transaction.user'), '')
		from journal where kind = 'judged'`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all := map[string]string{}
	for rows.Next() {
		var path, user string
		if err := rows.Scan(&path, &user); err != nil {
			t.Fatal(err)
		}
		all[path] = user
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// swaks sends one mail as a Unix user: a program of his, as a web shell is one.
func (f *field) swaks(t *testing.T, uid uint32, from, server string, more ...string) {
	t.Helper()
	args := append([]string{"--server", server, "--port", strconv.Itoa(f.Site.Postfix.SMTPPort), "--from", from, "--to", "w@example.net", "--silent", "2"}, more...)
	cmd := exec.CommandContext(f.ctx, "swaks", args...)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "HOME=/")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("swaks as %d to %s: %v\n%s", uid, server, err, out)
	}
}

func TestMailOfAProgramOnThisHostHasItsUserByEveryWay(t *testing.T) {
	f := home(t, rig.PostwardConfig{})
	ways := map[string]string{"four": "127.0.0.1", "outside": rig.Outside, "other": "127.7.7.7"}
	want := map[string]string{}
	for way, server := range ways {
		f.swaks(t, 33, "w-"+way+"@example.org", server)
		f.swaks(t, 65534, "n-"+way+"@example.org", server)
		want["w-"+way+"@example.org"], want["n-"+way+"@example.org"] = "www-data", "nobody"
	}
	f.swaks(t, 33, "w-bound@example.org", rig.Outside, "--local-interface", "127.0.0.1")
	want["w-bound@example.org"] = "www-data"
	for user, from := range map[string]string{"www-data": "w-six@example.org", "nobody": "n-six@example.org"} { // swaks speaks no IPv6 here
		rig.Client{Addr: f.at("::1"), As: user}.SendOne(f.ctx, rig.Mail{From: from, To: []string{"w@example.net"}})
		want[from] = user
	}
	for user, from := range map[string]string{"www-data": "w-tool@example.org", "nobody": "n-tool@example.org"} {
		m := rig.Mail{Token: rig.NewToken(), From: from, To: []string{"w@example.net"}}
		if err := f.Site.Postfix.SendMail(user, from, []byte(m.Text()), m.To...); err != nil {
			t.Fatal(err)
		}
		want[from] = user
	}
	f.wait(t, "all mails in the journal", func() error { return same(f.users(t), want) })
	if s := f.status(t); strings.Contains(strings.Join(s.Troubles, "\n"), "local:unknown") {
		t.Errorf("status says %q", s.Troubles)
	}
}

func same(got, want map[string]string) error {
	var wrong []string
	for from, user := range want {
		if got[from] != user {
			wrong = append(wrong, fmt.Sprintf("%s is of %q, not of %s", from, got[from], user))
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%d of %d: %s", len(wrong), len(want), strings.Join(wrong, "; "))
	}
	return nil
}

func TestSessionsOfManyUsersAtOnceAreToldApart(t *testing.T) {
	f := home(t, rig.PostwardConfig{})
	names := []string{"www-data", "nobody", "root", "daemon", "games", "backup", "list", "irc"}
	places := []string{"127.0.0.1", "::1", rig.Outside}
	want, begin := map[string]string{}, make(chan struct{})
	var all sync.WaitGroup
	for i := range 40 {
		name, from := names[i%len(names)], fmt.Sprintf("m%d@example.org", i)
		want[from] = name
		all.Go(func() {
			<-begin
			m := rig.Client{Addr: f.at(places[i%len(places)]), As: name}.SendOne(f.ctx, rig.Mail{From: from, To: []string{"w@example.net"}})
			if m.Outcome != rig.Accepted {
				t.Errorf("%s: %s %s", from, m.Outcome, m.Reply)
			}
		})
	}
	close(begin)
	all.Wait()
	f.wait(t, "all mails in the journal", func() error { return same(f.users(t), want) })
}

// A login says whose the mail is; a client that says everything at once and goes is nobody's, and never root's.
func TestALoginIsMoreAndWhoHasGoneIsNobody(t *testing.T) {
	f := home(t, rig.PostwardConfig{})
	f.do(t, "account", "allow", "anna")
	c := f.client("anna", "")
	c.As = "www-data"
	if m := c.SendOne(f.ctx, rig.Mail{From: "anna@example.org", To: []string{"w@example.net"}}); m.Outcome != rig.Accepted {
		t.Fatalf("%s %s", m.Outcome, m.Reply)
	}
	f.wait(t, "the mail with a login", func() error {
		if user, is := f.users(t)["anna@example.org"]; !is || user != "" {
			return fmt.Errorf("%v %q", is, user)
		}
		return nil
	})
	for i := range 20 {
		hurry(f.ctx, t, f.at("127.0.0.1"), fmt.Sprintf("h%d@example.org", i))
	}
	f.wait(t, "a quiet Postfix", func() error { return f.nothingMoves() })
	known := 0
	for from, user := range f.users(t) {
		if strings.HasPrefix(from, "h") && user != "" {
			known++
			if user != "www-data" {
				t.Errorf("%s is said to be of %s", from, user)
			}
		}
	}
	t.Logf("%d of 20 were seen before they had gone", known)
}

// hurry says a whole session without listening, and hangs up.
func hurry(ctx context.Context, t *testing.T, server, from string) {
	t.Helper()
	conn, err := (rig.Client{Addr: server, As: "www-data"}).Dial(ctx, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "HELO x\r\nMAIL FROM:<%s>\r\nRCPT TO:<w@example.net>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\nQUIT\r\n", from)
	conn.Close()
}

func TestALogThatIsLateMakesLocalMailUnknownAndStatusSaysSo(t *testing.T) {
	late := filepath.Join(rig.Dir(), "late.log")
	if err := os.WriteFile(late, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	f := home(t, rig.PostwardConfig{Log: late})
	send := func(from string) {
		m := rig.Mail{Token: rig.NewToken(), From: from, To: []string{"w@example.net"}}
		if err := f.Site.Postfix.SendMail("nobody", from, []byte(m.Text()), m.To...); err != nil {
			t.Fatal(err)
		}
		f.wait(t, "the mail in the journal", func() error {
			if user, is := f.users(t)[from]; !is || user != "" {
				return fmt.Errorf("%v %q", is, user)
			}
			return nil
		})
	}
	send("silent@example.org")
	if shown := f.do(t, "account", "list"); !strings.Contains(shown, "local:unknown") {
		t.Errorf("a mail of nobody knows whom: %s", shown)
	}
	f.says(t, "1 mail came by sendmail(1), and the log did not say by whom", "is postfix.log_file in postward.toml the log that Postfix writes?")
	text, err := os.ReadFile(f.Site.Postfix.LogPath)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(late, text, 0o644); err != nil {
		t.Fatal(err)
	}
	f.says(t, "1 mail came by sendmail(1), and the log said by whom ", " too late", "look at what floods the log")
}

// says waits until status names a trouble with all of these words.
func (f *field) says(t *testing.T, words ...string) {
	t.Helper()
	f.wait(t, "status to say it", func() error {
		troubles := f.status(t).Troubles
		for _, text := range troubles {
			left := 0
			for _, w := range words {
				if !strings.Contains(text, w) {
					left++
				}
			}
			if left == 0 {
				return nil
			}
		}
		return fmt.Errorf("it says %q", troubles)
	})
}
