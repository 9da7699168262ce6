package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"postward/internal/auth/keys"
	"postward/test/world"
)

// privatePEM is a new RSA key as opendkim-genkey writes it.
func privatePEM(t *testing.T) string {
	t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)}))
}

// dkimFiles are configurations with keys and without, and those of other programs.
func dkimFiles(t *testing.T) map[string]string {
	t.Helper()
	dir := openDir(t)
	some := keys.Dir{Path: filepath.Join(dir, "some", "keys")}
	adopt(t, some, "example.org", "mail", true, then)
	if _, err := some.Rotate("example.org", then.Add(48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	adopt(t, some, "example.net", "2024", false, then)
	return map[string]string{
		"keys.toml": dkimConfig(t, filepath.Join(dir, "some")), "nokeys.toml": dkimConfig(t, filepath.Join(dir, "none")),
		"mail.private": privatePEM(t), "locked.private": "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
		"opendkim.conf":                    "KeyTable file:KeyTable\nSigningTable refile:SigningTable\n",
		"KeyTable":                         "one example.org:mail:./mail.private\ntwo example.com:mail:./locked.private\nthree example.edu:mail:./absent.private\nfour example.biz:mail:/k\n",
		"SigningTable":                     "*@example.org one\n*@example.com two\n*@example.edu three\n",
		"rspamd/local.d/dkim_signing.conf": "try_fallback = false;\ndomain { example.net { selector = \"dkim\"; path = \"./mail.private\"; } }\nfrobnicate = true;\n",
	}
}

// openDir is a directory that every user can reach.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pw")
	if err == nil {
		t.Cleanup(func() { os.RemoveAll(dir) })
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func dkimConfig(t *testing.T, state string) string {
	t.Helper()
	who, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("state_dir = %q\nuser = %q\n", state, who.Username)
}

// adopt puts a key of Ed25519 or RSA into a directory, that signs or waits.
func adopt(t *testing.T, d keys.Dir, domain, selector string, signs bool, now time.Time) {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	shows := keys.Sight{At: now, Servers: []keys.Witness{{Server: "ns1.example", Shows: keys.Absent}}}
	if signs {
		shows.Servers[0].Shows = keys.Right
	}
	if _, _, err := d.Adopt(keys.Key{Domain: domain, Selector: selector, Made: now}, private, now, &shows); err != nil {
		t.Fatal(err)
	}
}

// authority is a name server at port 53 of an address of loopback, which only root may have.
func authority(t *testing.T) *world.Server {
	t.Helper()
	for last := 1; last < 50; last++ {
		s, err := world.StartServer(fmt.Sprintf("127.66.0.%d:53", last))
		if errors.Is(err, fs.ErrPermission) {
			t.Skip("only root may listen at port 53")
		}
		if err == nil {
			t.Cleanup(func() { s.Close() })
			return s
		}
	}
	t.Fatal("no address of loopback has port 53 free")
	return nil
}

// delegate puts records into the zone of example.org, which the server says it has itself.
func delegate(t *testing.T, s *world.Server, records string) {
	t.Helper()
	if err := s.SetZone("example.org", fmt.Sprintf("example.org. 60 IN NS ns1.example.org.\nns1.example.org. 60 IN A %s\n%s", s.Addr().Addr(), records)); err != nil {
		t.Fatal(err)
	}
}

func TestKeysOfOpendkimSignHereWithTheirSelectors(t *testing.T) {
	s, dir := authority(t), openDir(t)
	config, private := filepath.Join(dir, "postward.toml"), filepath.Join(dir, "mail.private")
	for path, text := range map[string]string{config: dkimConfig(t, filepath.Join(dir, "state")), private: privatePEM(t),
		filepath.Join(dir, "opendkim.conf"): "Domain example.org\nSelector mail\nKeyFile " + private + "\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	verb := func(want string, code int, args ...string) string {
		t.Helper()
		out, said, got := postward(t, append([]string{"--config", config}, args...)...)
		if got != code || !strings.Contains(out+said, want) {
			t.Fatalf("%v: %d, no %q in\n%s%s", args, got, want, out, said)
		}
		return out
	}
	resolver := "--resolver=" + s.Addr().String() // it knows who has authority, and that is itself
	take := []string{"dkim", "import", "--opendkim", filepath.Join(dir, "opendkim.conf"), resolver}
	delegate(t, s, "")
	verb("signs when it is seen: not in the zone at every name server", exitFound, take...)
	verb("", exitFine, "dkim", "key", "list") // nothing was written
	if _, err := os.Stat(filepath.Join(dir, "state", "keys", "example.org")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a look wrote something: %v", err)
	}
	record := zoneLine(t, private)
	delegate(t, s, record+"\n")
	verb("the name servers show it: signs at once", exitFine, take...)
	verb("taken over, active", exitFine, append(take, "--apply")...)
	verb("taken over already, active", exitFine, append(take, "--apply")...)
	if b, err := os.ReadFile(private); err != nil || !strings.Contains(string(b), "RSA PRIVATE KEY") {
		t.Errorf("the key was moved: %v", err)
	}
	var made []struct{ Name, Text string }
	if err := json.Unmarshal([]byte(verb("", exitFine, "--json", "dkim", "key", "rotate", "example.org")), &made); err != nil || len(made) != 2 {
		t.Fatal(err, made)
	}
	verb("not in the zone at every name server", exitFound, "dkim", "key", "look", resolver)
	for _, r := range made {
		record += fmt.Sprintf("\n%s. IN TXT %q %q", r.Name, r.Text[:30], r.Text[30:min(len(r.Text), 255)])
		if len(r.Text) > 255 {
			record += fmt.Sprintf(" %q", r.Text[255:])
		}
	}
	delegate(t, s, record+"\n")
	verb("is published: every name server of its zone shows it", exitFine, "dkim", "key", "look", "example.org", resolver)
	out := verb("signs from", exitFine, "dkim", "key", "list")
	if strings.Count(out, "published") != 2 || strings.Count(out, "active") != 1 {
		t.Error(out)
	}
	verb("Mail of example.org is not signed any more: not done without a word", exitFailed, "dkim", "key", "retire", "example.org", "mail")
	verb("Leave its record in the zone until", exitFine, "--yes", "dkim", "key", "retire", "example.org", "MAIL")
}

// TestAWebFormIsToldTheWholeName: the domain may lie below its zone, which is not known here.
func TestAWebFormIsToldTheWholeName(t *testing.T) {
	k := keys.Key{Domain: "a.example.org", Selector: "pw20261130r", Algorithm: keys.RSA, Public: "AAAA"}
	out := shownTo(true, func(a *app) { a.printRecords([]keys.Key{k}) })
	for _, want := range []string{"name   pw20261130r._domainkey.a.example.org\n", "value  v=DKIM1; k=rsa; p=AAAA\n", "postward dns show a.example.org --form web"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if out := shownTo(false, func(a *app) { a.printRecords([]keys.Key{k}) }); strings.Contains(out, "web form") {
		t.Errorf("a pipe is told\n%s", out)
	}
}

// TestWhatIsSaidNextLeadsThere: into the zone also without an editor, and not past a server that does not show a key.
func TestWhatIsSaidNextLeadsThere(t *testing.T) {
	if next := goesOn("example.org"); !strings.Contains(next, "postward dns publish example.org; then postward dkim key look example.org") {
		t.Error(next)
	}
	out := shownTo(true, func(a *app) { a.sayNext(make([]imported, 1), true) })
	look, stop, milters := strings.Index(out, "postward dkim key look"), strings.Index(out, "names a server, stop"), strings.Index(out, "milters")
	if look < 0 || stop < look || milters < stop {
		t.Error(out)
	}
}

// zoneLine is the record of a private key.
func zoneLine(t *testing.T, path string) string {
	t.Helper()
	text, _, err := keys.ReadForeign(path)
	if err != nil {
		t.Fatal(err)
	}
	private, err := keys.ParsePrivate(text)
	if err != nil {
		t.Fatal(err)
	}
	k, err := keys.Key{Domain: "example.org", Selector: "mail"}.As(private)
	if err != nil {
		t.Fatal(err)
	}
	return k.ZoneLine()
}

func TestRootWritesKeysAsTheDaemonsUserAndIsNotLedAstray(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Skip(err)
	}
	dir := openDir(t)
	config, state := filepath.Join(dir, "postward.toml"), filepath.Join(dir, "state")
	if err := os.WriteFile(config, fmt.Appendf(nil, "state_dir = %q\nuser = \"nobody\"\n", state), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, said, code := postward(t, "--config", config, "dkim", "key", "create", "example.org"); code != exitFine {
		t.Fatal(out, said)
	}
	err = filepath.WalkDir(filepath.Join(state, "keys"), func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil && fmt.Sprint(info.Sys().(*syscall.Stat_t).Uid) != nobody.Uid {
			t.Errorf("%s is not nobody's", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	roots := filepath.Join(dir, "roots")
	if err := errors.Join(os.Mkdir(roots, 0o700), os.RemoveAll(filepath.Join(state, "keys")), os.Symlink(roots, filepath.Join(state, "keys"))); err != nil {
		t.Fatal(err)
	}
	_, said, code := postward(t, "--config", config, "dkim", "key", "create", "example.org")
	if left, err := os.ReadDir(roots); code != exitFailed || err != nil || len(left) > 0 {
		t.Errorf("%d %s: %v %v", code, said, left, err)
	}
}
