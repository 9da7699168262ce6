package mailauth

import (
	"fmt"
	"time"

	"postward/internal/mail/arc"
	"postward/internal/mail/canon"
)

// Seal makes the set of ARC fields for a mail that leaves again, of what End has found; the topmost comes first. Whoever
// wants that has said so by Checker.Seals, for the body must be hashed for it.
func (m *Mail) Seal(r *Result, s *arc.Sealer, now time.Time) ([]canon.Field, error) {
	if m.checker.Service == nil || !m.checker.Seals {
		return nil, fmt.Errorf("seal a mail: nobody said before that it would be: Checker.Seals and Service")
	}
	return s.Seal(m.chain, m.header, r.ARC, m.checker.Service.Payload(m.results(r)...), m.body, now)
}

// Mark has a mail that is not rejected after all be marked, and its fields say so.
func (m *Mail) Mark(r *Result) {
	r.Disposition = Mark
	if m.checker.Service != nil {
		r.Add = m.checker.Service.Value(m.results(r)...)
	}
}
