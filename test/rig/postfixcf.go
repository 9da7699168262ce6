package rig

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// mainCF: Debian's defaults, the private directories, the sink as the only way out, and no waits made for the
// Internet: retries within seconds, no limits per client, no pauses after errors.
func (p *Postfix) mainCF() string {
	// A host name could be looked up; an address in brackets is not.
	sink := "[" + strings.Replace(p.Sink, ":", "]:", 1)
	params := map[string]string{
		"compatibility_level":   "3.6",
		"queue_directory":       p.QueueDir,
		"data_directory":        p.Dir + "/data",
		"command_directory":     "/usr/sbin",
		"daemon_directory":      "/usr/lib/postfix/sbin",
		"mail_owner":            "postfix",
		"setgid_group":          "postdrop",
		"maillog_file":          p.LogPath,
		"maillog_file_prefixes": p.Dir,

		"myhostname":          p.Hostname,
		"mydomain":            p.Domain,
		"myorigin":            "$mydomain",
		"mydestination":       "$myhostname, $mydomain, localhost",
		"mynetworks":          "127.0.0.0/8",
		"inet_interfaces":     "all",
		"inet_protocols":      "ipv4",
		"alias_maps":          "",
		"alias_database":      "",
		"biff":                "no",
		"smtpd_banner":        "$myhostname ESMTP $mail_name (Debian/GNU)",
		"append_dot_mydomain": "no",

		"relayhost":                sink,
		"local_transport":          "smtp:" + sink,
		"local_recipient_maps":     "",
		"smtp_tls_security_level":  "none",
		"smtpd_tls_security_level": "none",

		"smtpd_relay_restrictions":       "permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination",
		"smtpd_sasl_type":                "dovecot",
		"smtpd_sasl_path":                "private/auth",
		"smtpd_authorized_xclient_hosts": "127.0.0.0/8",
		// Whom XCLIENT presents is local to Postfix, which would complete his header before a milter sees it.
		"local_header_rewrite_clients": "",
		"smtpd_milters":                p.SMTPMilters,
		"non_smtpd_milters":            p.LocalMilters,

		"queue_run_delay":      "1s",
		"minimal_backoff_time": "2s", // in less smtp(8) may still have the file locked that it has deferred; then qmgr leaves it for minutes
		"maximal_backoff_time": "3s",
		"in_flow_delay":        "0s",

		"smtpd_client_connection_count_limit": "0",
		"smtpd_client_connection_rate_limit":  "0",
		"smtpd_error_sleep_time":              "0s",
		"smtpd_soft_error_limit":              "1000",
		"smtpd_hard_error_limit":              "1000",
	}
	maps.Copy(params, p.Main)
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(params)) {
		fmt.Fprintf(&text, "%s = %s\n", name, params[name])
	}
	return text.String()
}

// services is Debian 12's master.cf without the two that listen: chroot is y where Debian has y.
const services = `pickup    unix  n       -       y       60      1       pickup
cleanup   unix  n       -       y       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
rewrite   unix  -       -       y       -       -       trivial-rewrite
bounce    unix  -       -       y       -       0       bounce
defer     unix  -       -       y       -       0       bounce
trace     unix  -       -       y       -       0       bounce
verify    unix  -       -       y       -       1       verify
flush     unix  n       -       y       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
proxywrite unix -       -       n       -       1       proxymap
smtp      unix  -       -       y       -       -       smtp
relay     unix  -       -       y       -       -       smtp
        -o syslog_name=postfix/$service_name
showq     unix  n       -       y       -       -       showq
error     unix  -       -       y       -       -       error
retry     unix  -       -       y       -       -       error
discard   unix  -       -       y       -       -       discard
local     unix  -       n       n       -       -       local
virtual   unix  -       n       n       -       -       virtual
lmtp      unix  -       -       y       -       -       lmtp
anvil     unix  -       -       y       -       1       anvil
scache    unix  -       -       y       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
`

func (p *Postfix) masterCF() string {
	submission := []string{
		"syslog_name=postfix/submission",
		"smtpd_sasl_auth_enable=yes",
		"smtpd_tls_auth_only=no",
		"smtpd_relay_restrictions=permit_sasl_authenticated,reject",
		"milter_macro_daemon_name=ORIGINATING",
		"smtpd_milters=" + p.SubmissionMilters,
	}
	var text strings.Builder
	listen(&text, p.SMTPPort, p.SMTPOptions)
	listen(&text, p.SubmissionPort, append(submission, p.SubmissionOptions...))
	text.WriteString(services)
	for _, line := range p.Master {
		text.WriteString(line + "\n")
	}
	return text.String()
}

func listen(text *strings.Builder, port int, options []string) {
	name := fmt.Sprint(port)
	if debian, ok := map[int]string{25: "smtp", 465: "submissions", 587: "submission"}[port]; ok {
		name = debian
	}
	fmt.Fprintf(text, "%-10s inet n       -       y       -       -       smtpd\n", name)
	for _, option := range options {
		key, value, _ := strings.Cut(option, "=")
		fmt.Fprintf(text, "  -o { %s = %s }\n", strings.TrimSpace(key), strings.TrimSpace(value))
	}
}
