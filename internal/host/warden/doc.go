// Package warden keeps the privileges. `postward serve`, started as root, is two processes: the warden, which stays
// root, and its child, the daemon, which runs as the user postward and may do nothing to Postfix by itself. The
// child asks the warden over a socketpair for one of a closed list of acts: on the queue held (what lies in hold), find, look, hold,
// release, delete, restore;
// on the kernel's table of the banned (nft) ban, unban, bans, ensure; share, which gives its own sockets to the groups
// that may use them; log, which opens a file of the mail log for reading; and kick, which ends the sessions of an account in
// Dovecot. There is no act that runs a command, names
// a path, a port or an instance; a file of the log is named as logrotate names them, beside the one of the configuration; a mail is named by a queue ID of checked grammar and the time it arrived, who is banned by a
// prefix and a time, an account by a name that doveadm cannot take for more than one.
//
// What root makes, opens and gives away in directories of others it names by descriptors (dir.go): a hijacked child, or
// a hijacked Postfix, cannot lead it elsewhere.
//
// The warden parses these requests, which a hijacked child could forge, and the begin of queue files, which Postfix wrote: frames are bounded, decoding is
// strict, a batch is bounded, acts have deadlines. The worst a forged request does is to hold, release or delete
// held mail, or to end sessions that may begin again; what is deleted is first copied into a trash directory that only root
// can read, for a week. Or to ban: for a week at most, at the mail ports alone, no more than a /24 or a /48 at a time, and
// never this host, the operator's own networks, or an address that somebody is logged in from (refuse.go). What it says of who
// is logged in is logind's and utmp's; their files are root's, and read with bounds.
//
// Not started as root, everything is one process and the same acts are done with its own rights (tests, and
// `make run` inside its own namespace).
//
// The package may import doveadm, nft, postfix, oldlog (for names) and wire/sock, and nothing else of the house. Client is safe for several
// goroutines; its requests are carried out one after the other.
package warden
