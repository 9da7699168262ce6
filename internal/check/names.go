package check

import "strings"

// hostName reports whether a name is one of a host (RFC 1123 section 2.1): labels of letters, digits and hyphens. The DNS
// carries any octet in a name, and a name may come from a stranger: what is no host's name is put into no command.
func hostName(name string) bool {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
			strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}

// setName are the commands that make a host's name the value of a setting of Postfix; none when it is no such name.
func setName(setting, name string, more ...string) []string {
	name = strings.TrimSuffix(name, ".")
	if !hostName(name) {
		return nil
	}
	commands := append([]string{"postconf -e '" + setting + " = " + name + "'"}, more...)
	return append(commands, "postfix reload")
}
