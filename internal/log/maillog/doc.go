// Package maillog is the grammar of the mail server's log: one line in, one Line out.
//
// A line has three layers. The stamp and host are the syslog daemon's (RFC 3164 section 4.1, RFC 3339, RFC 5424, or one of
// journalctl's formats), or BusyBox', a container's, multilog's, Dovecot's own: header.go, rfc5424.go and stampother.go say which. The tag "syslog_name/service/program[pid]: " is Postfix's msg_syslog; Dovecot and saslauthd
// have one word. The rest is the sentence of one program; which sentences are understood stands in one table, in
// program.go. The sentences follow Postfix 2.3 to 3.11, Dovecot's login processes and auth from 1.2 to 2.4,
// Cyrus saslauthd with the PAM library in it, and of MailScanner what it does with mail on hold.
//
// What nothing understands is no error: Kind.Understood says so, and Program says whose line it was. Other is a line of
// a program that we know and a sentence that we do not; it is worth counting, and a new version of Postfix shows there
// first. Unknown is somebody else's line.
//
// Everything is read from the left, each field with the narrowest alphabet it can have, and a sentence is only
// believed when it is understood to its end. So text that a stranger chose (HELO, user name, password, reply, address,
// subject) is never read as a field of ours. A field that stands right of such text is set only when nothing in the
// text imitates it. Where two readings are possible, the line says Doubtful, or the fields in doubt stay nil; it
// never guesses. forged_test.go puts every forgery into every such place. Four limits remain, and no grammar can lift them:
//
//   - logger(1) lets every local user write any line under any tag;
//   - Postfix before 3.5 (or info_log_address_format=internal) logs addresses without quotes, so an odd local part
//     makes its own mail's line Doubtful, or shows a recipient that its sender could as well have named;
//   - the user name of a mail that was taken ends at the first ", sasl_sender=": an auth server that lets people choose
//     names with these letters in them shows the beginning of such a name, and what follows as what was said in AUTH=;
//   - a syslog daemon that cuts lines is not undone. Where a line is cut exactly behind a forgery, the true fields are gone
//     and the forged ones are all there is.
//
// What a daemon folded ("message repeated 3 times: [ … ]") is unfolded into Times. What it wraps in a way that is not read is
// not lost silently: Strange knows a mail program's line by the program's name.
//
// Deviations: a stamp without a year (RFC 3164) gets one only when Stamp.Time is asked with a time to compare.
// Escapes of rsyslog (#012) stay as they are; a line with control characters is Doubtful, for none of these programs
// writes one. A password that Dovecot logged is never part of a field; it is in Text.
//
// Parse allocates nothing, looks at no more than MaxLine bytes, and takes time linear in them. All byte slices of a
// Line are parts of the line that was given, valid as long as it is.
// The package has no state, so no owner. It must not import anything of the house, nor net, os, log.
package maillog
