// Package maillog is the grammar of Postfix's log: one line in, one Line out.
//
// A line has three layers. The stamp and host are the syslog daemon's (RFC 3164 section 4.1, or RFC 3339 with
// an offset, as rsyslog and journald's exports write it). The tag "syslog_name/service/program[pid]: " is
// Postfix's msg_syslog. The rest is the sentence of one program; which sentences are understood stands in one
// table, in program.go. The sentences follow Postfix 2.3 to 3.10: log_adhoc (deliveries), log_whatsup (smtpd),
// cleanup_milter_apply, pickup, qmgr_active, postsuper, bounce_notify_*.
//
// Everything is read from the left, each field with the narrowest alphabet it can have, and a sentence is only
// believed when it is understood to its end. So text that a stranger chose (HELO, user name, reply, address,
// subject) is never read as a field of ours. Where two readings are possible, the line says Doubtful, or the
// fields in doubt stay nil; it never guesses. Three limits remain, and no grammar can lift them:
//
//   - logger(1) lets every local user write any line under any tag;
//   - Postfix before 3.5 (or info_log_address_format=internal) logs addresses without quotes, so an odd local part
//     makes its own mail's line Doubtful, or shows a recipient that its sender could as well have named;
//   - a syslog daemon that cuts or rewrites lines ("message repeated 3 times: [ … ]") is not undone: Other.
//
// Deviations: a stamp without a year (RFC 3164) gets one only when Stamp.Time is asked with a time to compare.
// Escapes of rsyslog (#012) stay as they are.
//
// Parse allocates nothing. All byte slices of a Line are parts of the line that was given, valid as long as it is.
// The package has no state, so no owner. It must not import anything of the house, nor net, os, log.
package maillog
