package check

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	unescape "html"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// hostile is what a stranger may put into the DNS or a banner.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)> {{.}} </pre>` + "\x1b[2J\x1b]0;owned\x07"

func made(id ID, g Grade, subject, title, saw, why string, m *Mend) Finding {
	return Finding{Topic: id.Topic(), ID: id, Subject: subject, Grade: g, Title: title, Seen: saw, Why: why, Mend: m}
}

// rich is a report with something of everything, as if every topic were there.
func rich() Report {
	key := "v=DKIM1; k=rsa; p=" + strings.Repeat("MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A", 12) + "QIDAQAB"
	r := Report{Target: "example.org 192.0.2.25", At: time.Date(2026, 11, 24, 4, 48, 0, 0, time.UTC), Took: 1340 * time.Millisecond, Findings: []Finding{
		made("address.no-ptr", Fault, "192.0.2.25", "the address has no name", "PTR: no such name", "Gmail, Yahoo and many others refuse mail from an address without a PTR record.",
			&Mend{Do: "Let the provider of the address give it the host's name; usually there is a page for it.", Add: []Record{{"25.2.0.192.in-addr.arpa.", "PTR", "mx1.example.org."}}}),
		made("spf.all", Fault, "example.org", "anybody may send for the domain", "v=spf1 mx +all", "With +all every host in the world passes SPF: forgeries look like your mail.",
			&Mend{Do: "Replace the record: what is not named may not send.", Remove: []Record{{"example.org.", "TXT", `"v=spf1 mx +all"`}}, Add: []Record{Text("example.org.", "v=spf1 mx -all")}}),
		made("smtp.auth", Warning, "mx1.example.org", "passwords are asked for before encryption", "250-AUTH PLAIN LOGIN", "A password that is sent in the clear can be read on the way.",
			&Mend{Do: "Offer AUTH only after STARTTLS.", Set: []string{"postconf -e 'smtpd_tls_auth_only = yes'", "postfix reload"}}),
		made("dkim.short", Warning, "mail._domainkey.example.org", "the key is short", "RSA, 1024 bits", "RFC 8301 wants 2048 bits.", &Mend{Do: "Make a new key and publish it.", Add: []Record{Text("mail2._domainkey.example.org.", key)}}),
		made("smtp.unknown", Unknown, "2001:db8::25", "not learned", "connect: no route to host", "Nothing is said about it until it can be asked.", nil),
		made("caa.none", Note, "example.org", "every certification authority may certify the domain", "no CAA record", "A CAA record names those who may.",
			&Mend{Do: "Name the one you use.", Add: []Record{{"example.org.", "CAA", `0 issue "letsencrypt.org"`}}}),
		made("tls-rpt.none", Note, "example.org", "nobody tells you when TLS fails", "no record", "Receivers would send a report a day.", nil),
		made("mx.fine", Fine, "example.org", "as it should be", "mail goes to mx1.example.org, mx2.example.org", "", nil),
		made("dmarc.fine", Fine, "example.org", "as it should be", "p=reject, reports to dmarc@example.org", "", nil),
	}, Grade: Fault}
	return r
}

