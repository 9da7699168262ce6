// Package warden keeps the privileges. `postward serve`, started as root, is two processes: the warden, which stays
// root, and its child, the daemon, which runs as the user postward and may do nothing to Postfix by itself. The
// child asks the warden over a socketpair for one of a closed list of acts: list, look, hold, release, delete, restore; and share,
// which gives its own sockets to the groups that may use them. There is no act that runs a command, names a path or
// names an instance; a mail is named by a queue ID of checked grammar and the time it arrived.
//
// What root makes, opens and gives away in directories of others it names by descriptors (dir.go): a hijacked child, or
// a hijacked Postfix, cannot lead it elsewhere.
//
// The warden parses nothing but these requests, which a hijacked child could forge: frames are bounded, decoding is
// strict, a batch is bounded, acts have deadlines. The worst a forged request does is to hold, release or delete
// held mail; what is deleted is first copied into a trash directory that only root can read, for a week.
//
// Not started as root, everything is one process and the same acts are done with its own rights (tests, and
// `make run` inside its own namespace).
//
// The package may import postfix and nothing else of the house. Client is safe for several goroutines; its requests
// are carried out one after the other.
package warden
