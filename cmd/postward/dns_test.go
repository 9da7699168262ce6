package main

import (
	"encoding/base64"
	"encoding/pem"
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
