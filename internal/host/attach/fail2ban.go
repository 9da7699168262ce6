package attach

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Fail2banDir is where fail2ban's configuration lies.
const Fail2banDir = "/etc/fail2ban"

// fail2banOff is the file that switches jails off: read last, and nobody else's.
const fail2banOff = "jail.d/zz-postward.local"

// Fail2ban says in sentences which jails of the fail2ban that is configured in dir postward makes needless, and which it does not; none
// where there is no fail2ban. It changes nothing.
func Fail2ban(dir string) []string {
	if _, err := os.Stat(filepath.Join(dir, "jail.conf")); err != nil {
		return nil
	}
	c, err := readJails(dir)
	if err != nil {
		return []string{fmt.Sprintf("fail2ban is here, and its jails cannot be read (%v): those for logins at Postfix and Dovecot are not needed once postward keeps guessers out", err)}
	}
	var needless, stay []string
	for _, jail := range c.enabled() {
		if needs, but := c.needed(jail); needs {
			stay = append(stay, jail+but)
		} else {
			needless = append(needless, jail)
		}
	}
	if len(needless) == 0 {
		return besides(stay)
	}
	return append([]string{fmt.Sprintf("fail2ban's jails %s do what postward does, and are not needed once it keeps guessers out (guessing.mode = \"enforce\"). Nothing of fail2ban is touched; switch them off then: %s",
		strings.Join(needless, ", "), switchOff(dir, needless)),
		"until then both may ban the same address, which does no harm; but whom you allow or let in again here (postward allow, ban remove) fail2ban still bans: fail2ban-client unban ADDRESS"},
		besides(stay)...)
}

// besides says which jails stay.
func besides(stay []string) []string {
	if len(stay) == 0 {
		return nil
	}
	return []string{"fail2ban's jails " + strings.Join(stay, ", ") + " are not about what postward does: leave them on"}
}

// needed reports whether a jail is, beside postward, and what is to be known of one that is. The name of its filter decides: a
// jail can be called anything.
func (c jailConf) needed(jail string) (needed bool, but string) {
	filter := c.get(jail, "filter")
	name, parameters, _ := strings.Cut(filter, "[")
	listed := strings.Contains(strings.ReplaceAll(parameters, " ", ""), "mode=rbl")
	switch strings.TrimSpace(name) {
	case "postfix":
		if !listed {
			return false, ""
		}
		fallthrough
	case "postfix-rbl":
		return true, " (bans whom a blocklist names: postward bans nobody for that)"
	case "postfix-sasl", "dovecot":
		return false, ""
	case "sieve":
		return true, " (reads Cyrus' lines only; postward hears Dovecot's ManageSieve)"
	case "recidive":
		return true, " (does not see postward's bans, which grow by themselves)"
	}
	return true, ""
}

var plainJail = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// switchOff is the command that switches jails off, in a file that can be deleted again.
func switchOff(dir string, jails []string) string {
	text := ""
	for _, jail := range jails {
		if !plainJail.MatchString(jail) {
			return "enabled = false for each in " + filepath.Join(dir, "jail.local") + ", then fail2ban-client reload"
		}
		text += "[" + jail + `]\nenabled = false\n`
	}
	return fmt.Sprintf("printf '%s' > %s && fail2ban-client reload", text, filepath.Join(dir, fail2banOff))
}
