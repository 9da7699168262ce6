package publish

import (
	"strings"
	"testing"
)

// TestAKeyIsToBeLetWriteWhatItWritesAndNoMore: whoever may write every text of a zone can get certificates for its names
// (_acme-challenge, RFC 8555 section 8.4).
func TestAKeyIsToBeLetWriteWhatItWritesAndNoMore(t *testing.T) {
	key, err := NewTSIG("postward", "", "c2VjcmV0")
	if err != nil {
		t.Fatal(err)
	}
	u := Update{Zone: "example.org", Edits: []Edit{{Name: "example.org"}, {Name: "s1._domainkey.example.org"}, {Name: "s2._domainkey.example.org"}, {Name: "_dmarc.example.org"}}}
	const want = `update-policy { grant "postward" name example.org TXT; grant "postward" subdomain _domainkey.example.org TXT; grant "postward" name _dmarc.example.org TXT; };`
	if got := u.grant(key); !strings.Contains(got, want) {
		t.Errorf("%s", got)
	}
}
