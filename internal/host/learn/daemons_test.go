//go:build daemons

package learn

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"postward/test/rig"
)

// TestLearnListsTheSenderMap: those of main.cf, and one that a service has for itself.
func TestLearnListsTheSenderMap(t *testing.T) {
	dir := t.TempDir()
	rig.WriteFile(t, filepath.Join(dir, "main.cf"), []byte(`compatibility_level = 3.6
myhostname = mail.example.org
mydestination = $myhostname, example.org, localhost
mynetworks = 127.0.0.0/8
maps = texthash:`+dir+`
smtpd_sender_login_maps = $maps/sender_login, pcre:/nowhere
virtual_mailbox_maps = $maps/boxes
`), 0o644)
	rig.WriteFile(t, filepath.Join(dir, "master.cf"), []byte(`smtp inet n - n - - smtpd
smtps inet n - n - - smtpd
  -o name=own -o { smtpd_sender_login_maps = $maps/$name }
`), 0o644)
	rig.WriteFile(t, filepath.Join(dir, "sender_login"), []byte("anna@example.org anna\n@club.example anna, bert\n"), 0o644)
	rig.WriteFile(t, filepath.Join(dir, "own"), []byte("carla@example.org carla\n"), 0o644)
	rig.WriteFile(t, filepath.Join(dir, "boxes"), []byte("Box@club.example club/box/\n"), 0o644)
	h, err := Ask(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	l, err := FromPostfix(t.Context(), h, Options{Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range l.Rows {
		got = append(got, fmt.Sprint(r.Account, " ", r.Address, " ", r.Map, r.Proposed))
	}
	want := []string{"anna *@club.example true true", "anna anna@example.org true true", "bert *@club.example true true", "carla carla@example.org true true"}
	if !slices.Equal(got, want) {
		t.Errorf("learned %q", got)
	}
	if !l.boxes["box@club.example"] {
		t.Errorf("mailboxes %v", l.boxes)
	}
	if len(l.Notes) == 0 || !strings.Contains(l.Notes[0], "pcre:/nowhere") {
		t.Errorf("notes %q", l.Notes)
	}
}
