package learn

import (
	"testing"
	"time"
)

// TestOneMailAsSomebodyElseMakesHisAddressNobodysRight: by a map, by days and mails, or not at all.
func TestOneMailAsSomebodyElseMakesHisAddressNobodysRight(t *testing.T) {
	const days, mails = 3, 3
	for name, c := range map[string]struct {
		account, address string
		days, mails      int
		of               string
		proposed         bool
	}{
		"himself, once":                {"anna", "anna@example.org", 1, 1, "", true},
		"himself by his whole name":    {"dora@club.example", "dora@club.example", 1, 1, "", true},
		"himself by sendmail":          {"local:www-data", "www-data@example.org", 1, 1, "", true},
		"an account's":                 {"anna", "ceo@example.org", 1, 1, "ceo", false},
		"an account's, long":           {"anna", "ceo@example.org", days, mails, "ceo", true},
		"an account's, two mails":      {"anna", "ceo@example.org", 2, 2, "ceo", false},
		"an account's, one night":      {"anna", "ceo@example.org", 1, 90, "ceo", false},
		"an account by its whole name": {"anna", "dora@club.example", 1, 1, "dora@club.example", false},
		"what an account writes as":    {"anna", "office@example.org", 1, 1, "ceo", false},
		"what it writes as elsewhere":  {"anna", "ceo@elsewhere.example", 2, 2, "", true},
		"a user's":                     {"anna", "root@example.org", 1, 1, "root", false},
		"a mailbox":                    {"anna", "box@club.example", 1, 1, "box@club.example", false},
		"another's by a map":           {"anna", "mapped@example.org", 1, 1, "bert", false},
		"by the map":                   {"bert", "mapped@example.org", 1, 1, "", true},
		"a machine's":                  {"net:192.0.2.7", "scan@example.org", 1, 1, "", true},
		"a machine as an account":      {"net:192.0.2.7", "ceo@example.org", 1, 1, "ceo", false},
		"a program as an account":      {"local:www-data", "ceo@example.org", 1, 1, "ceo", false},
		"nobody's, once":               {"anna", "nobody-knows@example.org", 1, 1, "", false},
		"nobody's, two days":           {"anna", "nobody-knows@example.org", 2, 2, "", true},
		"a new account as another":     {"alarm", "ceo@example.org", 1, 1, "ceo", false},
		"a namesake's":                 {"dora", "dora@club.example", 1, 1, "dora@club.example", false},
		"a name at another's domain":   {"anna", "anna@elsewhere.example", 1, 1, "", false},
	} {
		l := nothing(Options{})
		l.ours["example.org"], l.ours["club.example"] = true, true
		l.boxes, l.names = map[string]bool{"box@club.example": true}, map[string]bool{"root": true}
		l.row("bert", "mapped@example.org").Map = true
		for day := range 9 {
			at := testNow.AddDate(0, 0, -day)
			for range 9 {
				l.sent("anna", "anna.smith@example.org", at)
				l.sent("ceo", "office@example.org", at)
			}
			l.sent("dora@club.example", "dora@club.example", at)
		}
		for i := range c.mails {
			l.sent(c.account, c.address, testNow.Add(time.Duration(i%c.days-c.days)*24*time.Hour))
		}
		l.finish()
		for _, r := range l.Rows {
			if r.Account == c.account && r.Address == c.address && (r.Of != c.of || r.Proposed != c.proposed) {
				t.Errorf("%s: %s's, proposed %t", name, r.Of, r.Proposed)
			}
		}
	}
}
