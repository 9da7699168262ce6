package check

import (
	"strings"
	"testing"

	"postward/internal/wire/dns"
)

func TestTheSPFTreeIsShown(t *testing.T) {
	zone, err := dns.ParseZone(strings.NewReader(`example.org. MX 10 mx.example.org.
example.org. TXT "v=spf1 mx include:a.example ip4:198.51.100.0/24 -all ip4:192.0.2.1"
mx.example.org. A 192.0.2.25
a.example. TXT "v=spf1 a:h.a.example include:none.example ~all"
h.a.example. A 203.0.113.1
`), ".", "tree")
	if err != nil {
		t.Fatal(err)
	}
	r := Run(t.Context(), Config{Resolver: zone, Now: testNow}, Target{Domain: "example.org"}, nil)
	want := `example.org (4 lookups)
  mx: 192.0.2.25/32
  include:a.example
    a.example (2 lookups)
      a:h.a.example: 203.0.113.1/32
      include:none.example
        none.example: no record (no such name)
      ~all
  ip4:198.51.100.0/24
  -all
  ip4:192.0.2.1 (nobody comes so far)`
	if got := strings.Join(r.Policy, "\n"); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}
