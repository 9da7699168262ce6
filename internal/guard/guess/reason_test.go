package guess

import "testing"

func TestEvidenceIsToldWithoutNamesThatNobodyCounted(t *testing.T) {
	for want, e := range map[string]Evidence{
		`30 refused logins in 2 hours, as 3 people`:     {Tries: 30, Names: 3, Seconds: 7200},
		`20 refused logins as "anna"`:                   {Tries: 20, Names: 1, Account: "anna"},
		`48 refused logins as "anna", from 12 networks`: {Tries: 48, Account: "anna", Sources: 12},
		`4 refused logins`:                              {Tries: 4},
	} {
		if got := e.String(); got != want {
			t.Errorf("%q, not %q", got, want)
		}
	}
}
