package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/miekg/dns"

	"postward/internal/domain/check"
	dnsx "postward/internal/wire/dns"
)

// zone is a domain without a fault and two with one each.
const zone = `
good.example. MX 10 mx.good.example.
good.example. TXT "v=spf1 mx -all"
mail._domainkey.good.example. TXT "v=DKIM1; k=rsa; p=" "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAuu+2SUSd77TG/jDdCvsVyZrB+LiCx40OckQK2tyQIt/vcap1tGudc4SABwYGxiWJqJibwcP2+/JRcQV0bJWKBai0rz/GJ8UILpeNNrt2i0cAcVn2hOXsmnxovK8q/i5jRznNdFUTtR40PjZEF4GAbBo+hT2E" "rWzNh+4Jsy95I1IUwOceI0ptHOpH5Ik2JgjBURjEVVTqxIDWjDH57QUcDZzFUYEGBN4VmoEBrW6RBHY6BVCwmp+Qdav3PByYyJZFQLVEXyWb3i3nKIhfDN24J4pz8SznOLUdx7uDasAbtXyGxO64IIM8roSfMmiBbWhDNUQip+qex29HsEdAWZQBzwIDAQAB"
_smtp._tls.good.example. TXT "v=TLSRPTv1; rua=mailto:t@good.example"
_mta-sts.good.example. TXT "v=STSv1; id=1"
_dmarc.good.example. TXT "v=DMARC1; p=reject; rua=mailto:d@good.example"
mx.good.example. A 192.0.2.25
25.2.0.192.in-addr.arpa. PTR mx.good.example.
nameless.example. MX 10 mx.nameless.example.
nameless.example. TXT "v=spf1 mx -all"
mail._domainkey.nameless.example. TXT "v=DKIM1; k=rsa; p=" "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAuu+2SUSd77TG/jDdCvsVyZrB+LiCx40OckQK2tyQIt/vcap1tGudc4SABwYGxiWJqJibwcP2+/JRcQV0bJWKBai0rz/GJ8UILpeNNrt2i0cAcVn2hOXsmnxovK8q/i5jRznNdFUTtR40PjZEF4GAbBo+hT2E" "rWzNh+4Jsy95I1IUwOceI0ptHOpH5Ik2JgjBURjEVVTqxIDWjDH57QUcDZzFUYEGBN4VmoEBrW6RBHY6BVCwmp+Qdav3PByYyJZFQLVEXyWb3i3nKIhfDN24J4pz8SznOLUdx7uDasAbtXyGxO64IIM8roSfMmiBbWhDNUQip+qex29HsEdAWZQBzwIDAQAB"
_smtp._tls.nameless.example. TXT "v=TLSRPTv1; rua=mailto:t@nameless.example"
_mta-sts.nameless.example. TXT "v=STSv1; id=1"
_dmarc.nameless.example. TXT "v=DMARC1; p=reject; rua=mailto:d@nameless.example"
mx.nameless.example. A 192.0.2.26
`

// nameServer answers from a zone on loopback, and is silent about names with "silent" in them.
func nameServer(t *testing.T, text string) string {
	t.Helper()
	records := map[string][]dns.RR{}
	z := dns.NewZoneParser(strings.NewReader(text), ".", "zone")
	z.SetDefaultTTL(300)
	for rr, ok := z.Next(); ok; rr, ok = z.Next() {
		records[rr.Header().Name] = append(records[rr.Header().Name], rr)
	}
	if z.Err() != nil {
		t.Fatal(z.Err())
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		name := strings.ToLower(q.Question[0].Name)
		reply := new(dns.Msg).SetReply(q)
		reply.Authoritative, reply.RecursionAvailable, reply.AuthenticatedData = true, true, true
		for _, rr := range records[name] {
			if rr.Header().Rrtype == q.Question[0].Qtype {
				reply.Answer = append(reply.Answer, rr)
			}
		}
		if records[name] == nil {
			reply.Rcode = dns.RcodeNameError
		}
		if !strings.Contains(name, "silent") {
			w.WriteMsg(reply)
		}
	})}
	ended := make(chan error, 1)
	go func() { ended <- server.ActivateAndServe() }()
	t.Cleanup(func() {
		conn.Close()
		<-ended
	})
	return conn.LocalAddr().String()
}

