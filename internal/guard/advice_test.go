package guard

import (
	"strings"
	"testing"
)

// TestNobodyIsToldToChangeAPasswordThatThereIsNot: users of the host and machines have none.
func TestNobodyIsToldToChangeAPasswordThatThereIsNot(t *testing.T) {
	for account, want := range map[string]string{
		"anna": "change the password of anna", "anna@example.org": "change the password of anna@example.org", "network": "change the password of network",
		"net:192.0.2.10": "look at the machine 192.0.2.10", "net:2001:db8::": "look at the machine 2001:db8::",
		"local:www-data": "ps -u www-data", "local:unknown": "which program", "local:uid": "which program", "local:uid100033": "ps -u 100033", "uid:33": "ps -u 33",
	} {
		said := Remedy(account)
		if !strings.Contains(said, want) || strings.Contains(said, "password") != strings.HasPrefix(want, "change") {
			t.Errorf("%s: %s", account, said)
		}
		if hosted(account) == strings.Contains(Cured(account), "password") {
			t.Errorf("%s: %s", account, Cured(account))
		}
	}
	if all := Remedies([]string{"net:192.0.2.10", "anna", "bert"}); len(all) != 2 || all[0] != "change the password of anna, bert" {
		t.Errorf("%q", all)
	}
}
