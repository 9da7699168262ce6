// Package guess says who guesses passwords here, and what follows: an address is banned for a time, an account that many
// addresses guess at is protected, a shared address is confined to the accounts that it is known for. It is pure: Watch.Take
// folds attempts, one after the other, with the time that they carry; nothing is looked up, nothing is done.
//
// The rules, each with its reason (see Reason) and what spares an innocent; the numbers stand in docs/guessing.md:
//
//   - One address, one account: many refused logins in an hour, a day, a week. A traveller who mistypes seven times is none. Where
//     the account's owner has his provider it is more, and at an address from where it logged in before it is nothing.
//   - One address, several people. A client that tries "anna" and "anna@example.org" says one name. Names that nobody has weigh more.
//     A list of names has some twice: six hasty tries at five people are as many as at six.
//   - Names that every guesser brings along and nobody has here (alarm, pi, test): one try.
//   - Many networks, one account: it is protected, and who adds three tries is banned. It is protected for a day in any two, so
//     that guessing is no switch to lock its owner out; in the rest of the time only networks that take part are refused.
//   - A /24 or a /48, each address a little, from where nobody ever logged in. Where somebody lives, each address pays for itself.
//   - Before a login: relay, many recipients that nobody has, speaking before the greeting, no SMTP.
//
// Whoever tells the Watch of a name says whose account it is, if there is one: homes, protections and what is forgiven are an account's,
// by its whole name, and a name is what one address tries, whatever its domain.
//
// Never banned: the operator's own networks, the allow list, an address from where somebody logged in within a week; for its manners
// alone, one whose mail was taken within one. An address that is at home here and guesses at other people's accounts is confined
// instead: it may only log in to those it had logged in to before.
//
// An address by which nearly everybody comes is a proxy, or hides the clients' addresses otherwise (front.go): what is guessed by it is
// nobody's, and is told.
//
// A good login forgives the failures of its own account at its own address, unless it ends a wave: then it is told (Cracked), and
// counts as nobody's home.
//
// A ban lasts 30 minutes, four times as long each time, a week at most. After 30 days without one it is forgotten.
//
// What is remembered is bounded, and what outsiders can fill is apart from what good logins fill: a flood of addresses forgets
// addresses that failed, never one that is at home, and one account is at home at few addresses. What is forgotten where there is no
// room is a matter of chance: two Watches that were told the same may differ there. Watch is not safe for several goroutines. It imports the standard library only.
package guess
