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
	var needless, stay, own []string
	for _, jail := range c.enabled() {
		switch needs, but := c.needed(jail); {
		case !needs:
			needless = append(needless, jail)
		case ownFilter(dir, c.filter(jail)):
			own = append(own, jail)
		default:
			stay = append(stay, jail+but)
		}
	}
	others := besides(stay, own)
	if len(needless) == 0 {
		return others
	}
	return append([]string{fmt.Sprintf("fail2ban's jails %s do what postward does, and are not needed once it keeps guessers out (guessing.mode = \"enforce\"). Nothing of fail2ban is touched; switch them off then: %s",
		strings.Join(needless, ", "), switchOff(dir, needless)),
		"until then both may ban the same address, which does no harm; but whom you allow or let in again here (postward allow, ban remove) fail2ban still bans: fail2ban-client unban ADDRESS"},
		others...)
}

// besides says which jails stay, and of which nobody here can know.
func besides(stay, own []string) (notes []string) {
	if len(stay) > 0 {
		notes = append(notes, "fail2ban's jails "+strings.Join(stay, ", ")+" are not about what postward does: leave them on")
	}
	if len(own) > 0 {
		notes = append(notes, "fail2ban's jails "+strings.Join(own, ", ")+" read Postfix's or Dovecot's lines by filters of your own: see whether postward does the same (docs/guessing.md)")
	}
	return notes
}

// known are fail2ban's own filters that are judged by their name.
var known = regexp.MustCompile(`^(postfix|postfix-rbl|postfix-sasl|dovecot|sieve|recidive)$`)

// ownFilter reports whether a filter is somebody's own and about mail: of fail2ban's own no other names Postfix or Dovecot.
func ownFilter(dir, filter string) bool {
	if known.MatchString(filter) || !plainJail.MatchString(filter) {
		return false
	}
	for _, ending := range []string{".conf", ".local"} {
		text, err := jailFile(filepath.Join(dir, "filter.d", filter+ending))
		if err == nil && aboutMail.Match(text) {
			return true
		}
	}
	return false
}

var aboutMail = regexp.MustCompile(`(?i)postfix|dovecot`)

// filter is the name of a jail's filter.
func (c jailConf) filter(jail string) string {
	name, _, _ := strings.Cut(c.get(jail, "filter"), "[")
	return strings.TrimSpace(name)
}

// needed reports whether a jail is, beside postward, and what is to be known of one that is. The name of its filter decides: a
// jail can be called anything.
func (c jailConf) needed(jail string) (needed bool, but string) {
	_, parameters, _ := strings.Cut(c.get(jail, "filter"), "[")
	listed := strings.Contains(unquoted.Replace(parameters), "mode=rbl")
	switch c.filter(jail) {
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

// unquoted is a list of parameters without what does not matter: mode=rbl, mode = "rbl".
var unquoted = strings.NewReplacer(" ", "", "\t", "", "\n", "", `"`, "", "'", "")

var plainJail = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// switchOff is the command that switches jails off, in a file that can be deleted again.
func switchOff(dir string, jails []string) string {
	text := ""
	for _, jail := range jails {
		if !plainJail.MatchString(jail) {
			return "[NAME] and enabled = false for each in " + filepath.Join(dir, fail2banOff) + ", which is read last, then fail2ban-client reload"
		}
		text += "[" + jail + `]\nenabled = false\n`
	}
	return fmt.Sprintf("printf '%s' > %s && fail2ban-client reload", text, filepath.Join(dir, fail2banOff))
}
