package guard

import "slices"

// Whom a mail went to is told in two vocabularies: its client names a recipient, and Postfix's delivery agents say to whom that
// was expanded, and to whom a copy went that nobody named (always_bcc, recipient_bcc_maps). What is counted of an account is in
// the words of its client, for only these it chose.

// envelope returns the recipients of a transaction as a mail keeps them; nil when not all of them are known by name.
func (k *Secret) envelope(t *Transaction) []uint32 {
	if t.MoreRecipients > 0 || len(t.Recipients) == 0 {
		return nil
	}
	parts := make([]uint32, 0, len(t.Recipients))
	for _, r := range t.Recipients {
		parts = append(parts, uint32(k.hash(r)))
	}
	slices.Sort(parts)
	return slices.Compact(parts)
}

// NamedAs returns the name that a mail's client gave to a recipient, of whom a delivery agent says to whom he was expanded (to)
// and as whom he was given (orig; empty when that is the same). named is false for a copy that the client did not ask for. Of a
// mail whose envelope is not known every recipient is taken for a named one.
func (s *State) NamedAs(m *Mail, to, orig string) (name string, named bool) {
	for _, name := range []string{orig, to} {
		if _, found := slices.BinarySearch(m.Envelope, uint32(s.site.Secret.hash(name))); found && name != "" {
			return name, true
		}
	}
	return to, len(m.Envelope) == 0
}
