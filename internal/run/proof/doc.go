// Package proof is the proof that goes with a mail: what is proved of the author of one from outside, and what we sign of one
// that an account sends. It stands between the milter and the wing auth, which knows no milter:
//
//	Open → Incoming: SPF, DKIM, ARC, DMARC while the mail comes, one Authentication-Results, an ARC set for a mail that leaves again
//	     → Outgoing: the DKIM signatures of its author's domain
//
// What becomes of the mail the judge says, who is told of the proof; then the fields are made. A signature that cannot be
// made stops no mail: it is told. No file is read while a mail waits.
//
// The keys are looked after by Tend, and read again when they changed. Whether mail from outside is looked at can hang on
// who else does it (Beside).
//
// What was found is written down in a Ledger, which outlives the Prover: figures of today, and a line a mail for mail trace (Find).
//
// Both are for many goroutines. The package must not import daemon, nor store: what it writes decides nothing.
package proof
