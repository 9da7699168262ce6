package daemon

import (
	"bytes"
	"os"
	"os/user"
	"strconv"

	"postward/internal/guard"
)

// userName names a user of this host. A user's subordinate IDs (subuid(5)) are him: who may have 65,536 of them in a
// user namespace of his own is not as many people. Who has no name is "uid" and his number.
func userName(uid uint64) string {
	number := strconv.FormatUint(uid, 10)
	if u, err := user.LookupId(number); err == nil {
		return u.Username
	}
	text, _ := os.ReadFile("/etc/subuid") // most hosts have no such file
	owner := subordinateOf(text, uid)
	if owner == "" {
		return guard.UserNumber(uid)
	}
	if u, err := user.LookupId(owner); err == nil { // the file may name him by his number
		return u.Username
	}
	return owner
}

// maxSubuid bounds the lines of subuid(5) that are read.
const maxSubuid = 100_000

// subordinateOf returns whose subordinate ID a uid is, from the lines "owner:first:count" of subuid(5); empty: nobody's.
func subordinateOf(text []byte, uid uint64) string {
	for n := 0; len(text) > 0 && n < maxSubuid; n++ {
		var line []byte
		line, text, _ = bytes.Cut(text, []byte("\n"))
		owner, ids, ok := bytes.Cut(line, []byte(":"))
		first, count, both := bytes.Cut(ids, []byte(":"))
		from, err1 := strconv.ParseUint(string(first), 10, 32)
		many, err2 := strconv.ParseUint(string(bytes.TrimSpace(count)), 10, 32)
		if ok && both && err1 == nil && err2 == nil && len(owner) > 0 && uid >= from && uid-from < many {
			return string(owner)
		}
	}
	return ""
}
