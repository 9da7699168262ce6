package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"postward/test/rig"
)

// password is part of every password that is said, right ones and wrong ones, so that tests can look for it.
const password = "Zwetschge"

// site is one Postfix with one Dovecot, and the world that it sends to.
type site struct {
	postfix *rig.Postfix
	sink    *rig.Sink

	imap, pop3, sieve                  int
	screened, hasty, rated, unfiltered int // further ports of Postfix: see master
}

func (s *site) ports(all ...*int) error {
	for _, port := range all {
		free, err := rig.FreePort()
		if err != nil {
			return err
		}
		*port = free
	}
	return nil
}

// open starts everything; log is Postfix' maillog_file, dovecot further lines for Dovecot.
func (s *site) open(parts *rig.Processes, log, dovecot string) (err error) {
	if s.sink, err = rig.StartSink("127.0.0.1:0"); err != nil {
		return err
	}
	parts.Add(s.sink.Close)
	s.sink.Answer("gone@far.test", rig.Answer{Code: 550, Text: "5.1.1 no such user"})
	s.sink.Answer("late@far.test", rig.Answer{Code: 451, Text: "4.7.1 come again"})
	s.sink.Answer("spam@far.test", rig.Answer{Code: 554, Text: "5.7.1 no thanks", AtEnd: true})
	milter, err := startMilter(parts)
	if err != nil {
		return err
	}
	if err := s.lay(milter, log); err != nil {
		return err
	}
	if err := s.startDovecot(parts, dovecot); err != nil {
		return err
	}
	parts.Add(s.postfix.Stop)
	return s.postfix.Start()
}

func (s *site) lay(milter, log string) error {
	if err := s.ports(&s.screened, &s.hasty, &s.rated, &s.unfiltered); err != nil {
		return err
	}
	dir, err := rig.NewDir("tables")
	if err != nil {
		return err
	}
	main, err := s.main(dir, milter, log)
	if err != nil {
		return err
	}
	s.postfix, err = rig.NewPostfix(rig.PostfixConfig{Sink: s.sink.Addr, Main: main, Master: s.master(), SubmissionMilters: milter})
	return err
}

