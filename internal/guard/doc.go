// Package guard is the decision: it says of each mail whether it may pass, and keeps what it must know for
// that. It is three pure functions over one value.
//
//	Judge(state, transaction) → verdict    reads only
//	Apply(state, event)       → effects    the only writer of State
//	Due(state, now)           → jobs       what the clock makes due
//
// Determinism is a law here: the same events applied in the same order to an empty State give the same State,
// on every machine and in every year. That is what makes replay, `postward investigate` and the check of a
// policy change the same code as the live path. So the package imports nothing but the standard library, and
// of it neither net, os, log, sql nor the clock: every time comes in with an event or a transaction.
//
// Its words: account (an authentication identity that sends, or "local:USER", "net:ADDRESS" for mail that
// needs no login), recipient (an envelope recipient), source (client address, network, country, program),
// level (how familiar a source is to an account), budget, cooling, incident.
//
// State has no lock of its own. Its owner (package daemon) holds one mutex around Judge and the Apply of the
// verdict's event: judging and recording are one critical section, or parallel sessions get the budget each.
package guard
