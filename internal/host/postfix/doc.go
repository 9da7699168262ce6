// Package postfix speaks with Postfix's own tools, postqueue(1), postsuper(1), postcat(1) and postconf(1), and turns
// their words into ours. What a parameter is worth, to Postfix or to one of its services, only postconf says.
//
// What lies in the queue it looks up itself, by name and the first records of a file, as showq(8) does ([Instance.Find],
// [Instance.HeldIDs]): postqueue(1) lists all or nothing. What is done to mail postsuper(1) does.
//
// Postfix uses queue IDs again, and its tools take "ALL" where an ID is meant. So an ID is checked before it
// becomes an argument, and a mail is acted upon only while the queue shows that ID with the time
// of arrival that the caller knows ([Held]). Every act may be repeated: what is done already is done, what is not
// there any more is Gone.
//
// Every call has a deadline (that of its context, at most [Deadline]); nothing passes through a shell. An Instance
// has no state and may be used by several goroutines. The package imports maillog for the grammar of queue IDs and
// nothing else of the house.
package postfix
