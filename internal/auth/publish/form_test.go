package publish

import (
	"encoding/json"
	"strings"
	"testing"

	mdns "github.com/miekg/dns"
)

func TestALongTextIsWrittenInStringsOf255Octets(t *testing.T) {
	long := strings.Repeat("a", 255) + strings.Repeat("b", 255) + "c"
	for _, c := range []struct{ text, want string }{
		{"v=spf1 -all", `example.org. 300 IN TXT "v=spf1 -all"`},
		{"", `example.org. 300 IN TXT ""`},
		{`say "x\y"; ` + "\x00\xff", `example.org. 300 IN TXT "say \"x\\y\"; \000\255"`},
		{long, `example.org. 300 IN TXT "` + long[:255] + `" "` + long[255:510] + `" "c"`},
	} {
		if got := Line("example.org", c.text, 300); got != c.want {
			t.Errorf("%q is written\n%s, not\n%s", c.text, got, c.want)
		}
	}
	if parts := Strings(long); len(parts) != 3 || strings.Join(parts, "") != long {
		t.Errorf("strings %q", parts)
	}
}

func TestAWebFormWantsTheNameBelowTheZone(t *testing.T) {
	for _, c := range []struct{ zone, name, want string }{
		{"example.org", "example.org", "@"},
		{"example.org", "_dmarc.example.org", "_dmarc"},
		{"example.org", "_dmarc.mail.example.org", "_dmarc.mail"},
		{"", "_dmarc.mail.example.org", "_dmarc"}, // where the zone is not known the domain stands for it
	} {
		i := Item{Name: c.name, Zone: c.zone, Want: "v=DMARC1; p=none"}
		if got := i.Field("mail.example.org"); got != (Field{c.want, "TXT", "v=DMARC1; p=none"}) {
			t.Errorf("%s in %s: %+v", c.name, c.zone, got)
		}
	}
}

func TestAnItemsJSONHasWhatAProgramNeeds(t *testing.T) {
	i := Item{Topic: DMARC, Name: "_dmarc.example.org", Act: Add, Want: "v=DMARC1; p=none", TTL: 3600, Zone: "example.org"}
	got, err := json.Marshal(&i)
	want := `{"topic":"dmarc","name":"_dmarc.example.org","act":"add","want":"v=DMARC1; p=none","other":0,"ttl":3600,"zone":"example.org"}`
	if err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
}

// FuzzALineComesBackAsItsText: what is written into a zone file is read there by others, octet by octet.
func FuzzALineComesBackAsItsText(f *testing.F) {
	for _, text := range []string{"", "v=spf1 mx -all", `"\;`, "\x00\n\t\xff", strings.Repeat("x", 256), strings.Repeat(`\`, 300), "a\\100b", "$ORIGIN .", "( ;"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 8<<10 {
			return
		}
		line := Line("_x.example.org", text, 60)
		if strings.ContainsAny(line, "\r\n\x00") {
			t.Fatalf("%q is more than a line", line)
		}
		zone := mdns.NewZoneParser(strings.NewReader(line+"\n"), ".", "")
		rr, ok := zone.Next()
		if !ok || zone.Err() != nil {
			t.Fatalf("%q is not read: %v", line, zone.Err())
		}
		if _, more := zone.Next(); more {
			t.Fatalf("%q is read as two records", line)
		}
		txt := rr.(*mdns.TXT)
		if got := joined(txt); got != text || txt.Hdr.Ttl != 60 || txt.Hdr.Name != "_x.example.org." {
			t.Fatalf("%q came back as %q (%s)", text, got, line)
		}
		wire := make([]byte, mdns.MaxMsgSize)
		end, err := mdns.PackRR(txt, wire, 0, nil, false)
		if err != nil {
			t.Fatal(err)
		}
		back, _, err := mdns.UnpackRR(wire[:end], 0)
		if err != nil || joined(back.(*mdns.TXT)) != text {
			t.Fatalf("%q came by the wire as %v: %v", text, back, err)
		}
	})
}
