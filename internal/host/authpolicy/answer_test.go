package authpolicy

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestAnAnswerHasTheTwoKeysThatDovecotTakes(t *testing.T) {
	for want, a := range map[string]Answer{
		`{"status":0,"msg":""}`:                       Pass(),
		`{"status":1,"msg":""}`:                       Delay(time.Millisecond),
		`{"status":3,"msg":""}`:                       Delay(2001 * time.Millisecond),
		`{"status":15,"msg":""}`:                      Delay(time.Hour),
		`{"status":-1,"msg":"login refused"}`:         Refuse(" \n"),
		`{"status":-1,"msg":"say \"no\", \\ caf?"}`:   Refuse("say \"no\", \\ café\n"),
		`{"status":-1,"msg":"two lines ?[31mof red"}`: Refuse("two\nlines \x1b[31mof red"),
	} {
		if got := string(a.json("imap")); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if got := string(Delay(time.Hour).json("smtp")); got != `{"status":5,"msg":""}` {
		t.Errorf("Postfix waits for no longer than 10 s: %s", got)
	}
	if Delay(-time.Hour) != Pass() {
		t.Error("a negative wait refuses")
	}
	var back struct{ Msg string }
	if err := json.Unmarshal(Refuse(strings.Repeat(`"`, 1000)).json(""), &back); err != nil || len(back.Msg) != maxSentence {
		t.Errorf("%d %v", len(back.Msg), err)
	}
}
