//go:build daemons

package milter

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"postward/internal/guard"
)

// script plays two mails on one connection and a refused sender on another, as Debian's miltertest(8) speaks the
// protocol: with OpenDKIM's own implementation of the MTA's side.
const script = `
function fail(text) mt.echo(text) error(text) end
function must(what, err) if err ~= nil then fail(what .. ": " .. tostring(err)) end end
function reply(what, conn, want)
  local got = mt.getreply(conn)
  if got ~= want then fail(what .. ": reply " .. string.char(got) .. ", want " .. string.char(want)) end
end
local conn = mt.connect(socket, 20, 0.1)
if conn == nil then fail("connect") end
must("negotiate", mt.negotiate(conn, nil, nil, nil))
mt.macro(conn, SMFIC_CONNECT, "j", "mail.example.org")
must("conninfo", mt.conninfo(conn, "client.example.net", "203.0.113.80"))
must("helo", mt.helo(conn, "client.example.net"))
for i = 1, 2 do
  mt.macro(conn, SMFIC_MAIL, "{auth_authen}", "anna")
  must("mail", mt.mailfrom(conn, "<anna@example.org>"))
  reply("MAIL", conn, SMFIR_CONTINUE)
  mt.macro(conn, SMFIC_RCPT, "i", "4F2C81A3B" .. i)
  must("rcpt", mt.rcptto(conn, "<a@example.com>"))
  must("rcpt", mt.rcptto(conn, "<b@example.com>"))
  must("header", mt.header(conn, "From", "Anna <anna@example.org>"))
  must("header", mt.header(conn, "Subject", "mail " .. i))
  must("eoh", mt.eoh(conn))
  must("eom", mt.eom(conn))
  if i == 1 then
    reply("end of the first", conn, SMFIR_CONTINUE)
    if mt.eom_check(conn, MT_QUARANTINE) then fail("the first mail was quarantined") end
  elseif not mt.eom_check(conn, MT_QUARANTINE) then
    fail("the second mail was not quarantined")
  end
end
mt.disconnect(conn)
conn = mt.connect(socket)
must("negotiate", mt.negotiate(conn, nil, nil, nil))
must("conninfo", mt.conninfo(conn, "client.example.net", "203.0.113.80"))
must("helo", mt.helo(conn, "client.example.net"))
mt.macro(conn, SMFIC_MAIL, "{auth_authen}", "alarm")
must("mail", mt.mailfrom(conn, "<alarm@example.org>"))
reply("MAIL of alarm", conn, SMFIR_REPLYCODE)
mt.disconnect(conn)
`

func TestDebiansMiltertestIsAnswered(t *testing.T) {
	program, err := exec.LookPath("miltertest")
	if err != nil && os.Getenv("CI") != "true" {
		t.Skip("miltertest is not installed: test/setup.sh test")
	}
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var seen []guard.Transaction
	address, _ := started(t, &Server{
		Direction: guard.Submission,
		Mail: func(_ context.Context, x *guard.Transaction) Answer {
			if x.Login == "alarm" {
				return Answer{Action: guard.Reject, Reply: guard.Reply{Code: 550, Enhanced: "5.7.1", Text: "no"}}
			}
			return Answer{Action: guard.Accept}
		},
		End: func(_ context.Context, x *guard.Transaction) Answer {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, *x)
			if len(seen) == 2 {
				return Answer{Action: guard.Hold, Quarantine: "because"}
			}
			return Answer{Action: guard.Accept}
		},
	})
	path := filepath.Join(t.TempDir(), "script.lua")
	if err := os.WriteFile(path, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, program, "-v", "-w", "-D", "socket=unix:"+address, "-s", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(seen) != 2 {
		t.Fatalf("%d mails", len(seen))
	}
	for i, x := range seen {
		if x.Login != "anna" || strings.Join(x.Recipients, " ") != "a@example.com b@example.com" || x.QueueID != "4F2C81A3B"+string(rune('1'+i)) || x.Client.String() != "203.0.113.80" {
			t.Errorf("mail %d: %+v", i+1, x)
		}
	}
}
