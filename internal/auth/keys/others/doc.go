// Package others reads what other programs that sign mail are configured to sign with: opendkim (opendkim.conf(5), its KeyTable and
// SigningTable as files, patterns or lists) and rspamd (the module dkim_signing: local.d and override.d in UCL, its maps).
//
// It reads and changes nothing, and does not open a key. What it does not understand it names with file and line, in Notes: a
// table in a database, a script, a key in Redis. Found are the keys that those programs would sign with.
//
// Bounds: maxText octets of a file, maxFound keys, maxNotes notes, maxDepth of what is nested or included. Reading is as lenient as
// theirs. The package imports nothing of the house.
package others
