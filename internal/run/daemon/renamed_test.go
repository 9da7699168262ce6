package daemon

import (
	"strings"
	"testing"
	"time"

	"postward/internal/guard"
	"postward/internal/host/postfix"
	"postward/internal/run/ctl"
)

// restored is how a held mail lies in hold after its queue was restored, and postsuper(1) gave it another queue ID.
func restored(m *guard.Mail, id postfix.QueueID) postfix.Entry {
	return postfix.Entry{Queue: postfix.QueueHold, ID: id, Sender: "Anna@example.org", Arrived: m.At.Time().Truncate(time.Second)}
}

func idsOf(entries []postfix.Entry) (ids []postfix.QueueID) {
	for i := range entries {
		ids = append(ids, entries[i].ID)
	}
	return ids
}

func TestHeldMailIsFoundAfterItsQueueWasRestored(t *testing.T) {
	sure := map[string]bool{"restored": true}
	for name, hold := range map[string]func(m *guard.Mail) []postfix.Entry{
		"restored":            func(m *guard.Mail) []postfix.Entry { return []postfix.Entry{restored(m, "A0000F9")} },
		"another microsecond": func(m *guard.Mail) []postfix.Entry { return []postfix.Entry{restored(m, "A000AF9")} },
		"another sender": func(m *guard.Mail) []postfix.Entry {
			e := restored(m, "A0000F9")
			e.Sender = "bert@example.org"
			return []postfix.Entry{e}
		},
		"another time": func(m *guard.Mail) []postfix.Entry {
			e := restored(m, "A0000F9")
			e.Arrived = e.Arrived.Add(time.Minute)
			return []postfix.Entry{e}
		},
		"two": func(m *guard.Mail) []postfix.Entry {
			return []postfix.Entry{restored(m, "A0000F8"), restored(m, "A0000F9")}
		},
		"nothing": func(*guard.Mail) []postfix.Entry { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			d := begin(t, t.TempDir())
			defer end(t, d)
			m := heldMail(t, d)
			must(t, d, "held/release", ctl.MailsRequest{QueueIDs: []string{m.QueueID}})
			f := (<-d.due).effect
			was, _, _ := d.errand(&f)
			queue := hold(m)
			missing, strangers := d.compare(idsOf(queue), now())
			if alike := sameStamp(d.queueIDs(missing), strangers); len(alike) != len(queue) && name != "another microsecond" {
				t.Errorf("of %v in hold only %v are looked at", queue, alike)
			}
			if _, err := d.rename(missing, queue, now()); err != nil {
				t.Fatal(err)
			}
			outcome, _ := d.lost(&was) // the act did not find it
			is, _, _ := d.errand(&f)
			if found := is.mail.ID == "A0000F9"; found != sure[name] || found != (outcome == guard.Failed) {
				t.Errorf("it is %s, and the release %s", is.mail.ID, outcome)
			}
			left := len(queue)
			if sure[name] {
				left = 0
			}
			if s := d.status(); s.Foreign != left {
				t.Errorf("of %d mails in hold status counts %d as nobody's", len(queue), s.Foreign)
			}
			d.troubles.Vanished(&d.vanished, time.Now().Add(2*time.Minute))
			if told := strings.Contains(strings.Join(d.troubles.List(), "\n"), "A000001"); told == sure[name] {
				t.Errorf("told: %v, found: %v", told, !told)
			}
		})
	}
}

// Who took a held mail is in the log, a little later perhaps.
func TestMailThatTheLogExplainsIsNotMissed(t *testing.T) {
	for _, says := range []string{"postsuper[7]: A000001: removed", "postsuper[7]: A000001: released from hold", "pickup[7]: A0B0C01: uid=107 from=<anna@example.org> orig_id=A000001"} {
		d := begin(t, t.TempDir())
		m := heldMail(t, d)
		if err := d.recordGone([]*guard.Mail{d.state.Mail(m.ID)}, nil, now()); err != nil {
			t.Fatal(err)
		}
		line(t, d, now().Time().Format("2006-01-02T15:04:05.000000-07:00")+" host postfix/"+says, 100)
		d.troubles.Vanished(&d.vanished, time.Now().Add(2*time.Minute))
		if list := d.troubles.List(); len(list) != 0 {
			t.Errorf("%s: status says %q", says, list)
		}
		end(t, d)
	}
}
