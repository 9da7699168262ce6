//go:build daemons

package spine_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"postward/test/rig"
)

// TestWhoHandsMailOnIsProposedAndListed: a list's mail is marked, for nobody trusts who seals it. After three days of that it is proposed,
// in the words that a person writes into the configuration; from then on the list's mail is let through, and nobody is proposed.
func TestWhoHandsMailOnIsProposedAndListed(t *testing.T) {
	r := relaying(t)
	far := rig.Client{Addr: r.a.Site.Postfix.SMTP(), Address: stranger}
	var posts, atA []rig.Mail
	day := func(policy string) {
		t.Helper()
		m := far.SendOne(r.a.ctx, rig.Mail{From: "bob@far.example", To: []string{"team@lists.example"}})
		if posts = append(posts, m); m.Outcome != rig.Accepted {
			t.Fatalf("the list: %d %s", m.Code, m.Reply)
		}
		to := r.distribute(t, m.Token, "bad.example", "bob@example.org", r.a)
		if atA = append(atA, to); to.Outcome != rig.Accepted {
			t.Fatalf("who is on the list: %d %s", to.Code, to.Reply)
		}
		has(t, "the list's mail", r.a.found(t, "mail.example.org", m.Token), "arc=pass", "dmarc=fail policy.dmarc="+policy+" header.from=far.example")
	}
	for n := range 3 {
		if said := r.a.do(t, "forwarder", "list"); strings.Contains(said, "bad.example") {
			t.Errorf("after %d days: %s", n, said)
		}
		if n > 0 {
			r.a.overnight(t)
		}
		day("quarantine")
	}
	said := r.a.do(t, "forwarder", "list")
	has(t, "three days", said, "bad.example", "bob@example.org", `sealers = ["bad.example"]`, "systemctl reload postward")
	has(t, "three days", r.a.do(t, "status"), "postward forwarder list")
	r.a.replace(t, `sealers = ["good.example"]`, `sealers = ["good.example", "bad.example"]`)
	r.a.wait(t, "nobody to be proposed", func() error {
		said, err := r.a.Run(r.a.ctx, "forwarder", "list") // while it reads the configuration, nobody answers
		if strings.Contains(said, "bad.example") {
			return fmt.Errorf("%s", said)
		}
		return err
	})
	day("none")
	r.accounts(t, r.list, posts)
	r.accounts(t, r.a.Sink, atA)
}

// overnight stops postward, and has what it remembers of forwarders be a day older: nobody can turn the clock of this machine.
func (f *field) overnight(t *testing.T) {
	t.Helper()
	if err := f.Postward.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := aged(filepath.Join(f.StateDir, "postward.db")); err != nil {
		t.Fatal(err)
	}
	if err := f.Postward.Start(); err != nil {
		t.Fatal(err)
	}
	f.authenticates(t)
}

func aged(path string) error {
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		return err
	}
	defer db.Close()
	var text string
	if err := db.QueryRow("select body from cursor where name = 'forwarders'").Scan(&text); err != nil {
		return fmt.Errorf("what is remembered of forwarders: %w", err)
	}
	all := map[string]map[string]any{}
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return err
	}
	for _, one := range all {
		one["day"] = one["day"].(float64) - 1
	}
	older, err := json.Marshal(all)
	if err == nil {
		_, err = db.Exec("update cursor set body = $1 where name = 'forwarders'", string(older))
	}
	return err
}

// replace edits postward's configuration, and has it read again.
func (f *field) replace(t *testing.T, old, is string) {
	t.Helper()
	text, err := os.ReadFile(f.Config)
	if err != nil || !strings.Contains(string(text), old) {
		t.Fatalf("%q is not in %s: %v", old, f.Config, err)
	}
	if err := os.WriteFile(f.Config, []byte(strings.Replace(string(text), old, is, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(f.Pids()[0], syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}
