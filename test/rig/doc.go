// Package rig starts real daemons in private places: a Postfix as Debian ships it, Dovecot for its logins, a sink
// that is the rest of the world, and clients that know each mail they sent. Tests, `make run` and the benches stand
// on it.
//
// A program enters a [Room] first: it runs again in mount and PID namespaces of its own (and a network of its own,
// unless the room is open), so nothing here can meet the machine's own Postfix, and what is started in the room
// ends with it. In a test binary:
//
//	func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }
//
// The witness of every mail is outside of postward: the replies that the [Client] got, Postfix's queue, and the
// [Sink]. [Account] puts the three side by side and names each mail that is missing or arrived twice.
//
// Every type here is safe for use by several goroutines unless it says otherwise; whoever starts something stops it.
// The package must not import anything of postward: it would be a witness in its own case.
package rig
