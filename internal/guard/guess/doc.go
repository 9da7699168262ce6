// Package guess says who guesses passwords here, and what follows: an address is banned for a time, an account that many
// addresses guess at is protected, a shared address is confined to the accounts that it is known for. It is pure: Watch.Take
// folds attempts, one after the other, with the time that they carry; nothing is looked up, nothing is done.
//
// The rules, each with its reason (see Reason), and what each would cost an innocent:
//
//   - One address, one account: 8 refused logins in an hour, 12 in a day, 20 in a week. A traveller who mistypes four times, or
//     seven, is none. Where the account is at home in the network it is four times as many, at home at the address it is nothing.
//   - One address, several accounts: 4 names in a day, 6 in a week; of names that nobody has 3. A client that tries "anna" and
//     "anna@example.org" says one name.
//   - Names that every guesser knows and nobody has here (alarm, pi, test): one try.
//   - Many networks, one account: from 10 of them in a day the account is guessed at. It is protected while it lasts and an hour
//     longer, never longer than a day in one piece, so that guessing is no switch to lock its owner out. Who adds three tries is banned.
//   - Many addresses of one /24, or many /64 of one /48, from where nobody ever logged in: 12 refused logins in a day.
//   - Before a login: who asks for relay, for many recipients that nobody has, speaks before the greeting, or no SMTP.
//
// Never banned: the operator's own networks, the allow list, an address from where somebody logged in within a week, or whose mail
// was taken within one. An address that is at home here and guesses at other people's accounts is confined instead: it may only log
// in to those it had logged in to before.
//
// A good login forgives the failures of its own account at its own address, unless it ends a wave: then it is told (Cracked), and
// counts as nobody's home.
//
// A ban lasts 30 minutes, four times as long each time, a week at most. After 30 days without one it is forgotten.
//
// What is remembered is bounded, and what outsiders can fill is apart from what good logins fill: a flood of addresses forgets
// addresses that failed, never one that is at home. Watch is not safe for several goroutines. It imports the standard library only.
package guess
