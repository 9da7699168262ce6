package guard

import "strings"

// What a person can do about an account that others send with. A login has a password to change; a user of the host, a machine
// of the operator's networks, and who sends nameless have none.

// Remedy says what is to be done about an account whose owner did not send its mail, as a phrase: "change the password of anna".
func Remedy(account string) string {
	if user, is := strings.CutPrefix(account, LocalPrefix); is {
		return remedyOnHost(account, user)
	}
	if address, is := strings.CutPrefix(account, NetPrefix); is {
		return "look at the machine " + address + "; until then: postward account deny " + account
	}
	if number, is := strings.CutPrefix(account, "uid:"); is { // as a mail log has it
		return "look what the user with the number " + number + " runs on this host: ps -u " + number
	}
	return "change the password of " + account
}

// remedyOnHost is Remedy for a user of this host, who may have no name.
func remedyOnHost(account, user string) string {
	if account == Unknown || account == Nameless {
		return "look which program of this host sends mail by itself: ps -ef, and the crontabs"
	}
	if nameless(account) {
		user = strings.TrimPrefix(account, Nameless)
		return "look what the user with the number " + user + " runs on this host: ps -u " + user
	}
	return "look what " + user + " runs on this host: ps -u " + user + ", crontab -l -u " + user
}

// Cured says what is so when Remedy was done: "the password is changed".
func Cured(account string) string {
	if hosted(account) {
		return "what sent it is stopped"
	}
	return "the password is changed"
}

// Remedies is Remedy for several accounts: what is to be done about all logins is one phrase.
func Remedies(accounts []string) []string {
	var logins, all []string
	for _, a := range accounts {
		if hosted(a) || strings.HasPrefix(a, "uid:") {
			all = append(all, Remedy(a))
		} else {
			logins = append(logins, a)
		}
	}
	if len(logins) > 0 {
		all = append([]string{Remedy(strings.Join(logins, ", "))}, all...)
	}
	return all
}