// checked runs postward check against a name server, with a state directory of its own.
func checked(t *testing.T, server string, args ...string) (out, said string, code int) {
	t.Helper()
	return postward(t, append([]string{"check", "--resolver", server, "--no-lists", "--no-connect"}, args...)...)
}

func TestCheckEndsWithWhatItFound(t *testing.T) {
	server := nameServer(t, zone)
	for _, c := range []struct {
		args []string
		code int
		says string // in what is printed, or else said
	}{
		{[]string{"good.example"}, exitFine, "fine\tgood.example\tmx.fine\tgood.example\t"},
		{[]string{"GOOD.example."}, exitFine, "fine\tgood.example\tmx.fine"},
		{[]string{"anna@good.example"}, exitFine, "fine\tgood.example\tmx.fine"},
		{[]string{"nameless.example"}, exitFound, "fault\tnameless.example\taddress.no-ptr\t192.0.2.26\t"},
		{[]string{"192.0.2.25"}, exitFine, "fine\t192.0.2.25\taddress.fine"},
		{[]string{"good.example", "192.0.2.26"}, exitFound, "fault\tgood.example 192.0.2.26\taddress.no-ptr"},
		{[]string{"good.example", "nameless.example"}, exitFound, "fine\tgood.example\tmx.fine"},
		{[]string{"Bücher.example"}, exitFound, "mx.nxdomain\txn--bcher-kva.example"},
		{[]string{"silent.example", "--timeout", "200ms"}, exitFailed, "nobody answered, so nothing is known"},
		{[]string{"good.example", "silent.example", "nameless.example", "--timeout", "200ms"}, exitFailed, "address.no-ptr"},
		{[]string{"example"}, exitFailed, `"example" is neither a domain nor an address`},
		{[]string{"=cmd.example"}, exitFailed, "neither a domain nor an address"},
		{[]string{"a b.example"}, exitFailed, "neither a domain nor an address"},
		{[]string{"fe80::1%eth0"}, exitFailed, "neither a domain nor an address"},
		{[]string{"good.example", "--helo", "a b"}, exitFailed, "--helo"},
		{[]string{"good.example", "--selector", "a b"}, exitFailed, "--selector"},
		{[]string{"good.example", "--timeout", "1h"}, exitFailed, "100ms to 5m"},
		{[]string{"good.example", "--file", "x"}, exitFailed, "one of them"},
		{[]string{"--file", "x", "--relay-test"}, exitFailed, "name them one by one"},
		{[]string{"--file", "/nonexistent/domains"}, exitFailed, "/nonexistent/domains"},
		{[]string{"good.example", "nameless.example", "--html", "x"}, exitFailed, "name one domain"},
	} {
		out, said, code := checked(t, server, c.args...)
		if code != c.code || !strings.Contains(out+said, c.says) {
			t.Errorf("%q: %d, want %d: %s%s", c.args, code, c.code, out, said)
		}
	}
	if _, said, code := postward(t, "check", "--resolver", "nowhere", "good.example"); code != exitFailed || !strings.Contains(said, "is no address") {
		t.Errorf("%d %s", code, said)
	}
}

