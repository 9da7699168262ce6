package others

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var placeholder = regexp.MustCompile(`\bDIR\b`)

// tree writes files below a directory; DIR in a text is that directory.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(placeholder.ReplaceAllString(text, dir)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// told is a report in lines: keys as "selector@domain path", notes as "! place: text".
func told(dir string, r Report) string {
	var b strings.Builder
	for _, f := range r.Found {
		what := f.Path
		if f.Inline != nil {
			what = "=" + string(f.Inline)
		}
		fmt.Fprintf(&b, "%s@%s %s (%s:%d)\n", f.Selector, f.Domain, what, f.File, f.Line)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "! %s\n", n)
	}
	return strings.ReplaceAll(b.String(), dir, "DIR")
}

// debian is the beginning of opendkim.conf as Debian ships it.
const debian = `# This is a basic configuration for signing and verifying. It can easily be
# adapted to suit a basic installation. See opendkim.conf(5) and
Syslog			yes
SyslogSuccess		yes
#LogWhy			no
Canonicalization	relaxed/simple
#Mode			sv
#SubDomains		no
OversignHeaders		From
`

const debianEnd = `UserID			opendkim
UMask			007
Socket			local:/run/opendkim/opendkim.sock
PidFile			/run/opendkim/opendkim.pid
TrustAnchorFile		/usr/share/dns/root.key
#Nameservers		127.0.0.1
`

