package main

import (
	"strings"
	"testing"
	"time"

	"postward/internal/run/ctl"
)

func TestACaseSaysWhatIsNext(t *testing.T) {
	since := time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)
	waits := ctl.Case{ID: 2, List: "uceprotect-1", Title: "UCEPROTECT Level 1", Subject: "192.0.2.25", Stage: "waiting", Since: since, Ends: since.AddDate(0, 0, 7), Sure: "by its rule",
		Next: "wait: it ends by itself, if nothing more leaves", Asks: "nobody", Link: "https://list.example/", LinkUnsure: true, Rules: []string{"no manual request exists"}}
	listed := ctl.Case{ID: 3, List: "psbl", Title: "PSBL\x1b[2J", Subject: "192.0.2.25", Stage: "listed", Since: since, Again: 1, Between: since, Usual: "after a request: minutes", Asks: "self",
		Obstacles: []ctl.Obstacle{{What: "incident 7 is open", Command: "postward incident show 7"}}, Next: "incident 7 is open: postward incident show 7"}
	over := ctl.Case{ID: 1, List: "spamcop", Title: "SpamCop", Subject: "192.0.2.25", Since: since, Ended: since, Outcome: "delisted"}
	config := desk(t, map[string]any{"case/list": ctl.CasesAnswer{Cases: []ctl.Case{listed, waits}, Ended: []ctl.Case{over}, Watched: true},
		"case/draft":     ctl.DraftAnswer{Case: listed, To: "a@list.example", Subject: "Listing of 192.0.2.25", Text: "Dear team,\n", Mail: []byte("To: a@list.example\r\n\r\n")},
		"case/requested": ctl.CasesAnswer{Cases: []ctl.Case{waits}}})
	for line, want := range map[string][]string{
		"case list":          {"CASE\tLIST", "3\tPSBL·[2J\t192.0.2.25\tlisted", "postward incident show 7", "by its rule"},
		"case show 2":        {"Case 2: 192.0.2.25 on UCEPROTECT Level 1", "nobody can ask it", "no manual request exists", "no source shows this address"},
		"case show 3":        {"it had ended on", "in the way   incident 7 is open: postward incident show 7", "after a request: minutes"},
		"case show 1":        {"ended", "delisted"},
		"case draft 3":       {"To: a@list.example", "Subject: Listing of 192.0.2.25", "Dear team,"},
		"case draft 3 --eml": {"To: a@list.example\r\n\r\n"},
		"case requested 3":   {"2\tUCEPROTECT"},
	} {
		out, said, code := postward(t, append([]string{"--config", config}, strings.Fields(line)...)...)
		for _, text := range want {
			if code != exitFine || !strings.Contains(out, text) || strings.Contains(out, "\x1b") {
				t.Errorf("%s: no %q: %d %s %s", line, text, code, out, said)
			}
		}
	}
	for line, want := range map[string]string{"case show 9": "no case 9", "case show x": `"x" is no number of a case`} {
		if _, said, code := postward(t, append([]string{"--config", config}, strings.Fields(line)...)...); code != exitFailed || !strings.Contains(said, want) || !strings.Contains(said, "postward case list") {
			t.Errorf("%s: %d %s", line, code, said)
		}
	}
}
