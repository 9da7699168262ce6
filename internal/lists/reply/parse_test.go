package reply

import "testing"

// TestRepliesAreTakenApart: each as Postfix logs it.
func TestRepliesAreTakenApart(t *testing.T) {
	for _, c := range []struct {
		logged, relay string
		want          Parsed
	}{
		{"host gmail-smtp-in.l.google.com[142.250.27.27] said: 550-5.7.1 [192.0.2.1] Our system has detected that this message is 550-5.7.1 likely suspicious due to the very low reputation of the sending 550-5.7.1 domain. To best protect our users from spam, the message has been 550-5.7.1 blocked. Please visit 550 5.7.1 https://support.google.com/mail/answer/188131 for more information. x - gsmtp (in reply to end of DATA command)", "",
			Parsed{Host: "gmail-smtp-in.l.google.com", Addr: "142.250.27.27", Code: "550", Enhanced: "5.7.1", Command: "end of DATA",
				words: "550 5.7.1 [192.0.2.1] our system has detected that this message is likely suspicious due to the very low reputation of the sending domain. to best protect our users from spam, the message has been blocked. please visit https://support.google.com/mail/answer/188131 for more information. x - gsmtp"}},
		{"host MX.Example.org[2001:db8::1] refused to talk to me: 421 Too busy", "", Parsed{Host: "mx.example.org", Addr: "2001:db8::1", Code: "421", words: "421 too busy"}},
		{"delivery temporarily suspended: host mx.example.org[192.0.2.9] refused to talk to me: 554 No", "none", Parsed{Host: "mx.example.org", Addr: "192.0.2.9", Code: "554", words: "554 no"}},
		{"host a.example[192.0.2.9] said: 550 See host b.example[192.0.2.8] said: 550 x (in reply to RCPT TO command)", "a.example", Parsed{Host: "a.example", Addr: "192.0.2.9", Code: "550", Command: "RCPT TO", words: "550 see host b.example[192.0.2.8] said: x"}},
		{"host a.example[192.0.2.9] said: 550 (in reply to x command) y (in reply to MAIL FROM command)", "", Parsed{Host: "a.example", Addr: "192.0.2.9", Code: "550", Command: "MAIL FROM", words: "550 (in reply to x command) y"}},
		{"250 2.0.0 OK host gmail.com[192.0.2.1] said: 550 no", "mx.example.org[192.0.2.4]:25", Parsed{Host: "mx.example.org", Code: "250", Enhanced: "2.0.0", words: "250 2.0.0 ok host gmail.com[192.0.2.1] said: 550 no"}},
		{"connect to mx.example.org[192.0.2.1]:25: Connection timed out", "none", Parsed{words: "connect to mx.example.org[192.0.2.1]:25: connection timed out"}},
		{"host a.example[192.0.2.9] said: 550-#5.1.0 Address rejected. 550 #5.1.0 Bye", "", Parsed{Host: "a.example", Addr: "192.0.2.9", Code: "550", Enhanced: "5.1.0", words: "550 5.1.0 address rejected. bye"}},
		{"host a.example[192.0.2.9] said: 550-Blocked 550-for ever 550", "", Parsed{Host: "a.example", Addr: "192.0.2.9", Code: "550", words: "550 blocked for ever"}},
		{"host a.example[192.0.2.9] said: nonsense", "", Parsed{Host: "a.example", Addr: "192.0.2.9", words: " nonsense"}},
		{"", "none", Parsed{}},
	} {
		got := *Parse([]byte(c.logged), c.relay)
		got.Text = ""
		if got != c.want {
			t.Errorf("%.60q:\n got %+v\nwant %+v", c.logged, got, c.want)
		}
	}
}