var opendkimCases = []struct {
	name  string
	files map[string]string
	want  string
}{
	{"one key", map[string]string{"opendkim.conf": debian + "Domain\t\texample.com\nSelector\t\t2020\nKeyFile\t\t/etc/dkimkeys/example.private\n" + debianEnd},
		"2020@example.com /etc/dkimkeys/example.private (DIR/opendkim.conf:12)\n"},
	{"one key, some domains", map[string]string{"opendkim.conf": "Domain csl:Example.com, example.net\nSelector mail\nKeyFile k\nBaseDirectory /etc/dkimkeys\n"},
		"mail@example.com /etc/dkimkeys/k (DIR/opendkim.conf:3)\nmail@example.net /etc/dkimkeys/k (DIR/opendkim.conf:3)\n"},
	{"domains in a file", map[string]string{"opendkim.conf": "domain DIR/domains # ours\nselector mail\nkeyfile /k\n", "domains": "# ours\nexample.org\n\n*.example.net\n"},
		"mail@example.org /k (DIR/opendkim.conf:3)\n! DIR/opendkim.conf:1: \"*.example.net\" is a pattern: its domains cannot be told\n"},
	{"tables of lines and patterns", map[string]string{"opendkim.conf": debian + "KeyTable file:DIR/KeyTable\nSigningTable refile:DIR/SigningTable\n",
		"KeyTable":     "# name domain:selector:key\nmail._domainkey.example.org example.org:mail:/etc/opendkim/keys/example.org/mail.private\nnet\texample.net : 2024 : /k/net.private # a comment\nspare example.com:x:/k/x\n",
		"SigningTable": "*@example.org mail._domainkey.example.org\n*@*.example.org mail._domainkey.example.org\n*@example.net net:anna@example.net\n*@lost.example lost\n"},
		"mail@example.org /etc/opendkim/keys/example.org/mail.private (DIR/KeyTable:2)\n2024@example.net /k/net.private (DIR/KeyTable:3)\n" +
			"! DIR/SigningTable:4: \"lost\" is no key of the key table\n! DIR/KeyTable:4: no line of the signing table uses \"spare\": it is not taken over\n"},
	{"a file without its kind, and domains without patterns", map[string]string{"opendkim.conf": "KeyTable DIR/kt\nSigningTable file:DIR/st\n",
		"kt": "k1 example.org:s1:/k/1\nk2 example.com:s2:/k/2\n", "st": "example.org k1\n.example.com k2\nanna@example.com k2\n"},
		"s1@example.org /k/1 (DIR/kt:1)\ns2@example.com /k/2 (DIR/kt:2)\n! DIR/st:3: it is for \"anna@example.com\" alone: postward signs for a whole domain\n"},
	{"lists", map[string]string{"opendkim.conf": "KeyTable csl:k=example.org:mail:/k/1,l=example.com:mail:/k/2\nSigningTable *@example.org=k, *@example.com=l\n"},
		"mail@example.org /k/1 (DIR/opendkim.conf:1)\nmail@example.com /k/2 (DIR/opendkim.conf:1)\n"},
	{"percent signs", map[string]string{"opendkim.conf": "KeyTable refile:DIR/kt\nSigningTable refile:DIR/st\n", "kt": "any %:mail:/etc/opendkim/keys/%/mail.private\n",
		"st": "*@example.org any\n*@example.com any:%\n"},
		"mail@example.org /etc/opendkim/keys/example.org/mail.private (DIR/kt:1)\nmail@example.com /etc/opendkim/keys/example.com/mail.private (DIR/kt:1)\n"},
	{"percent signs for anybody: the files tell", map[string]string{"opendkim.conf": "KeyTable file:DIR/kt\nSigningTable refile:DIR/st\n", "kt": "any %:mail:DIR/keys/%/mail.private\n",
		"st": "* any\n", "keys/example.org/mail.private": "", "keys/example.net/mail.private": "", "keys/example.edu/other.private": "", "keys/README/mail.private": ""},
		"mail@example.net DIR/keys/example.net/mail.private (DIR/kt:1)\nmail@example.org DIR/keys/example.org/mail.private (DIR/kt:1)\n"},
	{"for anybody, and nothing tells", map[string]string{"opendkim.conf": "KeyTable file:DIR/kt\nSigningTable refile:DIR/st\n", "kt": "any %:mail:/nowhere/one.private\n", "st": "*@* any\n"},
		"! DIR/st:1: it is for any domain, and no file says for which: they are not taken over\n"},
	{"one key for customers", map[string]string{"opendkim.conf": "KeyTable file:DIR/kt\nSigningTable refile:DIR/st\n", "kt": "isp isp.example:mail:/k\n", "st": "*@customer.example isp\n* isp\n"},
		"mail@isp.example /k (DIR/kt:1)\n! DIR/st:1: it signs mail of customer.example for isp.example: that is not aligned (RFC 9989), and postward signs for the author's domain or one above it\n"},
	{"a key in the table", map[string]string{"opendkim.conf": "KeyTable file:DIR/kt\nSigningTable refile:DIR/st\n", "kt": "k example.org:mail:MIIEvQ==\n", "st": "*@example.org k\n"},
		"mail@example.org =MIIEvQ== (DIR/kt:1)\n"},
	{"a table that is none", map[string]string{"opendkim.conf": "KeyTable file:DIR/kt\nSigningTable refile:DIR/st\n", "kt": "k example.org\nl example.org:mail\nm\n", "st": "*@example.org k\n"},
		"! DIR/kt:1: it is not NAME DOMAIN:SELECTOR:KEY\n! DIR/kt:2: it is not NAME DOMAIN:SELECTOR:KEY\n! DIR/kt:3: it is not NAME DOMAIN:SELECTOR:KEY\n! DIR/st:1: \"k\" is no key of the key table\n"},
	{"databases", map[string]string{"opendkim.conf": "KeyTable dsn:mysql://u:secret@h/d/table=t?keycol=k?datacol=v\nSigningTable DIR/st.db\n"},
		"! DIR/opendkim.conf:1: KeyTable is a table of dsn, which is not understood: write it as a file for this once\n! DIR/opendkim.conf:2: SigningTable is a Berkeley DB, which is not understood: write it as a file for this once\n"},
	{"files that are included", map[string]string{"opendkim.conf": "Include DIR/more\nInclude DIR/absent\n", "more": "Domain example.org\nSelector s\nKeyFile /k\nSetupPolicyScript /x.lua\nInclude DIR/more\n"},
		"s@example.org /k (DIR/more:3)\n! DIR/more:4: SetupPolicyScript is not understood: a script chooses the keys\n" +
			"! DIR/more:1: Domain stands in DIR/more line 1 too: this one is taken\n! DIR/more:2: Selector stands in DIR/more line 2 too: this one is taken\n! DIR/more:3: KeyFile stands in DIR/more line 3 too: this one is taken\n" +
			"! DIR/more:5: files are included more than 5 deep: this one is passed over\n! DIR/opendkim.conf:2: DIR/absent cannot be read: no such file or directory\n"},
	{"it only verifies", map[string]string{"opendkim.conf": "Mode v\nDomain example.org\nSelector s\nKeyFile /k\n"}, "! DIR/opendkim.conf:1: Mode v does not sign\n"},
	{"it signs nothing", map[string]string{"opendkim.conf": debian}, "! DIR/opendkim.conf: it has neither a KeyTable nor Domain, Selector and KeyFile: it signs nothing\n"},
	{"a key table alone", map[string]string{"opendkim.conf": "KeyTable DIR/kt\n"}, "! DIR/opendkim.conf:1: there is a KeyTable and no SigningTable: which keys sign cannot be told\n"},
}

