package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var sample = Alert{Incident: 7, Stage: "opened", Node: "mail", Account: "alarm", Title: "mail: mail of alarm is held",
	Text: "never seen address", Next: []string{"postward incident show 7"}, At: time.Unix(1_800_000_000, 0).UTC()}

func webhook(t *testing.T, answer http.HandlerFunc) (url string, got chan string) {
	t.Helper()
	got = make(chan string, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		got <- r.URL.Path + " " + string(body)
		if answer != nil {
			answer(w, r)
		} else if _, err := io.WriteString(w, "{}"); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://"), got
}

func TestAnAlertReachesAWebhookNtfyAndACommand(t *testing.T) {
	host, got := webhook(t, nil)
	out := filepath.Join(t.TempDir(), "out")
	n, err := New(Channels{URLs: []string{"generic+http://" + host + "/hook", "ntfy://" + host + "/mytopic?scheme=http"},
		Command: []string{"/bin/sh", "-c", "cat > " + out}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range n.Send(t.Context(), sample) {
		if r.Err != nil {
			t.Errorf("%s: %v", r.Channel, r.Err)
		}
	}
	for range 2 {
		if body := <-got; !strings.Contains(body, "mail of alarm is held") || !strings.Contains(body, "postward incident show 7") {
			t.Errorf("%s", body)
		}
	}
	text, err := os.ReadFile(out)
	var a Alert
	if err := json.Unmarshal(text, &a); err != nil || a.Incident != 7 || a.Account != "alarm" || !a.At.Equal(sample.At) {
		t.Errorf("%s %v", text, err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestAChannelThatFailsSaysSoAndTheOthersAreSent(t *testing.T) {
	bad, _ := webhook(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	good, got := webhook(t, nil)
	n, err := New(Channels{URLs: []string{"generic+http://" + bad + "/s3cretpath", "generic+http://" + good + "/hook"},
		Command: []string{"/bin/sh", "-c", "echo out of paper; exit 3"}})
	if err != nil {
		t.Fatal(err)
	}
	results := n.Send(t.Context(), sample)
	if results[0].Err == nil || results[1].Err != nil || results[2].Err == nil {
		t.Errorf("%v", results)
	}
	if text := fmt.Sprint(results[2].Err); !strings.Contains(text, "out of paper") || !strings.Contains(text, "exit status 3") {
		t.Error(text)
	}
	<-got
}

func TestAChannelThatHangsKeepsOneGoroutine(t *testing.T) {
	release := make(chan struct{})
	c := &channel{name: "slow", send: func(context.Context, *Alert) error { <-release; return nil }}
	n := &Notifier{channels: []*channel{c}}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if r := n.Send(ctx, sample); r[0].Err == nil {
		t.Error("a channel that never answered was taken for sent")
	}
	if r := n.Send(t.Context(), sample); r[0].Err == nil || !strings.Contains(r[0].Err.Error(), "still on its way") {
		t.Errorf("%v", r)
	}
	close(release)
}

func TestACommandThatHangsIsKilledWithItsChildren(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := command([]string{"/bin/sh", "-c", "sleep 60 & sleep 60"})(ctx, &sample); err == nil {
		t.Error("it was taken for sent")
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestMailAloneIsNoWay(t *testing.T) {
	const mail = "smtp://user:password@mail.example.org:587/?from=a@example.org&to=b@example.org"
	if _, err := New(Channels{URLs: []string{mail}}); err == nil || !strings.Contains(err.Error(), "mail alone") {
		t.Error(err)
	}
	if _, err := New(Channels{URLs: []string{mail, "ntfy://ntfy.sh/topic"}}); err != nil {
		t.Error(err)
	}
	if n, err := New(Channels{}); err != nil || len(n.Channels()) != 0 || len(n.Send(t.Context(), sample)) != 0 {
		t.Error("no channel is allowed")
	}
}

func TestWrongChannelsAreToldAtOnce(t *testing.T) {
	_, err := New(Channels{URLs: []string{"nosuch://hunter2pass@x", "telegram://", "%zz://hunter2pass"}, Command: []string{"tell"}})
	if err == nil {
		t.Fatal("they were taken")
	}
	text := err.Error()
	for _, want := range []string{"number 1: no service is called", "number 2:", "number 3:", "notify.command"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
	if strings.Contains(text, "hunter2pass") {
		t.Error(text)
	}
}

func TestNoSecretIsInANameOrAnError(t *testing.T) {
	bad, _ := webhook(t, func(w http.ResponseWriter, r *http.Request) { http.Error(w, r.URL.String(), http.StatusForbidden) })
	urls := []string{
		"generic+http://" + bad + "/hook/s3cr3tpart?key=s3cr3tquery",
		"gotify://" + bad + "/As3cr3tgotify.1?disabletls=yes",
		"ntfy://user:s3cr3tpass@" + bad + "/s3cr3ttopic?scheme=http",
		"generic+http://127.0.0.1:1/s3cr3tclosed",
	}
	n, err := New(Channels{URLs: urls})
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range n.Send(t.Context(), sample) {
		if r.Err == nil {
			t.Errorf("%s: sent", urls[i])
		}
		if text := fmt.Sprint(r.Channel, r.Err); strings.Contains(text, "s3cr3t") || strings.Contains(text, "gotify.1") {
			t.Errorf("%s: a secret is shown: %s", urls[i], text)
		}
	}
}

func TestNoTokenIsInAnErrorHoweverItIsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		token := "zq" + rapid.StringOfN(rapid.RuneFrom([]rune(`abXY12-_.~:;,+ "üß%`)), 4, 20, -1).Draw(t, "token") + "zq"
		written := rapid.SampledFrom([]func(string) string{url.PathEscape, url.QueryEscape, func(s string) string { return s }}).Draw(t, "written")(token)
		raw := rapid.SampledFrom([]string{"generic+http://127.0.0.1:1/%s", "generic+http://127.0.0.1:1/hook?key=%s",
			"gotify://127.0.0.1:1/%s?disabletls=yes", "ntfy://127.0.0.1:1/%s?scheme=http", "ntfy://user:%s@127.0.0.1:1/topic?scheme=http", "%s",
		}).Draw(t, "url")
		n, err := New(Channels{URLs: []string{fmt.Sprintf(raw, written)}})
		text := fmt.Sprint(err)
		if err == nil {
			text = fmt.Sprint(n.Send(context.Background(), sample))
		}
		for _, secret := range append(writings(token), written) {
			if strings.Contains(text, secret) {
				t.Fatalf("%q is shown: %s", secret, text)
			}
		}
	})
}

func TestAChannelThatTellsNobodyIsRefused(t *testing.T) {
	_, err := New(Channels{URLs: []string{"logger://"}})
	if err == nil || strings.Contains(err.Error(), "logger,") || !strings.Contains(err.Error(), "lark, matrix, mattermost") {
		t.Error(err)
	}
}

func TestAStrangersTextCannotForgeAnAlert(t *testing.T) {
	a := clean(Alert{Title: "x\r\n\x1b[2Jall is well", Text: strings.Repeat("ü", 5000), Next: make([]string, 50)})
	if strings.ContainsAny(a.Title, "\r\n\x1b") || len(a.Text) > maxText+len("…") || len(a.Next) > maxNext {
		t.Errorf("%q %d %d", a.Title, len(a.Text), len(a.Next))
	}
}

func TestAChannelThatWasToldIsNotToldAgain(t *testing.T) {
	host, got := webhook(t, nil)
	n, err := New(Channels{URLs: []string{"generic+http://" + host + "/one", "generic+http://" + host + "/two"}})
	if err != nil {
		t.Fatal(err)
	}
	results := n.Send(t.Context(), sample, 0)
	if len(results) != 1 || results[0].Number != 1 || results[0].Err != nil || !strings.HasPrefix(<-got, "/two") || len(got) != 0 {
		t.Errorf("%v", results)
	}
}

func FuzzSecretsOf(f *testing.F) {
	f.Add("ntfy://user:pass@host/topic")
	f.Add("telegram://110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw@telegram?chats=@x")
	f.Fuzz(func(t *testing.T, raw string) {
		secretsOf(raw).mask(fmt.Errorf("send to %s", raw))
		if ch, _, err := service(raw); err == nil && ch.name == "" {
			t.Error("a channel without a name")
		}
	})
}
