package oldlog

import (
	"os/user"
	"strconv"
)

// mailUsers are the users, beside root, that mail programs run as: Postfix's mail_owner and Dovecot's two. saslauthd and
// what hands Dovecot's lines on are root's. Nobody else is believed: a program of theirs may call itself postfix.
var mailUsers = [...]string{"postfix", "dovecot", "dovenull"}

// lastSystem is the last of the user IDs that systemd(7) calls system users.
const lastSystem = 999

// trust says from which users entries of a journal are believed.
type trust struct {
	uids   map[uint64]bool
	system bool // another machine's journal, whose names are not known here: every system user of it
}

// trustOf is that for a journal (see Journal for dir). A user that the machine has not is not believed.
func trustOf(dir string) trust {
	if dir != "" {
		return trust{system: true}
	}
	t := trust{uids: map[uint64]bool{0: true}}
	for _, name := range mailUsers {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		if uid, err := strconv.ParseUint(u.Uid, 10, 32); err == nil {
			t.uids[uid] = true
		}
	}
	return t
}

// believes reports whether an entry with a _UID is believed. journald writes it, not who logs; an entry without one is not.
func (t trust) believes(uid []byte) bool {
	n, err := strconv.ParseUint(string(uid), 10, 32)
	return err == nil && (t.uids[n] || t.system && n <= lastSystem)
}
