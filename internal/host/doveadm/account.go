package doveadm

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxAccount is the longest name of an account, in octets: 64 of a local part, an @, 255 of a domain (RFC 5321 section
// 4.5.3.1).
const maxAccount = 320

// What a name has besides letters and digits. Not among them: the patterns * and ?, a blank, what a shell or doveadm
// quotes with, the / and : of an address.
const marks = "._-+=@~!#$%&^{|}'"

var (
	errGrammar = errors.New("it is empty, too long, begins with -, or has characters that no name of Dovecot's has")
	errNumeric = errors.New("it would be read as an address, and the sessions of everybody who comes from there end: end them by hand, with doveadm who and kill")
)

// ParseAccount checks the name of an account before it is an argument.
func ParseAccount(name string) (string, error) {
	switch {
	case name == "", len(name) > maxAccount, name[0] == '-', !utf8.ValidString(name), strings.ContainsFunc(name, strange):
		return "", fmt.Errorf("read the account %.40q: %w", name, errGrammar)
	case numeric(name):
		return "", fmt.Errorf("read the account %.40q: %w", name, errNumeric)
	}
	return name, nil
}

func strange(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsNumber(r) && !strings.ContainsRune(marks, r)
}

// harmless is how many digits a number has that stands for an address of 0.0.0.0/8, where nobody comes from. Dovecot 2.3
// takes it for a name.
const harmless = 7

// numeric reports whether inet_aton(3) may read a name: one to four numbers, as C writes them.
func numeric(name string) bool {
	if len(name) <= harmless && strings.Trim(name, "0123456789") == "" {
		return false
	}
	parts := strings.Split(name, ".")
	for _, part := range parts {
		if _, err := strconv.ParseUint(part, 0, 64); err != nil && !errors.Is(err, strconv.ErrRange) && strings.Trim(part, "0123456789") != "" {
			return false
		}
	}
	return len(parts) <= 4
}
