// Package mailcost measures what a mail costs on its way through a Postfix: the time of its transaction, the CPU time of
// everything in the room, what is written to disks; and it is the milter that does nothing, beside which others are measured.
// What a bench measures with it, and what it compares, the bench says.
package mailcost
