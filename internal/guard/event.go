package guard

import "net/netip"

// Kind says what an Event tells. A kind is never re-used nor re-interpreted: old journals must fold the same.
type Kind string

const (
	KindPolicy    Kind = "policy"    // the operator's numbers and modes, whole
	KindJudged    Kind = "judged"    // a transaction and its verdict, before the answer leaves
	KindUntaken   Kind = "untaken"   // the MTA did not take a judged mail: its budget is given back
	KindLeft      Kind = "left"      // a receiving server took the mail for one recipient
	KindBounced   Kind = "bounced"   // a receiving server refused it for good
	KindRemoved   Kind = "removed"   // the mail is out of Postfix's queue
	KindRequeued  Kind = "requeued"  // an administrator had the mail queued again: it has another queue ID
	KindRenamed   Kind = "renamed"   // postsuper(1) gave its file, which was moved or restored, another queue ID
	KindForeign   Kind = "foreign"   // somebody else put a mail of ours on hold: hands off
	KindGone      Kind = "gone"      // a held mail is not in the hold queue any more
	KindCooled    Kind = "cooled"    // a cooling time is over
	KindAllowed   Kind = "allowed"   // an account was put on the list
	KindDenied    Kind = "denied"    // an account was taken off the list
	KindClassed   Kind = "classed"   // an account's class was declared
	KindHeard     Kind = "heard"     // the first release's: somebody wrote to the account and is no stranger to it
	KindWrote     Kind = "wrote"     // somebody wrote to the account
	KindLogin     Kind = "login"     // somebody read the account's mail, with its password
	KindLearned   Kind = "learned"   // what old logs and maps say about an account
	KindForgotten Kind = "forgotten" // an operator struck out what was learned: a network, or everything
	KindErased    Kind = "erased"    // an operator took an account out, as if it had never been seen
	KindRelease   Kind = "release"   // an operator released mail
	KindDelete    Kind = "delete"    // an operator deleted held mail
	KindSpam      Kind = "spam"      // an operator called an incident's mail spam: it is deleted, and remembered
	KindClosed    Kind = "closed"    // an operator closed an incident
	KindRestored  Kind = "restored"  // an operator had a deleted mail brought back into hold
	KindOutcome   Kind = "outcome"   // what became of an effect
	KindListed    Kind = "listed"    // a blocklist lists an address or a domain of ours
	KindCleared   Kind = "cleared"   // it does so no more
	KindClock     Kind = "clock"     // the host's clock was set: by Step, to At
	KindBegan     Kind = "began"     // postward runs again; by the clock it had not for Step
	KindLocked    Kind = "locked"    // an operator locked an account: nobody logs in
	KindUnlocked  Kind = "unlocked"  // and opened it again
	KindGuessed   Kind = "guessed"   // somebody logged in after many had guessed at the account
	KindBanned    Kind = "banned"    // a network is kept out for a time
	KindUnbanned  Kind = "unbanned"  // an operator lifted a ban
	KindProtected Kind = "protected" // many guess at an account: for a time only who is known there logs in
	KindSpared    Kind = "spared"    // an operator put a network on the allow list: it is never banned
	KindUnspared  Kind = "unspared"  // and took it off
	KindConfined  Kind = "confined"  // an address that many share guesses: it logs in where it is known only
)

// Event is a fact, as the journal keeps it. Key is its natural key: a fact told twice (by the milter and the log,
// or by a log read again after a crash) has the same key and changes nothing. Which other fields are set depends
// on Kind.
type Event struct {
	Key   string `json:"key"`
	Kind  Kind   `json:"kind"`
	At    Time   `json:"at"`
	Actor string `json:"actor,omitempty"` // who asked: an operator; empty for postward itself and for facts

	Account   string `json:"account,omitempty"`
	Mail      string `json:"mail,omitempty"`      // Mail.ID
	Incident  int64  `json:"incident,omitempty"`  // Incident.ID
	QueueID   string `json:"queue_id,omitempty"`  // for KindRequeued, KindRenamed and KindRestored: the new one
	Recipient string `json:"recipient,omitempty"` // for KindLeft and KindBounced
	DSN       string `json:"dsn,omitempty"`       // for KindLeft and KindBounced: the enhanced status code
	Text      string `json:"text,omitempty"`      // the receiver's words, an operator's note, an error

	Transaction *Transaction `json:"transaction,omitempty"` // for KindJudged
	Verdict     *Verdict     `json:"verdict,omitempty"`     // for KindJudged
	Times       int          `json:"times,omitempty"`       // for KindJudged: one event tells so many like refusals; 0: one
	Past        *Past        `json:"past,omitempty"`        // for KindLearned
	Network     netip.Addr   `json:"network,omitzero"`      // for KindForgotten (the zero Addr: everything), KindLogin
	ASN         uint32       `json:"asn,omitempty"`         // for KindLogin: Network's autonomous system
	Prefix      netip.Prefix `json:"prefix,omitzero"`       // for KindBanned, KindUnbanned, KindConfined, KindSpared, KindUnspared
	Until       Time         `json:"until,omitempty"`       // for KindBanned, KindProtected, KindConfined
	Policy      *Policy      `json:"policy,omitempty"`      // for KindPolicy
	Listing     *Listing     `json:"listing,omitempty"`     // for KindAllowed, KindClassed, KindLearned
	Effect      string       `json:"effect,omitempty"`      // for KindOutcome: Effect.ID
	Trashed     []*Mail      `json:"trashed,omitempty"`     // for KindDelete and KindSpam: what is deleted by it; for KindRestored: one that is back
	Outcome     Outcome      `json:"outcome,omitempty"`     // for KindOutcome
	Step        int64        `json:"step,omitempty"`        // for KindClock: milliseconds, negative when it was set back; for KindBegan
}

// Outcome is what became of an effect.
type Outcome string

const (
	Done   Outcome = "done"
	Gone   Outcome = "gone"   // there was nothing to do any more
	Failed Outcome = "failed" // to be tried again
)

// Act is what an effect does.
type Act string

const (
	ActRelease Act = "release" // let a held mail go
	ActHold    Act = "hold"    // hold a queued mail
	ActDelete  Act = "delete"  // delete a held mail, a copy stays in the trash
	ActAlert   Act = "alert"   // tell the operator
	ActKick    Act = "kick"    // end the sessions of an incident's account
)

// Stages of an incident that are worth an alert.
const (
	AlertOpened    = "opened"
	AlertContained = "contained"
	AlertClosed    = "closed"
	AlertElsewhere = "elsewhere" // what began where the account is at home comes from elsewhere too
	AlertMany      = "many"      // many mails are refused, from where nobody of the site writes
)

// Effect is something to be done outside: idempotent, and kept in State until its outcome is known, so that a
// crash between deciding and doing repeats it and never forgets it.
type Effect struct {
	ID       string `json:"id"` // natural: the act and what it acts on
	Act      Act    `json:"act"`
	Mail     string `json:"mail,omitempty"`
	Incident int64  `json:"incident,omitempty"`
	Stage    string `json:"stage,omitempty"` // for ActAlert
	Since    Time   `json:"since"`           // when it was decided
	Next     Time   `json:"next"`            // not to be tried (again) before
	Attempts int    `json:"attempts,omitempty"`
	Error    string `json:"error,omitempty"` // of the last attempt
}