func pageOf(t *testing.T, r *Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := r.HTML(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestThePageSaysWhatToDoFirstAndHowEachFindingEnds(t *testing.T) {
	r := rich()
	html := pageOf(t, &r)
	if err := os.WriteFile(filepath.Join(t.ArtifactDir(), "page.html"), []byte(html), 0o600); err != nil {
		t.Fatal(err)
	}
	last, html := 0, unescape.UnescapeString(html)
	for _, want := range []string{
		"Mail is lost, refused or forged", "2 faults, 2 warnings, 2 notes, 1 not learned, 2 fine",
		"Do this first", "the address has no name", "25.2.0.192.in-addr.arpa. PTR mx1.example.org.",
		"What was looked at", "mail goes to mx1.example.org", "who may send", "anybody may send for the domain: example.org",
		"Then this", "v=spf1 mx +all", "v=spf1 mx -all", "smtpd_tls_auth_only = yes", "Could be better", "letsencrypt.org", "Could not be learned", "no route to host",
	} {
		i := strings.Index(html[last:], want)
		if i < 0 {
			t.Fatalf("the page does not say %q after %q", want, html[max(0, last-80):last])
		}
		last += i
	}
}

func TestAPageNeedsNothingElse(t *testing.T) {
	r := rich()
	html := pageOf(t, &r)
	for _, no := range []string{"<script", "http://", "https://", "src=", "@import", "url("} {
		if strings.Contains(html, no) {
			t.Errorf("the page holds %s", no)
		}
	}
}

func TestAStrangersTextIsNoMarkup(t *testing.T) {
	r := rich()
	r.Target = hostile
	for i := range r.Findings {
		f := &r.Findings[i]
		f.Subject, f.Seen, f.Title, f.Why, f.ID = hostile, hostile, hostile, hostile, ID(hostile)
		f.Topic = Topic(hostile)
		if f.Mend != nil {
			f.Mend = &Mend{Do: hostile, Add: []Record{{hostile, "TXT", hostile}}, Remove: []Record{{hostile, "TXT", hostile}}, Set: []string{hostile}}
		}
	}
	html := pageOf(t, &r)
	for _, no := range []string{"<script", "<img", "onerror=alert(2)>"} {
		if strings.Contains(html, no) {
			t.Errorf("the page holds %s", no)
		}
	}
	if n := strings.Count(html, "&lt;script&gt;"); n < 20 {
		t.Errorf("the text is there %d times: the test looks in the wrong place", n)
	}
}

func TestAHealthyPageAsksForNothing(t *testing.T) {
	r := rich()
	r.Findings, r.Grade = r.Of(Fine), Fine
	html := pageOf(t, &r)
	if !strings.Contains(html, "Nothing to mend.") || strings.Contains(html, "Do this first") || strings.Contains(html, "Then this") {
		t.Error(html[strings.Index(html, "<h1>"):])
	}
}

func TestSilenceIsNoVerdict(t *testing.T) {
	r := rich()
	r.Findings, r.Grade = r.Of(Unknown), Unknown
	if r.Learned() || r.Verdict() != "Nothing could be learned: nobody answered." {
		t.Error(r.Verdict())
	}
}

func TestARowOfTheTableHasEveryTopicAndClosedWordsOnly(t *testing.T) {
	r := rich()
	r.Target = "example.org"
	r.Findings = append(r.Findings, made("mx.alias", Warning, hostile, hostile, hostile, hostile, nil), made("mx.alias", Warning, "again", "", "", "", nil))
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.WriteAll([][]string{CSVHead(), r.CSVRow()}); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for column, want := range map[string]string{"domain": "example.org", "grade": "fault", "mx": "warning mx.alias", "address": "fault address.no-ptr"} {
		if i := slices.Index(rows[0], column); i < 0 || rows[1][i] != want {
			t.Errorf("%s: %q", column, rows)
		}
	}
}

func TestTheTableOfTopicsHasEveryTopicOnce(t *testing.T) {
	r := rich()
	seen := map[Topic]int{}
	for _, row := range r.Rows() {
		seen[row.Topic]++
		if len(row.Topic.About()) > 21 {
			t.Errorf("%s: %q is too long for its column", row.Topic, row.Topic.About())
		}
	}
	for _, topic := range append(Topics(), "spf", "caa") {
		if seen[topic] != 1 {
			t.Errorf("%s is there %d times", topic, seen[topic])
		}
		if topic.About() == "" {
			t.Errorf("nobody says what %s is about", topic)
		}
	}
}

func TestANamelessTopicIsShownAllTheSame(t *testing.T) {
	r := Report{Findings: []Finding{made("new.thing", Fault, "x", "t", "s", "w", nil)}}
	rows := r.Rows()
	if last := rows[len(rows)-1]; last.Topic.Name() != "NEW" || last.Text() != "t: x" {
		t.Errorf("%+v", last)
	}
}

// changes are what may become of a report, each with what must be said of it.
var changes = map[string]struct {
	do                            func(*Report)
	fresh, gone, changed, unclear []ID
	worse                         bool
}{
	"nothing":              {do: func(*Report) {}},
	"a fault comes":        {do: func(r *Report) { add(r, made("mx.none", Fault, "example.org", "", "", "", nil)) }, fresh: []ID{"mx.none"}, worse: true},
	"a note comes":         {do: func(r *Report) { add(r, made("mx.null", Note, "example.org", "", "", "", nil)) }, fresh: []ID{"mx.null"}},
	"another subject":      {do: func(r *Report) { r.Findings[0].Subject = "192.0.2.26" }, fresh: []ID{"address.no-ptr"}, gone: []ID{"address.no-ptr"}, worse: true},
	"a fault goes":         {do: func(r *Report) { r.Findings = r.Findings[1:] }, unclear: []ID{"address.no-ptr"}},
	"a fault is mended":    {do: func(r *Report) { r.Findings[0] = made("address.fine", Fine, "example.org", "", "", "", nil) }, gone: []ID{"address.no-ptr"}},
	"other text is seen":   {do: func(r *Report) { r.Findings[1].Seen = "v=spf1 +all" }, changed: []ID{"spf.all"}},
	"a warning is a fault": {do: func(r *Report) { r.Findings[2].Grade = Fault }, changed: []ID{"smtp.auth"}, worse: true},
	"an exchanger changes": {do: func(r *Report) { r.Findings[7].Seen = "mail goes to mx.example.net" }, changed: []ID{"mx.fine"}},
	"a topic is silent": {do: func(r *Report) { r.Findings[1] = made("spf.unknown", Unknown, "example.org", "", "timeout", "", nil) },
		unclear: []ID{"spf.all"}},
	"silence of another kind": {do: func(r *Report) { r.Findings[4].Seen = "timeout" }},
}

func add(r *Report, f Finding) { r.Findings = append(r.Findings, f) }

func TestADiffSaysWhatBecameOfAReport(t *testing.T) {
	for name, c := range changes {
		t.Run(name, func(t *testing.T) {
			was, is := rich(), rich()
			c.do(&is)
			d := Compare(&was, &is)
			var changed []Finding
			for _, x := range d.Changed {
				changed = append(changed, x.Is)
			}
			for _, x := range []struct {
				what string
				got  []Finding
				want []ID
			}{{"new", d.New, c.fresh}, {"gone", d.Gone, c.gone}, {"changed", changed, c.changed}, {"unlearned", d.Unlearned, c.unclear}} {
				if got := ids(x.got); !slices.Equal(got, x.want) {
					t.Errorf("%s: %v, want %v", x.what, got, x.want)
				}
			}
			if d.Worse() != c.worse {
				t.Errorf("worse: %v", d.Worse())
			}
			if d.Empty() != (len(c.fresh)+len(c.gone)+len(c.changed) == 0) {
				t.Errorf("empty: %v", d.Empty())
			}
		})
	}
}

// A name server that is silent for one run must not let its faults be gone and then new.
func TestAnHourOfSilenceIsNoNews(t *testing.T) {
	first, silent, third := rich(), rich(), rich()
	silent.Findings[1] = made("spf.unknown", Unknown, "example.org", "", "timeout", "", nil)
	d := Compare(&first, &silent)
	known := d.Known(silent)
	if again := Compare(&known, &third); !d.Empty() || !again.Empty() {
		t.Errorf("%+v, then %+v", d, again)
	}
}

func TestSeveralFindingsOfOneKeyAreToldApart(t *testing.T) {
	two := func(a, b string) *Report {
		return &Report{Findings: []Finding{made("mx.private", Fault, "mx", "", a, "", nil), made("mx.private", Fault, "mx", "", b, "", nil)}}
	}
	if d := Compare(two("10.0.0.1", "10.0.0.2"), two("10.0.0.2", "10.0.0.1")); !d.Empty() {
		t.Errorf("%+v", d)
	}
	if d := Compare(two("10.0.0.1", "10.0.0.2"), two("10.0.0.2", "10.0.0.3")); len(d.Changed) != 1 || d.Changed[0].Was.Seen != "10.0.0.1" || len(d.New)+len(d.Gone) > 0 {
		t.Errorf("%+v", d)
	}
}

func TestAReportSurvivesBeingKept(t *testing.T) {
	was := rich()
	data, err := json.Marshal(&was)
	if err != nil {
		t.Fatal(err)
	}
	var is Report
	if err := json.Unmarshal(data, &is); err != nil {
		t.Fatal(err)
	}
	if d := Compare(&was, &is); !d.Empty() || is.Grade != Fault || !d.Since.Equal(was.At) {
		t.Errorf("%+v", d)
	}
}
