package publish

import (
	"context"
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

// unserved says why senders would not get a policy from the domain's policy host now, and what to do; empty: they would.
func (l *look) unserved(ctx context.Context, policy string) string {
	why := l.otherwise(ctx, policy)
	if why == "" {
		return ""
	}
	return fmt.Sprintf("senders would fetch another policy under this id, or none, and keep that: %s: serve what postward dns show %s --mta-sts %s --mta-sts-policy prints at https://%s/.well-known/mta-sts.txt, then do this again",
		why, l.Domain, l.Site.MTASTS, mtasts.Host(l.Domain))
}

// otherwise says what the policy host does instead of serving a policy. What means the same is the same.
func (l *look) otherwise(ctx context.Context, policy string) string {
	host := mtasts.Host(l.Domain)
	ctx, cancel := context.WithTimeout(ctx, l.Timeout/2)
	defer cancel()
	a := l.Resolver.Addresses(ctx, host)
	if !a.Outcome.Known() {
		return "asked for the addresses of " + host + ": " + a.Outcome.String()
	}
	served, err := mtasts.Fetch(ctx, l.Web, a.Addrs, l.Domain)
	if err != nil {
		return "asked " + host + " for its policy: " + err.Error()
	}
	is, err := mtasts.ParsePolicy(served.Text)
	if err != nil {
		return "what " + host + " serves is no policy: " + err.Error()
	}
	if wanted, _ := mtasts.ParsePolicy(policy); is.Mode != wanted.Mode || is.MaxAge != wanted.MaxAge || !slices.Equal(sorted(is.MX), sorted(wanted.MX)) {
		return fmt.Sprintf("%s serves mode %s for %q, to be kept for %v", host, is.Mode, is.MX, is.MaxAge)
	}
	if served.Odd {
		return fmt.Sprintf("%s serves it as %.60q and not as text/plain", host, served.Type)
	}
	return ""
}
