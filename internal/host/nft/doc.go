// Package nft keeps addresses away from the mail ports of this host: one table of nf_tables, `inet postward`, written by
// netlink (nft(8), nf_tables in the kernel's Documentation/netlink/specs/nftables.yaml). No other table is looked into or
// touched, and without a ban nothing is dropped: every policy is accept.
//
//	set ports                    the mail ports: a ban closes these, and never ssh
//	set allow4, allow6           intervals, without an end: who is never dropped
//	set ban4, ban6               single addresses: hashes, each with its own time
//	set ban6host                 the /64 that a host has: a hash, by its first address
//	set ban4net, ban6net         other prefixes: intervals, each with its own time
//	set login4 … login6net       the same, of those that are banned from logging in alone
//	chain prerouting             priority raw (-300): tcp dport @ports jump mail
//	chain mail                   source in allow: return; source in a ban set: counter drop; tcp dport != 25 jump logins
//	chain logins                 source in a login set: counter drop
//
// At raw the chain stands before connection tracking and before Docker's DNAT (-100), which an input hook would not see:
// what is published by a container is closed too, at the port where the world reaches it. Packets of connections that are
// open are dropped like the first one. What this host sends, and the answers to it, pass: mail to a banned address leaves.
//
// The kernel forgets a ban by itself when its time is over. An interval set holds no two intervals that overlap: of
// prefixes of which one holds the other, the wider stands, and whoever keeps the list adds the narrower one again when
// that is gone (Add says more). What a host has lies in sets of its own, whatever prefix holds it. A prefix is banned in one
// way or the other: who is added in one is taken out of the other in the same transaction.
//
// The package imports nothing of the house, and neither asks nor decides whom to ban: the warden refuses what would lock
// out the operator. A Table is for one goroutine at a time.
package nft