// main is what main.cf has more than the rig's.
func (s *site) main(dir, milter, log string) (map[string]string, error) {
	cert, key, err := certificate(dir)
	if err != nil {
		return nil, err
	}
	tables := map[string]string{
		"aliases": "anna /dev/null\nteam anna, bert@far.test\nforward carla@far.test\nbroken gone@far.test\nprogram \"|/bin/false\"\nbusy \"|exit 75\"\n",
		"checks":  "/^Subject: hold me/ HOLD because of its subject\n/^Subject: refuse me/ REJECT not this\n/^Subject: lose me/ DISCARD\n/^Subject: warn me/ WARN seen\n/^Subject: turn me/ REDIRECT other@far.test\n/^Subject: note me/ INFO seen\n/^X-Old:/ REPLACE X-New: replaced\n",
	}
	for name, text := range tables {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	refused := "127.0.0.1]:1"
	return map[string]string{
		"maillog_file":          log,
		"maillog_file_prefixes": rig.Dir(),
		"local_transport":       "local:$myhostname",
		"alias_maps":            "texthash:" + dir + "/aliases",
		"local_recipient_maps":  "$alias_maps",
		"header_checks":         "regexp:" + dir + "/checks",
		"transport_maps":        "inline:{ {dead.test = smtp:[" + refused + "}, {nowhere.test = smtp:mx.nowhere.test}, {strict.test = strict:[" + strings.Replace(s.sink.Addr, ":", "]:", 1) + "}, {void.test = discard:}, {no.test = error:not here}, {wait.test = retry:not now} }",
		"virtual_alias_maps":    "inline:{ {everybody@example.org = anna@example.org dora@far.test} }",
		"smtpd_recipient_restrictions": "check_recipient_access inline:{ {held@example.org = HOLD}, {lost@example.org = DISCARD}, {turned@example.org = REDIRECT other@far.test}," +
			" {noted@example.org = WARN}, {infoed@example.org = INFO seen}, {prepended@example.org = PREPEND X-Seen: yes}, {filtered@example.org = FILTER smtp:[" + refused + "}, {later@example.org = DEFER not now} }, warn_if_reject reject_non_fqdn_helo_hostname, reject_non_fqdn_sender, reject_non_fqdn_recipient",
		"smtpd_relay_restrictions":            "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination",
		"smtpd_milters":                       milter,
		"smtpd_tls_security_level":            "may",
		"smtpd_tls_cert_file":                 cert,
		"smtpd_tls_key_file":                  key,
		"smtpd_tls_loglevel":                  "1",
		"smtp_tls_loglevel":                   "1",
		"smtpd_sasl_auth_enable":              "yes",
		"smtpd_hard_error_limit":              "6",
		"message_size_limit":                  "200000",
		"smtpd_forbidden_commands":            "CONNECT GET POST",
		"postscreen_access_list":              "",
		"postscreen_cache_map":                "",
		"postscreen_greet_action":             "enforce",
		"postscreen_greet_wait":               "2s",
		"postscreen_pipelining_enable":        "yes",
		"postscreen_non_smtp_command_enable":  "yes",
		"postscreen_bare_newline_enable":      "yes",
		"anvil_status_update_time":            "1s",
		"anvil_rate_time_unit":                "60s",
		"smtpd_client_event_limit_exceptions": "",
	}, nil
}

// master has a postscreen, an smtpd that is soon tired, one that counts, and one whose milter is not there.
func (s *site) master() []string {
	return []string{
		fmt.Sprintf("%d inet n - n - 1 postscreen", s.screened),
		"smtpd pass - - n - - smtpd", "dnsblog unix - - n - 0 dnsblog", "tlsproxy unix - - n - 0 tlsproxy",
		fmt.Sprintf("%d inet n - n - - smtpd\n  -o smtpd_timeout=1s", s.hasty),
		fmt.Sprintf("%d inet n - n - - smtpd\n  -o smtpd_client_auth_rate_limit=1", s.rated),
		fmt.Sprintf("%d inet n - n - - smtpd\n  -o smtpd_milters=unix:/nowhere -o milter_default_action=tempfail", s.unfiltered),
		"strict unix - - n - - smtp\n  -o smtp_tls_security_level=encrypt",
	}
}

// startDovecot serves IMAP, POP3 and ManageSieve, and logins for Postfix.
func (s *site) startDovecot(parts *rig.Processes, extra string) error {
	if err := s.ports(&s.imap, &s.pop3, &s.sieve); err != nil {
		return err
	}
	mailboxes, err := rig.Mailboxes(s.imap, s.pop3)
	if err != nil {
		return err
	}
	mailboxes = strings.Replace(mailboxes, "protocols = imap pop3", "protocols = imap pop3 sieve", 1)
	listener := fmt.Sprintf("service managesieve-login {\n  inet_listener sieve {\n    port = %d\n  }\n}\n", s.sieve)
	d, err := rig.StartDovecot(s.postfix, map[string]string{"anna": password + "-anna", "bert@example.org": password + "-bert"}, mailboxes, listener, extra)
	if err != nil {
		return err
	}
	parts.Add(d.Stop)
	for _, port := range []int{s.imap, s.pop3, s.sieve} {
		if err := waitFor("Dovecot's ports", func() error { return dialogue(port, true) }); err != nil {
			return err
		}
	}
	return nil
}

// mailboxesOnly starts a Dovecot beside a Postfix that never runs.
func (s *site) mailboxesOnly(parts *rig.Processes, extra string) (err error) {
	if s.postfix, err = rig.NewPostfix(rig.PostfixConfig{Sink: "127.0.0.1:1"}); err != nil {
		return err
	}
	return s.startDovecot(parts, extra)
}

// talkative has Dovecot say all that it can, passwords too, and asks a second database, which has workers.
func talkative() (string, error) {
	version, err := rig.DovecotVersion()
	common := "auth_verbose_passwords = plain\nauth_debug = yes\n"
	if rig.Dovecot23(version) {
		return common + "auth_debug_passwords = yes\npassdb {\n  driver = pam\n}\n", err
	}
	return common + "passdb pam {\n}\n", err
}

// startSyslog starts a syslog daemon that writes each line in three forms.
func startSyslog() (*rig.Process, map[string]string, error) {
	dir, err := rig.NewDir("syslog")
	if err != nil {
		return nil, nil, err
	}
	// Without the first, APP-NAME in RFC 5424 is "postfix" for all of Postfix' programs: docs/logs.md.
	conf := "global(parser.permitSlashInProgramName=\"on\")\nmodule(load=\"imuxsock\")\n"
	files := map[string]string{}
	for form, template := range map[string]string{"rfc3164": "RSYSLOG_TraditionalFileFormat", "rfc3339": "RSYSLOG_FileFormat", "rfc5424": "RSYSLOG_SyslogProtocol23Format"} {
		files[form] = filepath.Join(dir, form+".log")
		conf += fmt.Sprintf("mail.* action(type=\"omfile\" file=\"%s\" template=\"%s\")\n", files[form], template)
	}
	path := filepath.Join(dir, "rsyslog.conf")
	if err := os.WriteFile(path, []byte(conf), 0o644); err != nil {
		return nil, nil, err
	}
	p, err := rig.StartProcess(filepath.Join(dir, "said"), nil, "rsyslogd", "-n", "-iNONE", "-f", path)
	if err != nil {
		return nil, nil, err
	}
	return p, files, waitFor("rsyslog's /dev/log", func() error { _, err := os.Stat("/dev/log"); return err })
}
