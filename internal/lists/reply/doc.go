// Package reply says what a receiver's answer to a mail means: who speaks, what about, and what to do.
//
// An SMTP reply (RFC 5321 section 4.2) is a code of three digits and a text for people, an enhanced status code (RFC 3463) may stand
// between them. The codes say little: 550 5.7.1 is a full blocklist, a poor reputation and a missing SPF record alike. The text says
// the rest, in each receiver's own words. So Parse takes apart what Postfix logged of a reply, joins its lines and takes out the
// codes that stand between them; a Reader looks the words up in patterns, which are data: receivers.yaml and the operator's own
// files. The first that matches, in the order of the files, is what the reply means. What no pattern knows is judged by its enhanced
// code where that is sure (RFC 3463 section 3, RFC 7372), and is otherwise unknown.
//
// The text is a stranger's. So:
//
//   - The host decides who speaks: the name of the MX that Postfix connected to. Who is hosted at Google is Google, whatever his
//     domain. Who speaks in Gmail's words at another host is that host, and Meaning says whose words they are. The text alone names
//     a receiver only where no host is known, and Meaning says so.
//   - Advice and links come from the patterns. A link of the reply is advice only when it leads to the receiver's own domains, and
//     the host is his.
//   - What is shown is printable, one line and short; it stays plain text: whoever makes HTML of it escapes it.
//
// Cost: an automaton looks for the fixed words of all patterns at once; only of those found the regular expression is tried. What was
// read lately is remembered.
//
// Pure: no net, no clock, no log. A Set does not change and may be used by many; a Reader is for one goroutine. It imports facts and
// nothing else of the house.
package reply
