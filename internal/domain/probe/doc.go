// Package probe asks one SMTP service what it shows to the world, and returns what it said.
//
// It speaks RFC 5321 as a client that has no mail: connect, read the greeting, EHLO (HELO where that is refused, section
// 4.1.4), STARTTLS (RFC 3207), EHLO again, QUIT. It grades nothing: values go out, and package check says what they
// are worth. Ask learns the greeting, the extensions, the certificate and the TLS versions.
//
// Three tries are for hosts of the operator's own, for they look like an attack. Ask says NOOP in the clear behind STARTTLS
// where Config.Own says so, and learns whether that is obeyed inside TLS (CVE-2011-0411). Relay says MAIL and RCPT for
// strangers and never DATA. Smuggling ends a message wrongly, and a host that takes that delivers it.
//
// Nobody is asked to log in: AUTH is looked for in EHLO's answer and never tried.
//
// Deviations: a reply line may end with LF alone, and may be 2,048 octets long where RFC 5321 section 4.5.3.1.5 says
// 512. A certificate that nobody should believe does not end the conversation: what is wrong with it is in the report.
//
// Bounds: a reply has at most 100 lines; a connection is read for at most 64 KiB in the clear, as much inside TLS, and
// 1 MiB of TLS records; a certificate message has at most 256 KiB (crypto/tls), of which MaxChain certificates are kept. Ask
// makes at most six connections; of a host's certificates it sees one for each kind of key, and of one that speaks TLS 1.3 alone
// a single one. Everything ends with the context or after Config.Timeout. What the host says is a
// stranger's text: every string of a report is printable and bounded; DER and SPKI are as they came.
//
// A question starts goroutines and waits for them. The package must not import anything of the house.
package probe
