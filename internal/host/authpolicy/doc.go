// Package authpolicy answers Dovecot's authentication policy requests (doc.dovecot.org, "Authentication Policy";
// Dovecot's src/auth/auth-policy.c): before it looks at a password, after the password was right, and when it says how a
// login ended. It speaks HTTP on loopback and reads small JSON; what is answered say the functions that the caller gives.
//
//	POST /?command=allow    {"login":"anna","remote":"192.0.2.1",…}            → {"status":0,"msg":""}
//	POST /?command=report   {"login":"anna",…,"success":true,"policy_reject":false}
//
// status is -1 to refuse, with the words in msg, 0 to go on, and a number of seconds to wait, which only counts before the
// password is looked at. Of all this no failure locks anybody out: who asks with a request that cannot be read, too many at once, or a
// question that takes longer than AnswerTime, is let through, and so does Dovecot itself when nobody answers
// (auth_policy_reject_on_fail = no in our snippet).
//
// # Before and after
//
// Dovecot asks "allow" twice for a login that goes well, with the same words (2.3 and 2.4 alike). The second is known by the
// first: the same login, client, session and password hash, while no report of it has come (pairs.go). Postfix's logins have
// no session: parallel ones may be taken for each other, and a wrong password that is tried again at once for a right one. So Before
// is asked each time, and After besides; no mistake lets in whom Before refuses or makes wait. Only a report proves that a
// password was right.
//
// # Who may ask
//
// Every program of this host reaches a port on loopback, and could report forged logins. So each request must have the key
// of the installation in a header, which is compared in constant time; the key lies in a file that root and postward read
// (key.go), and in the part of Dovecot's configuration that only root reads (snippet.go). That is all the key protects: a
// program of this host can still use up the connections, and Dovecot then goes on without an answer.
//
// # Password hashes
//
// Dovecot says a hash of nonce, login and password, cut to so many bits (12 by default, 32 in our snippet). Two passwords
// may have one hash: one in 4096 with 12 bits. It is good for telling that somebody tries again what he tried, and for no
// proof. It is never printed, logged or stored (PasswordHash); the nonce is Dovecot's and not known here.
//
// The package must not import anything of the house but message. A Server's functions are called from many
// goroutines, which it joins when Serve returns.
package authpolicy
