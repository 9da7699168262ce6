// Package attach puts postward on the Postfix that is already there, and takes it off again.
//
// It reads main.cf and master.cf as postconf(5) and master(5) define them, asks postconf(1), by package postfix, for every
// effective value, and makes a Plan: which milter socket each smtpd service gets, as insertions into the two files. It
// only ever inserts, so taking off is cutting out what was inserted; nothing of the operator's is rewritten.
//
//	Inspect → Host → NewPlan → Plan.Apply … Detach
//
// # What is inserted
//
// A block of parameters of our own at the end of main.cf, the word $postward_milter behind smtpd_milters, and
// `-o postward_milter=…` on the services whose socket differs from the default:
//
//	smtpd_milters = inet:localhost:8891,$postward_milter
//	postward_milter = $postward_inbound
//	submission inet … smtpd -o postward_milter=$postward_submission
//
// So the operator's own milters are written down once, where they were, and a later change to them reaches
// every service. A service where AUTH is offered gets the submission socket (4xx while postward is down, law 3
// of the design), any other smtpd the inbound one (accept), mail injected with sendmail(1) the local one. What
// a content filter hands back has been judged already and gets none.
//
// # Why ours is the last milter
//
// Postfix calls milters in the order written, and after one that quarantines it asks no other at the end of the
// message; when the mail is released it asks nobody. With postward first, a mail that it holds would pass by the
// scanner that refuses it, and would leave without a signature. Last means: what is held has been seen by all, and
// leaves as they left it; what another refuses costs no budget. The price: a mail that postward refuses was scanned
// for nothing. An attach that stood first wrote `$postward_milter,` in front; detach finds both.
//
// # Trust
//
// master.cf names programs that root starts. So the backup is only ever read back from a directory that belongs
// to the caller and that nobody else can write to, and no file is written through a symbolic link in it.
//
// # Dovecot
//
// When the operator asks for it, Dovecot is told to ask postward about each login (authpolicy): by a file in a directory
// that its configuration includes, which includes another that only root can read (dovecot.go). Each begins with the digest
// of its rest, so detach knows what somebody edited; it takes both away, and the directory is what it was. A configuration
// that includes no directory is not changed.
//
// # fail2ban
//
// Of a fail2ban on the same host its configuration is read (jail.conf(5)), to say which jails postward makes needless; nothing of it is
// written, and fail2ban is not asked.
//
// A Host, a Plan and a Dovecot are values of one goroutine. Nothing here runs in the background. The package must not import
// an edge other than postfix, doveadm and authpolicy, nor store, nor daemon.
package attach
