package config

import (
	"strings"
	"testing"
)

func TestWhatIsWrongInDNSIsSaid(t *testing.T) {
	for text, want := range map[string]string{
		`server = "192.0.2.53"`:          "",
		`server = "[2001:db8::53]:5353"`: "",
		`server = "ns1.example.org"`:     "neither an address",
		`key_file = "tsig.key"`:          "not an absolute path",
		`key_name = "postward"`:          "belong together",
		`key_secret = "c2VjcmV0"`:        "belong together",
		"key_name = \"a\"\nkey_secret = \"c2VjcmV0\"\nkey_file = \"/etc/k\"": "leave one out",
		`senders = ["192.0.2.25", "2001:db8::1"]`:                            "",
		`senders = ["mx"]`:              "no address",
		`reports = "d@example.org"`:     "",
		`reports = "D <d@example.org>"`: "no mail address",
		`mta_sts = "testing"`:           "",
		`mta_sts = "on"`:                "no mode of MTA-STS",
	} {
		_, err := Parse("postward.toml", "[dns]\n"+text+"\n")
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "c2VjcmV0")) {
			t.Errorf("%s: %v, wanted %q", text, err, want)
		}
	}
}

func TestTheSecretOfTheZonesKeyIsNotShown(t *testing.T) {
	c, err := Parse("postward.toml", "[dns]\nkey_name = \"postward\"\nkey_secret = \"c2VjcmV0\"\n")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range c.Diff() {
		if strings.Contains(d.Value+d.Default, "c2VjcmV0") || d.Key == "dns.key_secret" && (d.Value != `"…"` || d.Default != `""`) {
			t.Errorf("%+v", d)
		}
	}
	if len(c.Diff()) != 2 {
		t.Errorf("%+v", c.Diff())
	}
}
