package authpolicy

import (
	"strings"
	"testing"
)

func TestEachVersionOfDovecotIsToldInItsOwnSyntax(t *testing.T) {
	of23, err := Settings("2.3.19.1 (9b53102964)", "127.0.0.1:4002", testKey)
	of24, err2 := Settings("2.4.1-4", "[::1]:4002", testKey)
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	for text, wants := range map[string][]string{
		of23: {"auth_policy_server_url = http://127.0.0.1:4002/\n", "\nauth_policy_request_attributes = login=%{requested_username} ", " protocol=%s ", " remote=%{rip} "},
		of24: {"auth_policy_server_url = http://[::1]:4002/\n", "\nauth_policy_request_attributes {\n  login = %{requested_username}\n", "  remote = %{remote_ip}\n", "  fail_type = %{fail_type}\n"},
	} {
		for _, want := range append(wants, "\nauth_policy_server_api_header = X-Postward-Key: "+testKey.digits+"\n", "\nauth_policy_hash_truncate = 32\n", "\nauth_policy_reject_on_fail = no\n") {
			if !strings.Contains(text, want) {
				t.Errorf("%q is not in\n%s", want, text)
			}
		}
	}
	if strings.Contains(of24, "%s") || strings.Contains(of24, "timeout_msecs") {
		t.Errorf("2.4 knows no such thing:\n%s", of24)
	}
	if again, _ := Settings("2.3.19.1", "127.0.0.1:4002", testKey); again == of23 {
		t.Error("two nonces are the same")
	}
	shown, err := Preview("2.4.1", "127.0.0.1:4002", "/etc/postward/authpolicy.key")
	if err != nil || strings.Contains(shown, testKey.digits) || !strings.Contains(shown, "(the digits in /etc/postward/authpolicy.key)") {
		t.Errorf("%v\n%s", err, shown)
	}
	for _, version := range []string{"", "2.2.36", "2.30", "3.0"} {
		if _, err := Settings(version, "127.0.0.1:4002", testKey); err == nil || !strings.Contains(err.Error(), "by hand") {
			t.Errorf("%s: %v", version, err)
		}
	}
}
