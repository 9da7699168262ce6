package guard

import "testing"

// TestWhoseMailMayBearTheDomainsSignature: whoever may write as the author, also in shadow mode, where it is not held against others.
func TestWhoseMailMayBearTheDomainsSignature(t *testing.T) {
	anna := func(m *Transaction) {}
	for _, c := range []struct {
		name      string
		listing   *Listing
		change    func(*Transaction)
		may, sure bool
	}{
		{"her own", nil, anna, true, true},
		{"a colleague's", nil, func(m *Transaction) { m.Authors = []string{"ceo@example.org"} }, false, true},
		{"a second author", nil, func(m *Transaction) { m.Authors = append(m.Authors, "ceo@example.org") }, false, true},
		{"none that can be read", nil, func(m *Transaction) { m.Authors, m.NoAuthor = nil, true }, false, false},
		{"as anybody", &Listing{Addresses: []string{"*"}}, func(m *Transaction) { m.Authors = []string{"ceo@example.org"} }, true, false},
		{"a program", nil, func(m *Transaction) { m.Login, m.UnixUser, m.Direction = "", "www-data", Local }, true, false},
		{"a machine", nil, func(m *Transaction) { m.Login = "" }, true, false},
		{"a stranger", nil, func(m *Transaction) { m.Login, m.Client = "", addressed("203.0.113.9") }, false, false},
	} {
		s := rights(t, c.listing)
		s.policy.Modes = map[Subject]Mode{} // in shadow
		m := &Transaction{ID: "m", Stage: StageEnd, At: day0, Direction: Submission, Login: "anna@example.org", Client: addressed("192.0.2.10"),
			ReversePath: "anna@example.org", Authors: []string{"anna@example.org"}, Recipients: []string{"bob@far.example"}}
		c.change(m)
		if may, sure := MaySign(s, m); may != c.may || sure != c.sure {
			t.Errorf("%s: %t %t", c.name, may, sure)
		}
	}
}