func TestJSONIsAReportATarget(t *testing.T) {
	out, said, code := checked(t, nameServer(t, zone), "--json", "nameless.example")
	var r struct {
		Target, Grade string
		At            time.Time
		Took          int64    `json:"took_ns"`
		Policy        []string `json:"spf_tree"`
		Skipped       []string
		Senders       []struct {
			Name, Who, Met string
			By             []string
		}
		Findings []struct {
			Topic, ID, Subject, Grade, Title, Seen, Why string
			Mend                                        *struct {
				Do  string
				Add []struct{ Name, Type, Value string }
			}
		}
	}
	d := json.NewDecoder(strings.NewReader(out))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil || code != exitFound {
		t.Fatalf("%v, %d %s %s", err, code, out, said)
	}
	if r.Target != "nameless.example" || r.Grade != "fault" || r.At.IsZero() || r.Took <= 0 || len(r.Findings) != len(check.Topics())-7 /* no lists, no servers (smtp, tls, relay), and no DANE, CAA, BIMI */ {
		t.Fatalf("%+v", r)
	}
	f := r.Findings[0]
	if f.Topic != "address" || f.ID != "address.no-ptr" || f.Why == "" || f.Mend == nil || f.Mend.Do == "" || f.Mend.Add[0].Type != "PTR" {
		t.Errorf("%+v", f)
	}
}

func TestManyDomainsAreATable(t *testing.T) {
	var lines strings.Builder
	lines.WriteString("# ours\n\ngood.example # the best\nno domain\n" + strings.Repeat("x", 10000) + "\n")
	for range 300 {
		lines.WriteString("nameless.example\r\n")
	}
	lines.WriteString("good.example") // without an end
	path := file(t, lines.String())
	out, said, code := checked(t, nameServer(t, zone), "--file", path)
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || code != exitFound || len(rows) != 303 {
		t.Fatalf("%v, %d, %d rows, %s", err, code, len(rows), said)
	}
	topics := append([]string{"domain", "grade"}, names(check.Topics())...)
	if !slices.Equal(rows[0], topics) || rows[1][0] != "good.example" || rows[1][1] != "fine" || rows[302][0] != "good.example" {
		t.Errorf("%q %q", rows[0], rows[1])
	}
	if i := slices.Index(topics, "address"); rows[2][i] != "fault address.no-ptr" {
		t.Errorf("%q", rows[2])
	}
	if !strings.Contains(said, path+`:4: "no domain" is no domain`) || !strings.Contains(said, path+`:5: "xxx`) || len(said) > 1000 {
		t.Error(said)
	}
}

func names(topics []check.Topic) []string {
	var all []string
	for _, t := range topics {
		all = append(all, string(t))
	}
	return all
}

func TestManyDomainsAreReportsALineInJSON(t *testing.T) {
	out, said, code := checked(t, nameServer(t, zone), "--json", "--file", file(t, "good.example\nnameless.example\n"))
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != exitFound || len(lines) != 2 {
		t.Fatalf("%d %s %s", code, out, said)
	}
	for i, want := range []string{"good.example", "nameless.example"} {
		var r check.Report
		if err := json.Unmarshal([]byte(lines[i]), &r); err != nil || r.Target != want {
			t.Errorf("%v %s", err, lines[i])
		}
	}
}

func TestAFileWithoutDomainsIsAnError(t *testing.T) {
	server := nameServer(t, zone)
	for text, want := range map[string]string{"# nothing\n": "names no domain", "no domain\n": "nothing could be learned", "silent.example\n": "nothing could be learned"} {
		if _, said, code := checked(t, server, "--timeout", "200ms", "--file", file(t, text)); code != exitFailed || !strings.Contains(said, want) {
			t.Errorf("%q: %d %s", text, code, said)
		}
	}
}

func TestADiffIsSilentWhenNothingChanged(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	sick, well := nameServer(t, zone), nameServer(t, zone+"26.2.0.192.in-addr.arpa. PTR mx.nameless.example.\n")
	for i, c := range []struct {
		server string
		code   int
		says   string
	}{
		{sick, exitFound, "new\tfault\tnameless.example\taddress.no-ptr\t"},
		{sick, exitFine, ""},
		{well, exitFine, "gone\tfault\tnameless.example\taddress.no-ptr\t"},
		{well, exitFine, ""},
		{sick, exitFound, "new\tfault\tnameless.example\taddress.no-ptr\t"},
	} {
		out, said, code := checked(t, c.server, "--diff", "nameless.example")
		if code != c.code || (c.says == "") != (out == "") || !strings.Contains(out, c.says) {
			t.Errorf("run %d: %d, want %d: %q %s", i, code, c.code, out, said)
		}
	}
}

