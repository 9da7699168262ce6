package authres

import (
	"encoding/json"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
)

func service(t testing.TB) *Service {
	t.Helper()
	s, err := New("mx.example.org", "old.example.org", "bücher.example")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// checkWritten holds what is so of every field that we write.
func checkWritten(t *testing.T, value string) {
	t.Helper()
	for i, line := range strings.Split(value, "\r\n") {
		width := len(strings.ReplaceAll(line, "\t", "        "))
		if i == 0 {
			width += len("Authentication-Results:")
		}
		if width > columns && strings.Contains(strings.TrimSpace(line), " ") && strings.Count(line, `"`) == 0 {
			t.Errorf("%d columns: %q", width, line)
		}
		if i > 0 && !strings.HasPrefix(line, "\t") || strings.TrimSpace(line) == "" {
			t.Errorf("a line that is none of the field: %q", line)
		}
		for _, c := range []byte(line) {
			if c < ' ' && c != '\t' || c > '~' {
				t.Errorf("an octet that is not printed: %q", line)
			}
		}
	}
}

var six = netip.MustParseAddr("2001:db8::25")

// TestTheFieldThatWeWrite is all of it.
func TestTheFieldThatWeWrite(t *testing.T) {
	for _, c := range []struct {
		name    string
		results []Result
		want    string
	}{
		{"nothing was found out", nil, " mx.example.org; none"},
		{"an inbound mail", []Result{
			SPF("pass", "bounce+anna=b.example@list.example", "mx.list.example"),
			DKIM("pass", "list.example", "s2026", "rsa-sha256", "ab cd\r\n\tEF+/0123456789"),
			DKIM("permerror", "Bücher.example", "ed", "ed25519-sha256", "zz"),
			DMARC("fail", "author.example", "quarantine"),
			ARC("pass", netip.MustParseAddr("192.0.2.25"), 0),
			IPRev("pass", six),
		}, " mx.example.org;\r\n\tspf=pass smtp.mailfrom=bounce+anna=b.example@list.example;\r\n" +
			"\tdkim=pass header.d=list.example header.s=s2026 header.a=rsa-sha256\r\n\theader.b=\"abcdEF+/\";\r\n" +
			"\tdkim=permerror header.d=xn--bcher-kva.example header.s=ed\r\n\theader.a=ed25519-sha256 header.b=zz;\r\n" +
			"\tdmarc=fail policy.dmarc=quarantine header.from=author.example;\r\n" +
			"\tarc=pass smtp.remote-ip=192.0.2.25 header.oldest-pass=0;\r\n\tiprev=pass policy.iprev=\"2001:db8::25\""},
		{"a submission", []Result{Auth("pass", "anna@example.org")}, " mx.example.org;\r\n\tauth=pass smtp.auth=anna@example.org"},
		{"the null reverse-path", []Result{SPF("none", "", "mx.list.example.")}, " mx.example.org;\r\n\tspf=none smtp.helo=mx.list.example"},
		{"a chain that failed", []Result{ARC("fail", netip.Addr{}, 3)}, " mx.example.org;\r\n\tarc=fail"},
		{"an address literal", []Result{SPF("none", "", "[192.0.2.1]")}, " mx.example.org;\r\n\tspf=none"},
	} {
		got := service(t).Value(c.results...)
		if got != c.want {
			t.Errorf("%s:\ngot  %q\nwant %q", c.name, got, c.want)
		}
		checkWritten(t, got)
	}
}

// TestWhatAStrangerSaysEndsNothing: whatever he is called, there is one result, and it is what we found.
func TestWhatAStrangerSaysEndsNothing(t *testing.T) {
	for text, want := range map[string]string{
		`"x; dkim=pass header.d=bank.example"@evil.example`: "evil.example",
		`"x\"; dkim=pass"@evil.example`:                     "evil.example",
		"x;dkim=pass@evil.example":                          "evil.example",
		"x(@evil.example":                                   "evil.example",
		"x@evil.example\r\nFrom: boss@example.org":          "example.org",
		"x@evil.example\x00":                                "",
		"jürgen@bücher.example":                             "xn--bcher-kva.example",
		strings.Repeat("x", 65) + "@evil.example":           "evil.example",
		"x@" + strings.Repeat("long.", 100) + "example":     "",
		"<x@evil.example>":                                  "",
		"x@evil.example; dkim=pass header.d=bank.example":   "",
		"evil.example (":                                    "",
	} {
		value := service(t).Value(SPF("fail", text, "evil.example"))
		checkWritten(t, value)
		f, err := Parse(value)
		if err != nil || len(f.Results) != 1 || f.Results[0].Value != "fail" || f.Results[0].Property("smtp", "mailfrom") != want {
			t.Errorf("%q is written as %q: %+v, %v", text, value, f, err)
		}
	}
	for text, want := range map[string]string{
		"anna": "anna", "anna b": "anna b", `anna"; dkim=pass`: "", "DOM\\anna": "", "a=b?": "a=b?", "x\ny": "", "änne": "", "a@b@c.example": "c.example",
	} {
		f, err := Parse(service(t).Value(Auth("pass", text)))
		if got := f.Results[0].Property("smtp", "auth"); err != nil || got != want {
			t.Errorf("login %q is written as %q, want %q (%v)", text, got, want, err)
		}
	}
}

func TestReasonsAreHarmless(t *testing.T) {
	r := Result{Method: "dkim", Value: "fail", Reason: "a \"key\"; (that)\r\nis\\not there " + strings.Repeat("x", 200)}
	f, err := Parse(service(t).Value(r))
	if err != nil || len(f.Results) != 1 || !strings.HasPrefix(f.Results[0].Reason, "a ?key?? ?that???is?not there xxx") || len(f.Results[0].Reason) != 100 {
		t.Errorf("%+v %v", f, err)
	}
	for _, r := range []Result{{}, {Method: "a b", Value: "pass"}, {Method: "spf", Value: "pa;ss"}} {
		if got := service(t).Value(r); got != " mx.example.org; none" {
			t.Errorf("%+v is written: %q", r, got)
		}
	}
}

func TestServicesAreDomains(t *testing.T) {
	for _, id := range []string{"", "my server", "a;b", "a(b)", "\"x\"", "a\r\nb", "."} {
		if _, err := New(id); err == nil {
			t.Errorf("%q is taken", id)
		}
	}
	if s, err := New("MX.Bücher.example."); err != nil || s.ID() != "mx.xn--bcher-kva.example" {
		t.Errorf("%v %v", s, err)
	}
}

// others asks python3-authres, another reader, for the authserv-ids and the results of fields; it must be there in CI.
func others(t *testing.T, values []string) [][]string {
	t.Helper()
	if testing.Short() {
		t.Skip("another program is started: not in make unit")
	}
	const script = `
import json, sys, authres
for v in json.load(sys.stdin):
    try:
        f = authres.AuthenticationResultsHeader.parse_value(v)
        print(json.dumps([f.authserv_id] + ['%s=%s' % (r.method, r.result) for r in f.results]))
    except Exception as e:
        print(json.dumps([]))
`
	if err := exec.Command("/usr/bin/python3", "-c", "import authres").Run(); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("python3-authres is not installed: test/setup.sh test")
		}
		t.Skip("python3-authres is not installed: test/setup.sh test")
	}
	in, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/bin/python3", "-c", script)
	cmd.Stdin, cmd.Stderr = strings.NewReader(string(in)), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all [][]string
	for line := range strings.Lines(string(out)) {
		var words []string
		if err := json.Unmarshal([]byte(line), &words); err != nil {
			t.Fatal(err)
		}
		all = append(all, words)
	}
	return all
}

// TestAnotherReaderReadsWhatWeWrite: python3-authres finds our id and every result.
func TestAnotherReaderReadsWhatWeWrite(t *testing.T) {
	value := service(t).Value(SPF("softfail", "a=b+c@list.example", ""), DKIM("pass", "list.example", "s", "rsa-sha256", "a+/bcdefgh"),
		DMARC("pass", "list.example", "none"), ARC("pass", six, 2), IPRev("fail", six), Auth("pass", "anna b"))
	got := strings.Join(others(t, []string{value})[0], " ")
	if want := "mx.example.org spf=softfail dkim=pass dmarc=pass arc=pass iprev=fail auth=pass"; got != want {
		t.Errorf("%q: python3-authres reads %q, want %q", value, got, want)
	}
}
