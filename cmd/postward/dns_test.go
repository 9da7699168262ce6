package main

import (
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// dnsZone are domains with something to publish: one that lacks everything but a policy that forgets its sender, one that is
// sound, one that says two things.
const dnsZone = `
zoned.example. SOA ns.zoned.example. host.zoned.example. 1 1 1 1 1
zoned.example. MX 10 mx.zoned.example.
zoned.example. TXT "v=spf1 ip4:192.0.2.80 -all"
zoned.example. TXT "google-site-verification=abc"
mx.zoned.example. A 192.0.2.25
sound.example. SOA ns.sound.example. host.sound.example. 1 1 1 1 1
sound.example. MX 10 mx.sound.example.
sound.example. TXT "v=spf1 mx -all"
_dmarc.sound.example. TXT "v=DMARC1; p=reject; rua=mailto:d@sound.example"
_smtp._tls.sound.example. TXT "v=TLSRPTv1; rua=mailto:t@sound.example"
_mta-sts.sound.example. TXT "v=STSv1; id=1"
mx.sound.example. A 192.0.2.25
two.example. SOA ns.two.example. host.two.example. 1 1 1 1 1
two.example. MX 10 mx.two.example.
two.example. TXT "v=spf1 mx include:spf.gone.example -all"
_dmarc.two.example. TXT "v=DMARC1; p=reject"
_dmarc.two.example. TXT "v=DMARC1; p=none; rua=mailto:d@two.example"
_smtp._tls.two.example. TXT "v=TLSRPTv1; rua=t@two.example"
mail._domainkey.two.example. TXT "v=DKIM1; k=ed25519; p=CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk="
mx.two.example. A 192.0.2.25
`

// dnsFiles are keys and configurations for postward dns.
func dnsFiles(t *testing.T) map[string]string {
	t.Helper()
	found := regexp.MustCompile(`(?m)^mail._domainkey.good.example. TXT "v=DKIM1; k=rsa; p=" "([^"]*)" "([^"]*)"$`).FindStringSubmatch(zone)
	der, err := base64.StdEncoding.DecodeString(found[1] + found[2])
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"mail.pem": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})),
		"dns.toml": "[dns]\nsenders = [\"192.0.2.25\"]\nreports = \"reports@example.net\"\nkey_file = \"/nonexistent/tsig.key\"\n",
	}
}

// TestARecordInEachFormIsTheSame: what is typed into a web form is what stands in the zone file, without quotes.
func TestARecordInEachFormIsTheSame(t *testing.T) {
	name := nameServer(t, zone+dnsZone)
	bind, said, code := postward(t, "dns", "show", "zoned.example", "--sender", "192.0.2.25", "--resolver", name, "--server", name)
	if code != exitFine {
		t.Fatal(code, said)
	}
	web, _, _ := postward(t, "dns", "show", "zoned.example", "--sender", "192.0.2.25", "--resolver", name, "--server", name, "--form", "web")
	rows := strings.Split(strings.TrimSpace(web), "\n")[1:]
	lines := strings.Split(strings.TrimSpace(bind), "\n")
	if len(rows) != len(lines) || len(rows) < 3 {
		t.Fatalf("%d rows, %d lines\n%s\n%s", len(rows), len(lines), web, bind)
	}
	for i, row := range rows {
		field := strings.Split(row, "\t")
		full := strings.TrimPrefix(field[0]+".zoned.example.", "@.")
		if !strings.HasPrefix(lines[i], full+" ") || !strings.HasSuffix(lines[i], ` IN TXT "`+field[2]+`"`) {
			t.Errorf("%q is %q", row, lines[i])
		}
	}
}

// keyed is a configuration with a directory of keys in which somebody wrote a state.
func keyed(t *testing.T, who, state string) (config, keys string) {
	t.Helper()
	dir := openDir(t)
	config, keys = filepath.Join(dir, "postward.toml"), filepath.Join(dir, "state", "keys")
	if err := os.MkdirAll(keys, 0o755); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{config: fmt.Sprintf("state_dir = %q\nuser = %q\n", filepath.Dir(keys), who), filepath.Join(keys, "state.json"): state} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return config, keys
}

// TestNoKeyOfOthersIsTakenOutByWhatTheDirectoryOfKeysSays: whoever took the daemon over may write into it that the key of a third party
// was ours and is removed.
func TestNoKeyOfOthersIsTakenOutByWhatTheDirectoryOfKeysSays(t *testing.T) {
	const public = "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk="
	const one = `{"domain":"two.example","selector":"%s","algorithm":"ed25519","bits":256,"public":"%s","state":"removed","since":"2026-01-01T00:00:00Z","made":"2026-01-01T00:00:00Z","from":"%s"}`
	name := nameServer(t, zone+dnsZone+"pw20260101e._domainkey.two.example. TXT \"v=DKIM1; k=ed25519; p="+public+"\"\n"+
		"pw20260102e._domainkey.two.example. TXT \"v=DKIM1; k=ed25519; p="+public+"\"\n")
	root, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	config, _ := keyed(t, root.Username, `{"version":1,"keys":[`+fmt.Sprintf(one, "mail", public, "")+","+fmt.Sprintf(one, "pw20260101e", public, "")+","+fmt.Sprintf(one, "pw20260102e", public, "opendkim")+"]}")
	out, said, _ := postward(t, "--config", config, "dns", "diff", "two.example", "--sender", "192.0.2.25", "--resolver", name, "--server", name)
	for _, want := range []string{"# dkim at mail._domainkey.two.example: by hand: ", "\n mail._domainkey.two.example. ", "\n-pw20260101e._domainkey.two.example. ", "\n pw20260102e._domainkey.two.example. "} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s%s", want, out, said)
		}
	}
}

// TestRootReadsTheKeysAsTheDaemonsUser: no name that he put there leads root to a key that he may not read.
func TestRootReadsTheKeysAsTheDaemonsUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	name := nameServer(t, zone+dnsZone)
	config, keys := keyed(t, "nobody", `{"version":1,"keys":[]}`)
	roots := t.TempDir()
	if err := os.WriteFile(filepath.Join(roots, "secret-rsa.pem"), []byte(privatePEM(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(roots, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(roots, filepath.Join(keys, "zoned.example")); err != nil {
		t.Fatal(err)
	}
	out, said, code := postward(t, "--config", config, "dns", "show", "zoned.example", "--sender", "192.0.2.25", "--resolver", name, "--server", name)
	if code != exitFine || strings.Contains(out, "secret._domainkey") {
		t.Errorf("%d\n%s%s", code, out, said)
	}
}

// TestRootReadsTheKeyForUpdatesBeforeItIsNotRootAnyMore: that key is root's alone.
func TestRootReadsTheKeyForUpdatesBeforeItIsNotRootAnyMore(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become another user")
	}
	name := nameServer(t, zone+dnsZone)
	config, _ := keyed(t, "nobody", `{"version":1,"keys":[]}`)
	key := filepath.Join(t.TempDir(), "tsig.key")
	if err := os.WriteFile(key, []byte("key \"postward\" { algorithm hmac-sha256; secret \"c2VjcmV0\"; };\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(config)
	if err == nil {
		err = os.WriteFile(config, fmt.Appendf(text, "[dns]\nkey_file = %q\n", key), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	_, said, code := postward(t, "--config", config, "dns", "publish", "zoned.example", "--apply", "--sender", "192.0.2.25", "--resolver", name, "--server", name)
	if code != exitFailed || !strings.Contains(said, "takes TCP on port 53") { // the server of this test does not
		t.Errorf("%d\n%s", code, said)
	}
}
