package main

import (
	"context"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"postward/test/rig"
)

// ours is the keys of example.org, as rspamd and opendkim keep them.
type ours struct {
	dir   string // of rspamd's configuration: local.d/dkim_signing.conf
	plain string // opendkim's: its RSA key
	pair  pair
}

// keep writes the keys of example.org. What rspamd has, which runs as its own user, postward takes over.
func (b *bench) keep() (err error) {
	if b.ours.pair, err = newPair(); err != nil {
		return err
	}
	if b.ours.dir, err = rig.NewDir("rspamd"); err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(b.ours.pair.rsa)
	if err != nil {
		return err
	}
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	b.ours.plain = filepath.Join(b.ours.dir, "opendkim.pem")
	at := func(name string) string { return filepath.Join(b.ours.dir, name) }
	if err := os.Mkdir(at("local.d"), 0o755); err != nil {
		return err
	}
	for path, text := range map[string]string{
		b.ours.plain: text, at("r.key"): text, at("e.key"): base64.StdEncoding.EncodeToString(b.ours.pair.ed25519) + "\n",
		at("local.d/dkim_signing.conf"): "domain {\n  example.org {\n    selectors [\n" +
			"      { path = \"" + at("r.key") + "\"; selector = \"r\"; },\n      { path = \"" + at("e.key") + "\"; selector = \"e\"; }\n    ]\n  }\n}\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// policyd is a process of policyd-spf: Postfix's spawn(8) starts one for each smtpd.
func policyd(r rig.Running) bool {
	return strings.Contains(r.Command, "policyd-spf") && !strings.HasPrefix(r.Command, "spawn")
}

// setConfig is as the READMEs of Debian's packages have it.
var setConfig = rig.PostfixConfig{
	SMTPMilters: "unix:opendkim.sock, unix:opendmarc.sock", SubmissionMilters: "unix:opendkim.sock",
	Main: map[string]string{
		"smtpd_recipient_restrictions": "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination, check_policy_service unix:private/policyd-spf",
		"policyd-spf_time_limit":       "3600",
	},
	Master: []string{"policyd-spf unix - n n - 0 spawn user=policyd-spf argv=/usr/bin/policyd-spf"},
}

const opendkimConf = `Syslog no
Mode sv
Socket local:%s
UMask 000
Canonicalization relaxed/relaxed
OversignHeaders From
AuthservID mail.example.org
Domain example.org
Selector r
KeyFile %s
Nameservers 127.0.0.1
`

const opendmarcConf = `Syslog false
Socket local:%s
UMask 0000
AuthservID mail.example.org
TrustedAuthservIDs mail.example.org
IgnoreAuthenticatedClients true
RejectFailures false
PublicSuffixList /usr/share/publicsuffix/public_suffix_list.dat
`

// startSet starts the two milters of the set; the policy server is started by Postfix. opendkim's resolver would ask the root
// servers: it is told the room's.
func startSet(b *bench, ctx context.Context, w *way) error {
	var milters []*rig.Process
	for _, m := range []struct{ name, flag, conf string }{
		{"opendkim", "-x", fmt.Sprintf(opendkimConf, w.socket("opendkim.sock"), b.ours.plain)},
		{"opendmarc", "-c", fmt.Sprintf(opendmarcConf, w.socket("opendmarc.sock"))},
	} {
		conf := filepath.Join(b.ours.dir, m.name+".conf")
		if err := os.WriteFile(conf, []byte(m.conf), 0o644); err != nil {
			return err
		}
		p, err := b.parts.Start(filepath.Join(b.ours.dir, m.name+".log"), nil, m.name, "-f", m.flag, conf)
		if err != nil {
			return err
		}
		if err := w.listens(ctx, p, m.name+".sock"); err != nil {
			return err
		}
		milters = append(milters, p)
	}
	w.memory = func() []int {
		return append(append(milters[0].Pids(), milters[1].Pids()...), rig.PidsOf(policyd)...)
	}
	return nil
}

//go:embed rspamd.conf
var rspamdConf string

// plugins are those of rspamd's modules that are there.
var plugins = []string{"spf", "dmarc", "arc", "dkim_signing", "milter_headers"}

func startRspamd(b *bench, ctx context.Context, w *way) error {
	dir := b.ours.dir
	for _, name := range []string{"plugins", "db"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			return err
		}
	}
	for _, name := range plugins {
		if err := os.Symlink("/usr/share/rspamd/plugins/"+name+".lua", filepath.Join(dir, "plugins", name+".lua")); err != nil {
			return err
		}
	}
	conf := filepath.Join(dir, "rspamd.conf")
	text := strings.NewReplacer("DIR", dir, "SOCKET", w.socket("rspamd.sock")).Replace(rspamdConf)
	for path, text := range map[string]string{conf: text, filepath.Join(dir, "rspamd.lua"): "require \"global_functions\" ()\n"} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	if out, err := exec.Command("chown", "-R", "_rspamd:_rspamd", dir).CombinedOutput(); err != nil {
		return fmt.Errorf("give rspamd its directory: %w: %s", err, out)
	}
	p, err := b.parts.Start(filepath.Join(rig.Dir(), "rspamd.out"), nil, "rspamd", "-f", "-u", "_rspamd", "-g", "_rspamd", "-c", conf)
	if err != nil {
		return err
	}
	w.memory = p.Pids
	return w.listens(ctx, p, "rspamd.sock")
}