func TestWhatIsKeptIsForItsOwnerOnly(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_STATE_HOME", dir)
	server := nameServer(t, zone)
	kept := filepath.Join(dir, "postward", "check", "good.example.json")
	checked(t, server, "good.example")
	if _, err := os.Stat(kept); err == nil {
		t.Error("a run without --diff left a file")
	}
	checked(t, server, "--diff", "good.example")
	info, err := os.Stat(kept)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", err, info)
	}
	if err := os.WriteFile(kept, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, said, code := checked(t, server, "--diff", "good.example"); code != exitFailed || !strings.Contains(said, "rm "+kept) {
		t.Errorf("%d %s", code, said)
	}
}

// A bare check is of this host, whose exchangers may be Google's: what looks like an attack is tried when it is said.
func TestOnlyRelayTestMakesServersOurs(t *testing.T) {
	resolver, err := dnsx.ParseZone(strings.NewReader(zone), ".", "zone")
	if err != nil {
		t.Fatal(err)
	}
	for _, relay := range []bool{false, true} {
		f := &checkFlags{relay: relay}
		own, err := ownTarget(t.Context(), resolver, f)
		if own.Own != relay {
			t.Errorf("relay-test %v: %+v, %v", relay, own, err)
		}
		named, err := f.targets([]string{"good.example", "192.0.2.25"})
		if err != nil || len(named) != 1 || named[0].Own != relay {
			t.Errorf("relay-test %v: %+v, %v", relay, named, err)
		}
	}
}

func TestADiffWithAFileLeavesTheFile(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	server := nameServer(t, zone)
	before, _, _ := checked(t, server, "--json", "nameless.example")
	path := file(t, strings.ReplaceAll(before, "address.no-ptr", "address.unconfirmed"))
	out, said, code := checked(t, server, "--json", "--diff="+path, "nameless.example")
	var with struct{ Diff check.Diff }
	if err := json.Unmarshal([]byte(out), &with); err != nil || code != exitFound || len(with.Diff.New) != 1 || len(with.Diff.Gone) != 1 || with.Diff.Since.IsZero() {
		t.Errorf("%v %d %s %s", err, code, out, said)
	}
	if _, said, code := checked(t, server, "--diff="+path, "good.example"); code != exitFailed || !strings.Contains(said, "is about") {
		t.Errorf("%d %s", code, said)
	}
	if _, said, code := checked(t, server, "--diff=/nonexistent/report", "good.example"); code != exitFailed || !strings.Contains(said, "/nonexistent/report") {
		t.Errorf("%d %s", code, said)
	}
}

func TestTargetsNeverShareAFile(t *testing.T) {
	seen := map[string]string{}
	long := strings.Repeat("2001:db8::25 ", 20)
	for _, target := range []string{"example.org", "example.org 192.0.2.25", "example.org_192.0.2.25", "example.org  192.0.2.25", "EXAMPLE.org", "a/../b", "2001:db8::25", long, long + "x"} {
		name := keptName(target)
		if was, twice := seen[name]; twice || strings.ContainsAny(name, "/\\ ") || len(name) > 200 {
			t.Errorf("%q is kept in %q, like %q", target, name, was)
		}
		seen[name] = target
	}
	if keptName("example.org") != "example.org.json" {
		t.Error(keptName("example.org"))
	}
}

func TestThePageIsWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.html")
	_, said, code := checked(t, nameServer(t, zone), "--html", path, "nameless.example")
	page, err := os.ReadFile(path)
	if err != nil || code != exitFound || !bytes.Contains(page, []byte("26.2.0.192.in-addr.arpa. PTR mx.nameless.example.")) {
		t.Errorf("%v %d %s %s", err, code, said, page)
	}
}

