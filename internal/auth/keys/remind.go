package keys

import (
	"fmt"
	"time"
)

// Kind is what a reminder is about.
type Kind string

// The kinds of reminders.
const (
	Old         Kind = "old"         // it signs for more than oldAfter
	Weak        Kind = "weak"        // an RSA key of fewer bits than receivers should accept (RFC 8301 section 3.2)
	Unpublished Kind = "unpublished" // a server does not show it
	Misread     Kind = "wrong"       // a server shows something else
	Unanswered  Kind = "unanswered"  // a server does not answer
	Leftover    Kind = "leftover"    // it is removed, and its record still stands
	Alone       Kind = "alone"       // only Ed25519 signs, which many receivers cannot verify
)

const oldAfter = 365 * 24 * time.Hour

// Reminder is what a person should know of a key, and the next step.
type Reminder struct {
	Key  string `json:"key"`
	Kind Kind   `json:"kind"`
	Text string `json:"text"`
	Next string `json:"next"`
}

// Reminders are what there is to say of the keys, by what was seen of them last.
func (r Ring) Reminders(now time.Time, seen Seen) []Reminder {
	all := []Reminder{}
	for _, k := range r.Keys() {
		all = append(all, k.aged(now)...)
		if s, ok := seen[k.Name()]; ok {
			all = append(all, k.shows(&s)...)
		}
		if k.State == Active && k.Algorithm == Ed25519 && !r.Has(k.Domain, RSA, Active) {
			all = append(all, Reminder{k.Name(), Alone, "mail of " + k.Domain + " is signed with Ed25519 alone, which many receivers cannot verify", k.alone(r)})
		}
	}
	return all
}

// aged is what time and progress do to a key that signs.
func (k *Key) aged(now time.Time) (all []Reminder) {
	if k.State != Active {
		return nil
	}
	rotate := "postward dkim key rotate " + k.Domain
	if age := now.Sub(k.Made); age > oldAfter {
		all = append(all, Reminder{k.Name(), Old, fmt.Sprintf("%s is %d days old", k.Name(), int(age.Hours()/24)), rotate})
	}
	if k.Algorithm == RSA && k.Bits < newBits {
		all = append(all, Reminder{k.Name(), Weak, fmt.Sprintf("%s has %d bits: receivers should refuse fewer than %d some day", k.Name(), k.Bits, newBits), rotate})
	}
	return all
}

// shows is what there is to say of what the servers show.
func (k *Key) shows(s *Sight) []Reminder {
	look := "postward dkim key look " + k.Domain
	switch {
	case k.State == Removed && !s.Nowhere():
		if s.count(Right) == 0 {
			return nil
		}
		return []Reminder{{k.Name(), Leftover, k.Name() + " is not needed any more", "take its record out of the zone"}}
	case k.State == Removed || s.Everywhere():
		return nil
	case s.count(Wrong) > 0:
		return []Reminder{{k.Name(), Misread, k.Name() + " is " + s.Why(), k.put()}}
	case s.count(Absent) > 0:
		return []Reminder{{k.Name(), Unpublished, k.Name() + " is " + s.Why(), k.put()}}
	}
	if len(s.Servers) == 0 {
		return []Reminder{{k.Name(), Unanswered, k.Name() + ": " + s.Why(), "have the zone of " + k.Domain + " delegated (NS records), or ask another resolver; then " + look}}
	}
	return []Reminder{{k.Name(), Unanswered, k.Name() + ": " + s.Why(), "see to that server, or take it out of the zone; then " + look}}
}

func (k *Key) put() string {
	return "put its record into the zone (postward dkim key list " + k.Domain + " --zone)"
}

func (k *Key) alone(r Ring) string {
	if r.Has(k.Domain, RSA, Made, Published) {
		return "its RSA key is on its way: postward dkim key list " + k.Domain
	}
	return "postward dkim key create " + k.Domain
}

// Next is what happens to a key next, for a person. Sight is what was seen last, or nil.
func (k *Key) Next(s *Sight) string {
	switch {
	case k.State == Made && s != nil && s.Elsewise():
		return s.Why()
	case k.State == Made && k.Known:
		return "has to be seen in the zone (postward dkim key look " + k.Domain + ")"
	case k.State == Made:
		return "put its record into the zone"
	case k.State == Published:
		return "signs from " + k.Until.UTC().Format(stamp)
	case k.State == Active && s != nil && !s.Everywhere():
		return s.Why()
	case k.State == Retiring:
		return "leave its record until " + k.Since.Add(Keep).UTC().Format(stamp)
	case k.State == Removed:
		return "take its record out of the zone"
	}
	return ""
}

const stamp = "2006-01-02 15:04 UTC"
