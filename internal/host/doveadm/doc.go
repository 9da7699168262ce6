// Package doveadm speaks with Dovecot's own tools: doveadm(1) who and kick, doveconf(1). It is to Dovecot what package
// postfix is to Postfix: only Dovecot says what a setting is worth, and who is logged in.
//
// doveadm takes patterns ("*") where a name is meant, and reads a name that could be an address ("10.1", "0x7f000001") as one: it
// then ends the sessions of everybody who comes from there. So a name is of a strict grammar before it becomes an argument
// (ParseAccount).
//
// Every call has a deadline and a bound of what is read; nothing passes through a shell. An Instance has no state and may
// be used by several goroutines. The package may import postfix, for running a tool, and nothing else of the house.
package doveadm
