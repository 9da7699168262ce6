// Package learn finds who writes as whom: from Postfix's maps and lists (postconf(5), smtpd_sender_login_maps,
// mydestination, mynetworks), from the local users and from old mail logs; and what is proposed to the operator for it.
// Nothing that is learned is in force before he has seen it.
//
//	Ask → Site → FromPostfix → Learned → Write … Read      Proposal: a first postward.toml
//
// The form of what is handed on to the daemon, [File], is here alone, its writer and its reader.
//
// A Learned is a value of one goroutine. What cannot be read is said in its Notes and is no error; accounts, addresses,
// tables and lines are bounded. The package must not import attach, nor anything of run.
package learn