// A key is in no output, whatever becomes of it.
func TestAKeyIsReadFromTheEnvironmentAndNeverShown(t *testing.T) {
	server := nameServer(t, zone)
	const key = "abcdefghij0123456789klmnop"
	for _, value := range []string{key, key + "!", "_" + key} {
		t.Setenv("POSTWARD_KEY_SPAMHAUS", value)
		out, said, code := checked(t, server, "--json", "good.example")
		if strings.Contains(out+said, key) {
			t.Errorf("%s%s", out, said)
		}
		if bad := value != key; bad != (code == exitFailed) || bad && !strings.Contains(said, "POSTWARD_KEY_SPAMHAUS") {
			t.Errorf("%d %s", code, said)
		}
	}
}

// hostile is what a stranger may put into a name, a text or a banner.
const hostile = "x\x1b[2J\x1b]0;owned\x07\r\n\tnew\tfault\u202e\u0085\x00y"

func hostileReport() *check.Report {
	f := check.Finding{Topic: "mx", ID: hostile, Subject: hostile, Grade: check.Fault, Title: hostile, Seen: hostile, Why: hostile,
		Mend: &check.Mend{Do: hostile, Set: []string{hostile}, Add: []check.Record{{Name: hostile, Type: "TXT", Value: hostile}}, Remove: []check.Record{{Name: hostile, Type: "A"}}}}
	r := &check.Report{Target: hostile, Grade: check.Fault}
	for _, g := range []check.Grade{check.Fault, check.Warning, check.Unknown, check.Note, check.Fine} {
		f.Grade = g
		r.Findings = append(r.Findings, f)
	}
	return r
}

// raw reports whether a text holds what moves a cursor or turns letters around.
func raw(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) })
}

func TestAStrangersTextNeverReachesATerminalRaw(t *testing.T) {
	r := hostileReport()
	d := &since{Diff: check.Diff{New: r.Findings, Gone: r.Findings, Unlearned: r.Findings, Changed: []check.Change{{Was: r.Findings[0], Is: r.Findings[1]}}}}
	var b bytes.Buffer
	v := view{&output{w: &b, person: true}, 80}
	v.report(r, d)
	if raw(b.String()) || strings.Contains(b.String(), "\t") {
		t.Errorf("%q", b.String())
	}
	if strings.Count(b.String(), "owned") < 20 {
		t.Errorf("the text is not there: the test looks in the wrong place: %s", b.String())
	}
}

func TestAStrangersTextStaysInItsLineAndColumn(t *testing.T) {
	r := hostileReport()
	var b bytes.Buffer
	a := &app{out: &output{w: &b}}
	for _, d := range []*since{nil, {first: true}, {Diff: check.Diff{New: r.Findings}}} {
		b.Reset()
		if err := a.showCheck(r, d); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			columns := strings.Count(line, "\t") + 1
			if want := map[bool]int{true: 7, false: 8}[d == nil]; columns != want || raw(line) {
				t.Errorf("%d columns: %q", columns, line)
			}
		}
	}
}

func TestTheFirstThingToDoComesBeforeTheRest(t *testing.T) {
	r := &check.Report{Target: "example.org", Grade: check.Fault, Took: time.Second, Findings: []check.Finding{
		{Topic: "address", ID: "address.no-ptr", Subject: "192.0.2.25", Grade: check.Fault, Title: "the address has no name", Seen: "PTR: no such name", Why: "Many refuse it.",
			Mend: &check.Mend{Do: "Give it one.", Add: []check.Record{{Name: "25.2.0.192.in-addr.arpa.", Type: "PTR", Value: "mx.example.org."}}}},
		{Topic: "mx", ID: "mx.alias", Subject: "mx", Grade: check.Warning, Title: "an alias", Seen: "CNAME x", Why: "Some refuse it.", Mend: &check.Mend{Do: "Name the host."}},
		{Topic: "mx", ID: "mx.null", Subject: "example.org", Grade: check.Note, Title: "takes no mail", Seen: "MX 0 ."},
		{Topic: "mx", ID: "mx.unknown", Subject: "mx2", Grade: check.Unknown, Title: "not learned", Seen: "timeout"},
	}}
	var b bytes.Buffer
	v := view{&output{w: &b, person: true}, 80}
	v.report(r, &since{first: true})
	last := 0
	for _, want := range []string{"✗ FAULT", "the sender's name", "Do this first", "seen  PTR: no such name", "why   Many refuse it.", "do    Give it one.", "\n            25.2.0.192.in-addr.arpa. PTR mx.example.org.\n",
		"Then this", "Name the host.", "Could be better", "Not learned, so neither for nor against: MX mx2 (timeout)", "first run with --diff",
		"1 fault, 1 warning, 1 note, 1 not learned in 1.0 s; first, at the top: the address has no name\n"} {
		i := strings.Index(b.String()[last:], want)
		if i < 0 {
			t.Fatalf("%q is not where it should be in\n%s", want, b.String())
		}
		last += i
	}
	if strings.Contains(b.String(), "\x1b") {
		t.Errorf("without colours there are escapes: %q", b.String())
	}
}

