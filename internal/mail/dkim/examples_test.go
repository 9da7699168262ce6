package dkim

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"os"
	"strings"
	"testing"
	"time"

	"postward/internal/mail/canon"
	"postward/internal/wire/dns"
)

// dinner is the mail of both RFCs.
const dinner = `From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game. Are you hungry yet?

Joe.
`

// rfc6376 is appendix A.2, with the key of appendix C and erratum 3192 (two blanks, and a body without those of the text).
const rfc6376 = `DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;
      c=simple/simple; q=dns/txt; i=joe@football.example.com;
      h=Received : From : To : Subject : Date : Message-ID;
      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB
      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut
      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV
      4bmp/YzhwvcubU4=;
Received: from client1.football.example.com  [192.0.2.1]
      by submitserver.example.com with SUBMISSION;
      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)
` + dinner

// rfc8463 is appendix A.3.
const rfc8463 = `DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
` + dinner

const rfcKeys = `brisbane._domainkey.example.com. IN TXT "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkMoGeLnQg1fWn7/zYt"
	"IxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/RtdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToIMmPSPDdQPNUYckcQ2QIDAQAB"
brisbane._domainkey.football.example.com. IN TXT "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
test._domainkey.football.example.com. IN TXT "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWRiGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/b"
	"yYzCNb3W91y3FutACDfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3Ip3G+2kryOTIKT+l/K4w3QIDAQAB"
`

// rfcZone is rfcKeys with each record on one line.
func rfcZone(t testing.TB) *dns.Zone { return parseZone(t, strings.ReplaceAll(rfcKeys, "\n\t", " ")) }

func TestTheExamplesOfRFC6376And8463Hold(t *testing.T) {
	for text, want := range map[string]string{
		rfc6376: "pass, d=example.com s=brisbane i=joe@football.example.com",
		rfc8463: "pass, d=football.example.com s=brisbane | pass, d=football.example.com s=test",
	} {
		header, body := parseMail(strings.ReplaceAll(text, "\n", "\r\n"))
		results := verified(header, body, rfcZone(t))
		if got := shown(results); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		for _, r := range results {
			if bits := map[string]int{"rsa-sha256": 1024, "ed25519-sha256": 256}[r.Algorithm]; r.Bits != bits || len(r.Sum) != 8 {
				t.Errorf("%+v", r)
			}
		}
	}
}

// TestTheKeyOfRFC8463SignsAsItSays: Ed25519 gives one signature of a text, so ours of the same one is the RFC's.
func TestTheKeyOfRFC8463SignsAsItSays(t *testing.T) {
	seed, err := base64.StdEncoding.DecodeString("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=")
	if err != nil {
		t.Fatal(err)
	}
	header, body := parseMail(strings.ReplaceAll(rfc8463, "\n", "\r\n"))
	s := Read(header)
	one := &s.all[0]
	if got := ed25519.Sign(ed25519.NewKeyFromSeed(seed), one.Digest(header, one.field, 0)); string(got) != string(one.Sum) {
		t.Errorf("%x, want %x", got, one.Sum)
	}
	if got := hashed(body, canon.Relaxed).Sum(canon.Relaxed); string(got) != string(one.BodySum) {
		t.Errorf("bh=%x, want %x", got, one.BodySum)
	}
}

// TestResultsSayWhatAuthenticationResultsNeeds: of a signature that holds and of one that does not.
func TestResultsSayWhatAuthenticationResultsNeeds(t *testing.T) {
	m := newMaking(t)
	m.sign(sig{key: "ed25519", selector: "e", tags: []string{"i=anna@author.example", "x=4070908800"}})
	got := verified(m.header, m.body, parseZone(t, m.dns()))[0]
	want := Result{Status: Pass, Domain: "author.example", AUID: "anna@author.example", Selector: "e", Algorithm: "ed25519-sha256", Sum: got.Sum, Bits: 256,
		Time: time.Unix(1767225601, 0).UTC(), Until: time.Unix(4070908800, 0).UTC()}
	if got != want || !strings.Contains(m.header[0].Value, "; b="+got.Sum) || len(got.Sum) != 8 {
		t.Errorf("%+v\nwant %+v", got, want)
	}
}

// TestSignaturesThatBeginAlikeAreToldApart: header.b has as much of them as is needed (RFC 6008 section 4).
func TestSignaturesThatBeginAlikeAreToldApart(t *testing.T) {
	m := newMaking(t)
	for _, b := range []string{"AAAAAAAAAAAAAAAA", "AAAAAAAAAABBBBBB", "CCCC", "AA<A"} {
		m.top("DKIM-Signature", " v=1; a=rsa-sha256; d=x.example; s=s; h=from; bh=; b="+b)
	}
	var got []string
	for _, r := range verified(m.header, m.body, parseZone(t, "")) {
		got = append(got, r.Sum)
	}
	if want := "AA CCCC AAAAAAAAAAB AAAAAAAAAAA"; strings.Join(got, " ") != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestRealMailsWithTheirDaysDNS: as dinosaure/blaze keeps them. It says of these: 001 both hold; 002 and 004 expired; 003
// holds.
func TestRealMailsWithTheirDaysDNS(t *testing.T) {
	dir := os.Getenv("POSTWARD_DATA")
	if dir == "" {
		t.Skip("POSTWARD_DATA names no directory with mail of others")
	}
	dir += "/suite-blaze"
	for file, want := range map[string]string{
		// Otherwise than blaze, which verifies SHA-1 (RFC 8301 section 3.1).
		"001": noAlgorithm + ", d=github.com s=s20150108 | " + noAlgorithm + ", d=sendgrid.info s=smtpapi",
		// Otherwise than blaze, which ends signatures by itself: neither has an x=.
		"002": "pass, d=github.com s=pf2014",
		"003": "pass, d=janestreet.com s=google",
		"004": "pass, d=discoursemail.com s=sjc2",
	} {
		text, err := os.ReadFile(dir + "/" + file + ".mail")
		if err != nil {
			t.Fatal(err)
		}
		mail := strings.ReplaceAll(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n", "\r\n")
		header, body := parseMail(mail)
		if got := shown(verified(header, body, cached(dir+"/cache/"))); got != want {
			t.Errorf("%s: %s, want %s", file, got, want)
		}
		if says, why := msgauth(mail, cached(dir+"/cache/")); strings.Join(says, " ") != ourWord(want) {
			t.Errorf("%s: go-msgauth says %q (%s)", file, says, why)
		}
	}
}

// cached answers from files, one a name.
type cached string

func (dir cached) TXT(_ context.Context, name string) dns.Answer {
	text, err := os.ReadFile(string(dir) + name + ".dns")
	if err != nil {
		return dns.Answer{Outcome: dns.NoName}
	}
	a := dns.Answer{Outcome: dns.Answered}
	for line := range strings.Lines(string(text)) {
		if record, is := strings.CutPrefix(strings.TrimSpace(line), "txt:"); is {
			a.Texts = append(a.Texts, record)
		}
	}
	return a
}
