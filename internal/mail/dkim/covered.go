package dkim

import (
	"slices"
	"strings"

	"postward/internal/mail/canon"
)

// What Sign signs, in the order of h= (RFC 6376 section 5.4.1): each field that is there. Received and Return-Path are the
// mail servers', DKIM-Signature is other signers'.
var signs = slices.Concat(always, ifThere, []string{
	"In-Reply-To", "References", "List-Id", "List-Help", "List-Subscribe", "List-Post", "List-Owner", "List-Archive",
})

// always are those of which nobody may add one: what a reader is shown, where his answer goes, how the body is read. Each
// is named one time more than it is there, also when it is not (section 8.15).
var always = []string{"From", "To", "Cc", "Subject", "Reply-To", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"}

// ifThere are those to which nobody may add a second one. A first one may be added: servers add Date and Message-ID (RFC
// 6409 section 8), lists Sender and List-Unsubscribe, and it does little harm.
var ifThere = []string{"Date", "Message-ID", "Sender", "List-Unsubscribe", "List-Unsubscribe-Post"}

// maxEach is how many fields of one name are named at most.
const maxEach = 16

// seals reports whether a field is named once more than it is there.
func seals(name string, there bool) bool {
	return slices.Contains(always, name) || there && slices.Contains(ifThere, name)
}

// Covered are the names for h=: each of names as often as it is there, and once more when seals says so.
func Covered(header []canon.Field, names []string, seals func(name string, there bool) bool) []string {
	there := count(header)
	var covers []string
	for _, name := range names {
		lower := strings.ToLower(name)
		times := min(there[lower], maxEach)
		if seals(name, times > 0) {
			times++
		}
		for range times {
			covers = append(covers, lower)
		}
	}
	return covers
}

// count is how many fields there are of each name, in lower case.
func count(header []canon.Field) map[string]int {
	there := make(map[string]int)
	for i := range header {
		there[strings.ToLower(strings.TrimRight(header[i].Name, " \t"))]++
	}
	return there
}

// tooMany is a name of which there are more fields than can be signed, or than one From.
func tooMany(header []canon.Field) (name string, n int) {
	there := count(header)
	for _, name := range signs {
		if n := there[strings.ToLower(name)]; n > maxEach || n > 1 && name == "From" {
			return name, n
		}
	}
	return "", 0
}