func TestAHealthyDomainFitsOneScreen(t *testing.T) {
	r := &check.Report{Target: "example.org"}
	for _, topic := range check.Topics() {
		r.Findings = append(r.Findings, check.Finding{Topic: topic, Subject: "example.org", Seen: strings.Repeat("all is well ", 40)})
	}
	var b bytes.Buffer
	v := view{&output{w: &b, person: true}, 80}
	v.report(r, nil)
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) > 22 || !strings.Contains(b.String(), "Nothing to mend.") {
		t.Errorf("%d lines: %s", len(lines), b.String())
	}
	for _, line := range lines {
		if wide(line) > 80+2*4 { // signs of our own are counted as wide, and are not
			t.Errorf("%d columns: %s", wide(line), line)
		}
	}
}

// A line that wraps would let the next drawing begin at the wrong place.
func TestEveryDrawingStartsWhereTheLastOneDid(t *testing.T) {
	var b bytes.Buffer
	l := &live{o: &output{w: &b, person: true, colour: true}, width: 60, wake: make(chan struct{}, 1)}
	l.joined.Go(l.draw)
	for i := range 50 {
		l.found(check.Finding{Topic: check.Topics()[i%2], Grade: check.Fault, Title: strings.Repeat("漢字", 60), Subject: hostile})
	}
	l.done()
	height := len(check.Topics())
	drawings := strings.Split(b.String(), fmt.Sprintf("\x1b[%dA\r", height))
	if len(drawings) < 2 || drawings[len(drawings)-1] != "\x1b[J" {
		t.Fatalf("%q", b.String())
	}
	for _, d := range drawings[:len(drawings)-1] {
		if strings.Count(d, "\n") != height {
			t.Errorf("%d lines, not %d: %q", strings.Count(d, "\n"), height, d)
		}
		for line := range strings.Lines(d) {
			for _, escape := range []string{"\x1b[2K", "\x1b[" + alarm + "m", "\x1b[" + quiet + "m", "\x1b[0m"} {
				line = strings.ReplaceAll(line, escape, "")
			}
			if raw(line) || wide(strings.TrimSuffix(line, "\n")) > 60+4 {
				t.Errorf("%d columns: %q", wide(line), line)
			}
		}
	}
}

func TestTextsAreCutAndWrapped(t *testing.T) {
	for _, c := range []struct {
		text    string
		columns int
		want    string
	}{{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"", 0, ""}, {"漢字", 4, "漢字"}, {"漢字x", 4, "漢…"}} {
		if got := clip(c.text, c.columns); got != c.want {
			t.Errorf("clip(%q, %d) is %q, want %q", c.text, c.columns, got, c.want)
		}
	}
	if got := wrap(" a bb  ccc dddddddd e", 6); !slices.Equal(got, []string{"a bb", "ccc", "dddddddd", "e"}) {
		t.Errorf("%q", got)
	}
	if got := wrap("", 6); len(got) != 0 {
		t.Errorf("%q", got)
	}
}
