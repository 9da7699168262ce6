// Package doors finds the ways by which mail passes a Postfix that postward does not see or takes for a stranger's, and says
// of each what it lets through and what to do: attach before it is put on, status for as long as it is so.
//
//	Find → Doors.Open(Known) → key, sentence
//
// Find asks Postfix; Open is pure, so that it can be asked again when what is known of the accounts changes. What a
// restriction means is read as far as it says who may relay (postconf(5), smtpd_relay_restrictions); classes of the
// operator's own are not followed. The package must not import attach, nor anything of run.
package doors
