package reply

import (
	"strings"
	"testing"

	"postward/test/rig"
)

func load(t testing.TB) *Set {
	t.Helper()
	s, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestEachSampleIsItsPatternsAndNoOthers: with the host unknown, and at a host of each receiver who says so.
func TestEachSampleIsItsPatternsAndNoOthers(t *testing.T) {
	s, seen := load(t), map[string]string{}
	for _, p := range s.Patterns() {
		if other := seen[p.Sample]; other != "" {
			t.Errorf("%s and %s have one sample", p.Name, other)
		}
		seen[p.Sample] = p.Name
		hosts := []string{""}
		for _, name := range p.At {
			hosts = append(hosts, "mx1."+s.Receiver(name).Hosts[0])
		}
		for _, host := range hosts {
			if m := s.Read(Parse([]byte(p.Sample), host)); m.Pattern != p.Name || m.Class != p.Class || m.Like != "" {
				t.Errorf("%s at %q: %+v", p.Name, host, m)
			}
		}
	}
	if len(seen) < 150 {
		t.Errorf("only %d patterns", len(seen))
	}
}

// TestTheFilterHidesNothing: whatever an expression matches, its fixed words are found in it.
func TestTheFilterHidesNothing(t *testing.T) {
	s := load(t)
	for _, text := range texts(s) {
		words := Parse([]byte(text), "").words
		hits := map[uint16]bool{}
		for _, i := range s.words.search(words, nil) {
			hits[i] = true
		}
		for i, p := range s.patterns {
			if match := p.match.MatchString(words); match && !hits[uint16(i)] || match != p.matches(words) {
				t.Errorf("%s and %q: %t, looked at: %t, found: %t", p.Name, words, match, hits[uint16(i)], p.matches(words))
			}
		}
	}
}

// texts are the samples, and each two of them behind each other.
func texts(s *Set) (all []string) {
	for i, p := range s.patterns {
		all = append(all, p.Sample, p.Sample+" "+s.patterns[(i*7+3)%len(s.patterns)].Sample)
	}
	return all
}

const whole = "  match: 'no mail on sundays'\n  class: policy\n  action: retry\n  means: they rest\n  do: wait\n  sample: '450 4.7.1 No mail on Sundays, please'\n"

func TestAnOperatorAddsAndChanges(t *testing.T) {
	s, err := Load(rig.WriteDir(t, map[string]string{
		"a.yaml": "replies:\n- name: our-parish\n  at: [parish]\n" + whole + "receivers:\n- name: parish\n  title: The parish\n  hosts: [parish.example]\n",
		"b.yaml": "replies:\n- name: gen-full\n  do: telephone\n",
	}))
	if err != nil {
		t.Fatal(err)
	}
	if m := s.Read(Parse([]byte("450 4.7.1 No mail on Sundays."), "mx.parish.example")); m.Pattern != "our-parish" || m.Title != "The parish" {
		t.Errorf("%+v", m)
	}
	if m := s.Read(Parse([]byte("552 5.2.2 Mailbox full"), "mx.example.org")); m.Pattern != "gen-full" || m.Do != "telephone" || m.Class != Mailbox {
		t.Errorf("%+v", m)
	}
}

func TestWhatIsWrongIsNamedWithItsLine(t *testing.T) {
	const head = "replies:\n- name: mine\n"
	for text, want := range map[string]string{
		head + whole + "  clas: x\n":                                                `:9: unknown key "clas"`,
		head + strings.Replace(whole, "policy", "sunday", 1):                        `:4: "sunday" is not one of`,
		head + strings.Replace(whole, "retry", "pay", 1):                            `:5: "pay" is not one of`,
		head + strings.Replace(whole, "sundays'", "sundays('", 1):                   `:3: no regular expression`,
		head + strings.Replace(whole, "no mail", "No mail", 1):                      `:3: replies are matched in lower case`,
		head + strings.Replace(whole, "'no mail on sundays'", "'.*'", 1):            `:3: ".*" has no fixed word`,
		head + strings.Replace(whole, "'no mail on sundays'", "'sundays|[a-z]'", 1): `has no fixed word`,
		head + whole + "  at: [nobody]\n":                                           `:2: reply mine: no receiver is called "nobody"`,
		head + whole + "  link: javascript:a\n":                                     `:2: reply mine: link "javascript:a" is neither`,
		head + whole + "  link: \"https://a.example/\\e[31m\"\n":                    `:9: an empty text`,
		head: `:2: reply mine: no match`,
		head + strings.Replace(whole, "No mail", "Much mail", 1):                                                                         `:2: reply mine: its sample does not match`,
		head + strings.Replace(whole, "'no mail on sundays'", "'zzyzx'", 1):                                                              `its sample does not match`,
		"replies:\n- name: mine\n" + whole + "- name: yours\n" + whole:                                                                   `reply yours: its sample is found by mine before`,
		"replies:\n- name: Mine\n":                                                                                                       `:2: a reply without a name`,
		"receivers:\n- name: us\n  title: Us\n  hosts: [Us.example]\n":                                                                   `:2: receiver us: "Us.example" is no domain`,
		"receivers:\n- name: us\n  title: Us\n  hosts: [google.com]\n":                                                                   `google.com is gmail's already`,
		head + strings.ReplaceAll(strings.ReplaceAll(whole, "no mail on sundays", "user unknown"), "No mail on Sundays", "User unknown"): `gen-unknown-user: its sample is found by mine before`,
		"receivers:\n- name: us\n":                                                                                                       `:2: receiver us: no title`,
		"replies: []\n---\nreplies: []\n":                                                                                                `more than one document`,
	} {
		_, err := Load(rig.WriteDir(t, map[string]string{"bad.yaml": text}))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "bad.yaml:") {
			t.Errorf("%.80q: %v, want %s", text, err, want)
		}
	}
}
