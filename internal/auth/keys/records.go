package keys

import "slices"

// Record is one that belongs into a zone, or out of it.
type Record struct {
	Name    string `json:"name"` // of the TXT record, without the final dot
	Text    string `json:"text"`
	Present bool   `json:"present"` // it has to be there; else it may go
}

// Records are what the zone of a domain has to have for its keys, and what may leave it.
func (r Ring) Records(domain string) []Record {
	all := []Record{}
	for _, k := range r.Of(domain) {
		all = append(all, Record{k.Name(), k.Record(), k.State != Removed})
	}
	return all
}

// Domains are those that have keys.
func (r Ring) Domains() []string {
	var all []string
	for i := range r.keys {
		all = append(all, r.keys[i].Domain)
	}
	return slices.Compact(all) // the ring is sorted by them
}
