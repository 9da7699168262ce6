package publish

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"postward/internal/domain/mtasts"
)

// policyAge is how long senders keep a policy, in seconds: a week for one that is enforced, a day for one that may be taken back.
func policyAge(mode mtasts.Mode) int {
	if mode == mtasts.Enforce {
		return 604800
	}
	return 86400
}

// PolicyFile is the text for https://mta-sts.DOMAIN/.well-known/mta-sts.txt (RFC 8461 section 3.2).
func PolicyFile(mode mtasts.Mode, hosts []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "version: STSv1\r\nmode: %s\r\n", mode)
	sorted := slices.Sorted(slices.Values(hosts))
	for _, host := range slices.Compact(sorted) {
		fmt.Fprintf(&b, "mx: %s\r\n", host)
	}
	fmt.Fprintf(&b, "max_age: %d\r\n", policyAge(mode))
	return b.String()
}

// PolicyID is the id of a policy for its record (section 3.1): another one for each text.
func PolicyID(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:10])
}
