// Package check says where a mail server stands: what the world sees of a domain and of the addresses that send for it.
//
// A check looks at one Target: a domain, the addresses that send its mail, and the name that they say in HELO. It runs
// topics side by side (MX, Address, SPF, DKIM, DMARC, …); each asks what it needs and emits findings as it learns. A
// Finding has a grade, what was seen, why it matters, and a Mend: the exact records or settings that end it.
//
// The words are closed: every finding has an ID of the catalogue, with its title and its reason. A topic that has
// nothing to say against the target emits one finding that is Fine. What could not be learned is Unknown: silence is
// never a fault of the target's, nor its innocence.
//
// To add a topic: a function of run that emits, a row in topics, its IDs in the catalogue, and a row in the table of
// planted faults. Facts that several topics need are in facts, asked for once.
//
// Bounds: Config.Timeout for everything; MaxHosts exchangers, MaxAddrs addresses; texts from outside are cut and made
// printable in Finding.Seen. Run starts goroutines and waits for them. No state, no files, no printing.
//
// The package imports its neighbours, dnsbl, dns and netinfo; never guard, nor what runs or knows this host.
package check
