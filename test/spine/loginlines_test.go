//go:build daemons

package spine_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"testing"
	"time"

	"postward/test/rig"
)

// TestInvestigateReadsTheLoginsOfTheDaemonsThatAreHere: whichever releases they are, in their own logs. A login that failed
// and a good one by IMAP, and by submission; no line of theirs is strange, and no password is shown.
func TestInvestigateReadsTheLoginsOfTheDaemonsThatAreHere(t *testing.T) {
	lines, port := rig.TestIMAP(t)
	site := rig.TestSite(t, rig.PostfixConfig{}, users, lines, "auth_debug = yes\nauth_verbose_passwords = plain")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	at := net.JoinHostPort(rig.Outside, strconv.Itoa(port))
	for _, x := range []struct{ given, want string }{{"not hers", "NO"}, {users["anna"], "OK"}} { // in this order: who got in after he failed
		if reply := imapLogin(t, at, "anna", x.given); !strings.HasPrefix(reply, "a "+x.want) {
			t.Errorf("%s: %s\n%s", x.given, reply, site.Dovecot.Log())
		}
	}
	for _, x := range []struct {
		given string
		code  int
	}{{"not his", 535}, {users["bob"], 235}} {
		session, err := rig.Client{Addr: site.Postfix.Submission(), Address: stranger, User: "bob", Password: x.given}.Open(ctx)
		if session == nil {
			t.Fatal(err)
		}
		if last := session.Steps[len(session.Steps)-1]; last.Code != x.code {
			t.Errorf("%s: %s", x.given, last)
		}
		session.Close()
	}
	if err := errors.Join(site.Postfix.Stop(), site.Dovecot.Stop()); err != nil {
		t.Fatal(err)
	}
	investigated(ctx, t, site)
}

// imapLogin logs in, and returns what the server said to it.
func imapLogin(t *testing.T, at, user, password string) string {
	t.Helper()
	c, err := textproto.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.PrintfLine("a LOGIN %s \"%s\"", user, password); err != nil {
		t.Fatal(err)
	}
	reply, err := c.ReadLine()
	for err == nil && strings.HasPrefix(reply, "* ") { // untagged
		reply, err = c.ReadLine()
	}
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

// investigated looks at what investigate makes of a site's logs.
func investigated(ctx context.Context, t *testing.T, site *rig.Site) {
	t.Helper()
	binary, err := rig.Build()
	if err != nil {
		t.Fatal(err)
	}
	w, err := rig.NewPostward(site.Postfix, rig.PostwardConfig{Binary: binary})
	if err != nil {
		t.Fatal(err)
	}
	out, err := w.Run(ctx, "investigate", "--json", site.Dovecot.LogPath, site.Postfix.LogPath)
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Unread   map[string]int `json:"not_understood"`
		Strange  int            `json:"unread_lines"`
		Guessers []struct {
			Client   string
			Failed   int
			LoggedIn []string `json:"logged_in"`
		}
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, g := range r.Guessers {
		seen[g.Client] = fmt.Sprint(g.Failed, g.LoggedIn)
	}
	// Postfix names nobody who logs in and sends nothing.
	if want := map[string]string{rig.Outside: "1 [anna]", stranger: "1 []"}; fmt.Sprint(seen) != fmt.Sprint(want) || r.Strange > 0 || len(r.Unread) > 0 {
		t.Errorf("%v, want %v; %d strange lines, not understood %v\n%s", seen, want, r.Strange, r.Unread, site.Dovecot.Log())
	}
	if strings.Contains(out, "not hers") || strings.Contains(out, "not his") {
		t.Errorf("a password is shown:\n%s", out)
	}
}