func TestWhatOpendkimSignsWithIsFound(t *testing.T) {
	for _, c := range opendkimCases {
		dir := tree(t, c.files)
		r, err := OpenDKIM(filepath.Join(dir, "opendkim.conf"))
		if got := told(dir, r); err != nil || got != c.want {
			t.Errorf("%s: %v\n%swant\n%s", c.name, err, got, c.want)
		}
	}
	if _, err := OpenDKIM("/nonexistent/opendkim.conf"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

const local = "local.d/dkim_signing.conf"

var rspamdCases = []struct {
	name  string
	files map[string]string
	want  string
}{
	{"domains with a block each", map[string]string{local: `
# see the documentation
allow_username_mismatch = true;
domain {
    example.com {
        path = "/var/lib/rspamd/dkim/example.key";
        selector = "ds";
    }
    "example.net" { selector: mail }
    example.org {
      selectors [
        { path: "/var/lib/rspamd/dkim/rsa.$domain.key"; selector: "rsa" },
        { path = /var/lib/rspamd/dkim/eddsa.key
          selector = 'eddsa' }
      ]
    }
}
try_fallback = false;
`}, "ds@example.com /var/lib/rspamd/dkim/example.key (DIR/local.d/dkim_signing.conf:5)\nmail@example.net /var/lib/rspamd/dkim/example.net.mail.key (DIR/local.d/dkim_signing.conf:9)\n" +
		"rsa@example.org /var/lib/rspamd/dkim/rsa.example.org.key (DIR/local.d/dkim_signing.conf:12)\neddsa@example.org /var/lib/rspamd/dkim/eddsa.key (DIR/local.d/dkim_signing.conf:13)\n"},
	{"a section by two names", map[string]string{local: "domain \"example.com\" { path = \"/k\"; selector = \"s\"; }\ntry_fallback = no\n"}, "s@example.com /k (DIR/local.d/dkim_signing.conf:1)\n"},
	{"a path for all: the files tell", map[string]string{local: "path = \"DIR/dkim/$domain.$selector.key\";\nselector = \"2024\"; /* since /* the */ move */\n",
		"dkim/example.org.2024.key": "", "dkim/a.example.net.2024.key": "", "dkim/example.com.dkim.key": "", "dkim/x.2024.key": ""},
		"2024@a.example.net DIR/dkim/a.example.net.2024.key (DIR/local.d/dkim_signing.conf:1)\n2024@example.org DIR/dkim/example.org.2024.key (DIR/local.d/dkim_signing.conf:1)\n"},
	{"maps", map[string]string{local: "path = \"DIR/dkim/$domain.$selector.key\"\nselector_map = \"$LOCAL_CONFDIR/dkim_selectors.map\";\npath_map = \"file://DIR/dkim_paths.map\"\n",
		"dkim_selectors.map": "# domain selector\nexample.net sel1\nExample.org sel2\n*.example.edu sel3\n", "dkim_paths.map": "example.org DIR/other/$selector.key\nexample.com DIR/other/com.key\n", "dkim/example.biz.dkim.key": ""},
		"sel1@example.net DIR/dkim/example.net.sel1.key (DIR/dkim_selectors.map:2)\nsel2@example.org DIR/other/sel2.key (DIR/dkim_selectors.map:3)\n" +
			"dkim@example.com DIR/other/com.key (DIR/dkim_paths.map:2)\ndkim@example.biz DIR/dkim/example.biz.dkim.key (DIR/local.d/dkim_signing.conf:1)\n! DIR/dkim_selectors.map:4: \"*.example.edu\" is a pattern: its domains cannot be told\n"},
	{"tables as opendkim's", map[string]string{local: "signing_table = [ \"*@example.org k\", \"*@example.net %\" ];\nkey_table = \"glob;DIR/kt\";\nselector = \"s\"\n",
		"kt": "k example.org:mail:/k/1\nexample.net %:./k/%.key\n"},
		"mail@example.org /k/1 (DIR/kt:1)\ns@example.net ./k/example.net.key (DIR/kt:2)\n"},
	{"override.d has the last word", map[string]string{local: "selector = \"a\"; path = \"DIR/$domain.$selector\"", "override.d/dkim_signing.conf": "dkim_signing { selector = \"b\" }", "example.org.b": "", "example.org.a": ""},
		"b@example.org DIR/example.org.b (DIR/local.d/dkim_signing.conf:1)\n"},
	{"off", map[string]string{local: "enabled = false;\ndomain { example.org { selector = \"x\"; } }\n"}, "! DIR/local.d/dkim_signing.conf:1: the module is off: it signs nothing\n"},
	{"Redis, Vault and what is unknown", map[string]string{local: "use_redis = true;\nuse_vault = yes;\nfrobnicate = 1;\n.include \"$LOCAL_CONFDIR/more.conf\"\nuse_domain = \"recipient\"\ndomain { \"*\" { selector = \"x\" } example.org { selector = \"y\"; path = \"/k\"; colour = red } }\n"},
		"y@example.org /k (DIR/local.d/dkim_signing.conf:6)\n! DIR/local.d/dkim_signing.conf:4: \".include \\\"$LOCAL_CONFDIR/more.conf\\\"\" is not followed: if keys stand there, name that file in its place\n" +
			"! DIR/local.d/dkim_signing.conf:3: \"frobnicate\" is not understood\n! DIR/local.d/dkim_signing.conf:1: use_redis: its keys are not files, and are not taken over\n! DIR/local.d/dkim_signing.conf:2: use_vault: its keys are not files, and are not taken over\n" +
			"! DIR/local.d/dkim_signing.conf:5: use_domain = recipient: postward signs for the author's domain or one above it\n! DIR/local.d/dkim_signing.conf:6: \"*\" is a pattern: its domains cannot be told\n! DIR/local.d/dkim_signing.conf:6: \"colour\" is not understood for example.org\n"},
	{"one key for all", map[string]string{local: "path = \"/k\"\n"}, "! DIR/local.d/dkim_signing.conf:1: one key for any domain: name them in domain { } blocks, or take it over with postward dkim key create\n"},
	{"cut short", map[string]string{local: "domain { example.org { selector = \"y\"; path = \"/k\" }\nother { selector = \"unfinished\n"},
		"! DIR/local.d/dkim_signing.conf:3: it cannot be read from here on: a text in quotes has no end\n"},
}

func TestWhatRspamdSignsWithIsFound(t *testing.T) {
	for _, c := range rspamdCases {
		dir := tree(t, c.files)
		r, err := Rspamd(dir)
		if got := told(dir, r); err != nil || got != c.want {
			t.Errorf("%s: %v\n%swant\n%s", c.name, err, got, c.want)
		}
	}
	if _, err := Rspamd(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// TestAnRspamdThatIsToldNothingSignsAllTheSame: with what lies where it looks by itself.
func TestAnRspamdThatIsToldNothingSignsAllTheSame(t *testing.T) {
	dir := tree(t, map[string]string{"etc/rspamd/rspamd.conf": "", "lib/example.org.dkim.key": "", "lib/example.net.other.key": "", "empty/x": ""})
	usual := "/$domain.$selector.key"
	r, err := rspamdWith(filepath.Join(dir, "etc/rspamd"), dir+"/lib"+usual)
	want := "dkim@example.org DIR/lib/example.org.dkim.key (rspamd's own path DIR/lib" + usual + ":0)\n"
	if got := told(dir, r); err != nil || got != want {
		t.Errorf("%v\n%swant\n%s", err, got, want)
	}
	for etc, lib := range map[string]string{"etc/rspamd": "empty", "etc/none": "lib"} {
		if r, err := rspamdWith(filepath.Join(dir, etc), filepath.Join(dir, lib)+usual); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s %s: %v %v", etc, lib, r, err)
		}
	}
}

func TestNoNoteTellsASecret(t *testing.T) {
	dir := tree(t, map[string]string{"opendkim.conf": "KeyTable dsn:mysql://u:hunter2@h/d/table=t\nSigningTable csl:*@example.org=k\n"})
	r, err := OpenDKIM(filepath.Join(dir, "opendkim.conf"))
	if err != nil || len(r.Notes) == 0 || strings.Contains(told(dir, r), "hunter2") {
		t.Error(told(dir, r), err)
	}
}

func TestHugeConfigurationsAreBounded(t *testing.T) {
	var keys, senders strings.Builder
	for i := range 6000 {
		fmt.Fprintf(&keys, "k%d d%d.example:s:/k\n", i, i)
		fmt.Fprintf(&senders, "*@d%d.example k%d\nbad%d x%d\n", i, i, i, i)
	}
	dir := tree(t, map[string]string{"opendkim.conf": "KeyTable DIR/k\nSigningTable refile:DIR/s\n", "k": keys.String(), "s": senders.String(), "big": strings.Repeat("#", maxText+1)})
	r, err := OpenDKIM(filepath.Join(dir, "opendkim.conf"))
	if err != nil || len(r.Found) != maxFound || len(r.Notes) != maxNotes {
		t.Error(len(r.Found), len(r.Notes), err)
	}
	if _, err := OpenDKIM(filepath.Join(dir, "big")); err == nil {
		t.Error("a file that is too large is read")
	}
	if _, err := parseUCL(strings.Repeat("a{", 1000), nil); err == nil {
		t.Error("sections may be nested without end")
	}
	if _, err := parseUCL("a "+strings.Repeat("[", 1000), nil); err == nil {
		t.Error("lists may be nested without end")
	}
}

func FuzzUCL(f *testing.F) {
	for _, c := range rspamdCases {
		f.Add(c.files[local])
	}
	f.Add("a <<EOD\nx\nEOD\nb = ${x};")
	f.Fuzz(func(t *testing.T, text string) {
		r := rspamd{dir: "/nonexistent", path: rspamdPath, set: map[string]setting{}}
		r.take("f", text)
		lines := 1 + strings.Count(text, "\n")
		for _, n := range r.Notes {
			if n.Line < 0 || n.Line > lines {
				t.Errorf("line %d of %d: %s", n.Line, lines, n.Text)
			}
		}
		for _, name := range []string{"selector_map", "path_map", "signing_table", "key_table"} { // no file of this host is read
			if _, list := r.lists[name]; !list {
				delete(r.set, name)
			}
		}
		if p := r.set["path"]; strings.ContainsAny(p.value, "/.") {
			r.set["path"] = setting{"/nonexistent/$domain.$selector", p.file, p.line}
		} else {
			delete(r.set, "path")
		}
		r.interpret()
		bounded(t, r.Report)
	})
}

func bounded(t *testing.T, r Report) {
	t.Helper()
	if len(r.Found) > maxFound || len(r.Notes) > maxNotes {
		t.Errorf("%d keys, %d notes", len(r.Found), len(r.Notes))
	}
}

func FuzzOpenDKIM(f *testing.F) {
	for _, c := range opendkimCases {
		f.Add(c.files["opendkim.conf"])
	}
	f.Fuzz(func(t *testing.T, text string) {
		o := opendkim{set: map[string]setting{}}
		o.take("f", text, 0)
		for _, name := range []string{"domain", "keytable", "signingtable"} { // no file of this host is read
			if _, file := pathOf(o.set[name].value); file {
				delete(o.set, name)
			}
		}
		o.interpret("f")
		bounded(t, o.Report)
	})
}

func FuzzTables(f *testing.F) {
	f.Add("k example.org:s:/k\nany %:mail:/nonexistent/%/mail\n", "*@example.org k\n* any\n")
	f.Add("a %:%:%", "%@% a:%")
	f.Fuzz(func(t *testing.T, keys, senders string) {
		keys = strings.ReplaceAll(keys, "/", "/nonexistent/") // nothing of this host is looked for
		var r Report
		x := tables{program: "x", keys: lines(keys), senders: lines(senders), keysAt: "k", sendersAt: "s", base: "/nonexistent"}
		x.find(&r)
		bounded(t, r)
	})
}
