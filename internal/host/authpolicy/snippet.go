package authpolicy

import (
	"fmt"
	"strings"
)

// HashBits is how many bits of a password's hash Dovecot is asked for: enough that two passwords that a guesser tries are
// told apart, and few enough that a hash alone, without the nonce, says nothing.
const HashBits = 32

// Settings is what Dovecot must be told to ask at an address, in the syntax of its version ("2.3.19.1", "2.4.1"). The text
// has the key and a nonce, so only root may read it; a process of Dovecot's that is not root's does without all of it, for
// Dovecot refuses a configuration that has the address and no nonce.
//
// 2.3 has the attributes in one line, and short variables. 2.4 has a block, and names for variables
// (doc.dovecot.org/2.4.1/core/config/auth/policy.html, installation/upgrade/2.3-to-2.4.html).
func Settings(version, address string, k Key) (string, error) {
	return settings(version, address, k.digits, random())
}

// Preview is Settings for who only looks: without the key and a nonce.
func Preview(version, address, keyFile string) (string, error) {
	return settings(version, address, "(the digits in "+keyFile+")", "(as many random digits)")
}

func settings(version, address, key, nonce string) (string, error) {
	attributes := attributes23
	switch {
	case strings.HasPrefix(version, "2.3."):
	case strings.HasPrefix(version, "2.4."):
		attributes = attributes24
	default:
		return "", fmt.Errorf("write Dovecot's settings: its version is %.20q, and the syntax of 2.3 and 2.4 is known here: write it by hand, like what postward attach --dovecot shows elsewhere", version)
	}
	return fmt.Sprintf(`auth_policy_server_url = http://%s/
auth_policy_server_api_header = %s: %s
auth_policy_hash_nonce = %s
auth_policy_hash_mech = sha256
auth_policy_hash_truncate = %d
auth_policy_check_before_auth = yes
auth_policy_check_after_auth = yes
auth_policy_report_after_auth = yes
# While postward does not answer, logins go on without it.
auth_policy_reject_on_fail = no
`, address, Header, key, nonce, HashBits) + attributes, nil
}

const attributes23 = "auth_policy_request_attributes = login=%{requested_username} pwhash=%{hashed_password} remote=%{rip} protocol=%s session_id=%{session} secured=%c\n"

const attributes24 = `auth_policy_request_attributes {
  login = %{requested_username}
  pwhash = %{hashed_password}
  remote = %{remote_ip}
  protocol = %{protocol}
  session_id = %{session}
  fail_type = %{fail_type}
  secured = %{secured}
}
`
