package delivery

import (
	"bytes"
	"slices"
	"strings"

	"postward/internal/log/maillog"
	"postward/internal/mail/message"
)

// maxInstances bounds the instances of Postfix that are told apart, over all hosts.
const maxInstances = 256

// mainInstance is what an instance is called that has no name of its own.
const mainInstance = "postfix"

// key names a queue ID: a host, an instance of Postfix there, and the ID ("mx postfix-out/4AAAA1").
func (t *Tracker) key(l *maillog.Line, id []byte) string {
	return keyOf(string(l.Host), t.instance(l), string(id))
}

func keyOf(host, instance, id string) string { return host + " " + instance + "/" + id }

// Key names the mail of a line within a log in which several hosts, or instances of Postfix, write: each has queue IDs of its
// own. Instances whose name does not begin with "postfix" are the main one here: a Tracker, which reads on, knows better.
func Key(l *maillog.Line) string {
	name, _ := l.Instance()
	if !bytes.HasPrefix(name, []byte(mainInstance)) {
		name = []byte(mainInstance)
	}
	return keyOf(string(l.Host), string(name), string(l.QueueID))
}

// keyID is the queue ID of a key.
func keyID(key string) string { return key[strings.LastIndexByte(key, '/')+1:] }

// instance returns which instance a line is of. A name that begins with "postfix" is Postfix's own way to name one; any
// other is one as soon as a program has it that has no other (see maillog.Line.Instance). Until then, and of a service with
// a name all of its own ("submission/smtpd"), it is the main one.
func (t *Tracker) instance(l *maillog.Line) string {
	name, sure := l.Instance()
	names := t.instances[string(l.Host)]
	if i := slices.IndexFunc(names, func(n string) bool { return n == string(name) }); i >= 0 {
		return names[i]
	}
	named := bytes.HasPrefix(name, []byte(mainInstance))
	if t.named >= maxInstances || !named && !sure {
		if named {
			return string(name)
		}
		return mainInstance
	}
	t.named++
	own := string(name)
	t.instances[string(l.Host)] = append(names, own)
	if !named {
		t.moveOut(string(l.Host), own)
	}
	return own
}

// moveOut gives an instance that was not known as one the mails that began under its name.
func (t *Tracker) moveOut(host, name string) {
	moved := map[string]string{}
	for key, m := range t.open {
		if e := m.entry(key); e.by == name && strings.HasPrefix(key, host+" ") {
			moved[key] = keyOf(host, name, keyID(key))
		}
	}
	for from, to := range moved {
		m := t.open[from]
		delete(t.open, from)
		m.entry(from).key = to
		t.open[to] = m
		t.old = append(t.old, to)
	}
	for i := range t.done {
		if to := moved[t.done[i].key]; to != "" {
			t.done[i].key = to
		}
	}
	for _, s := range t.sessions {
		if to := moved[s.key]; to != "" {
			s.key = to
		}
	}
}

// keys returns the keys under which mails of a line's host have a queue ID, that of the line's own instance first.
func (t *Tracker) keys(l *maillog.Line, id []byte) []string {
	own := t.key(l, id)
	var keys []string
	if t.open[own] != nil {
		keys = append(keys, own)
	}
	for _, name := range t.instances[string(l.Host)] {
		if key := keyOf(string(l.Host), name, string(id)); key != own && t.open[key] != nil {
			keys = append(keys, key)
		}
	}
	return keys
}

// before returns the key of the mail that is begun once more: requeued, by this instance, or handed back by a filter, which
// may be to another instance than that which it had it from. Then the client in front of the filter tells two apart.
func (t *Tracker) before(l *maillog.Line) string {
	keys := t.keys(l, l.OtherID)
	if len(keys) == 0 {
		return ""
	}
	if l.Kind == maillog.PickedUp {
		if own := t.key(l, l.OtherID); keys[0] == own {
			return own
		}
		return ""
	}
	client := address(l.Origin.Addr)
	if i := slices.IndexFunc(keys, func(key string) bool { return t.open[key].Client == client }); i >= 0 {
		return keys[i]
	}
	return keys[0]
}

// after returns the key under which this host's own Postfix took a mail again, as the one that took it says: "".
func (t *Tracker) after(m *Mail, l *maillog.Line) string {
	id := takenAs(l)
	if id == nil {
		return ""
	}
	for _, key := range t.keys(l, id) {
		if next := t.open[key]; next == m && m.entry(key).mayTake(l) || next != m && handedBack(m, next, l) {
			return key
		}
	}
	return ""
}

// mayTake reports whether who took a mail can know under which of its later IDs it came back.
func (e *entry) mayTake(l *maillog.Line) bool {
	relay := address(l.Relay.Addr)
	return !relay.IsValid() || near(relay) || relay == e.client
}

// handedBack reports whether a mail is another one's next: local(8) forwarded it, a filter on loopback handed it back, or
// one elsewhere did. Of the last, who took the mail must also be who handed it in, or both are of a private network; and
// it must be the same message. What a stranger's server says about queue IDs is about its own queue.
func handedBack(m, next *Mail, l *maillog.Line) bool {
	if next.Account != "" || next.Arrived.Before(m.Arrived) {
		return false
	}
	relay := address(l.Relay.Addr)
	if ours := !next.Client.IsValid() || next.Client.IsLoopback(); ours && (len(l.Relay.Addr) == 0 || relay.IsLoopback()) {
		return true
	}
	if len(l.Relay.Addr) == 0 || m.MessageID == "" || next.MessageID != m.MessageID || next.From != "" && message.Canonical(next.From) != message.Canonical(m.From) {
		return false
	}
	return next.Client == relay && relay.IsValid() || near(next.Client) && (near(relay) || !relay.IsValid())
}
