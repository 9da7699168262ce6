package doors

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"postward/internal/host/postfix"
)

const (
	ours  = "{ unix:postward/inbound.sock, default_action=accept }"
	local = "{ unix:postward/local.sock, default_action=tempfail }"
)

// debian is a Postfix as Debian has it, with postward attached.
func debian() *Doors {
	usual := map[string]string{
		"smtpd_milters": ours, "non_smtpd_milters": local, "cleanup_service_name": "cleanup", "mynetworks": "own", "smtpd_tls_ask_ccert": "no",
		"smtpd_tls_req_ccert": "no", "smtpd_relay_restrictions": "permit_mynetworks, permit_sasl_authenticated, defer_unauth_destination",
	}
	d := &Doors{networks: map[string]networks{"own": {all: prefixes("127.0.0.0/8 192.0.2.0/24")}}}
	for _, p := range []postfix.Program{
		{Name: "smtp", Type: "inet", Command: "smtpd", Address: "localhost:25"}, {Name: "pickup", Type: "unix", Command: "pickup"},
		{Name: "cleanup", Type: "unix", Command: "cleanup"}, {Name: "maildrop", Type: "unix", Command: "pipe", Args: []string{"flags=DRXhu", "user=vmail", "argv=/usr/bin/maildrop"}},
	} {
		p.Worth = maps.Clone(usual)
		d.programs = append(d.programs, p)
	}
	return d
}

func prefixes(list string) []netip.Prefix {
	var all []netip.Prefix
	for _, s := range strings.Fields(list) {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}

func known() Known {
	return Known{Sees: Seeing([]string{"unix:/var/spool/postfix/postward/inbound.sock", "unix:/var/spool/postfix/postward/local.sock"}), Wire: true, Local: true,
		Own: prefixes("192.0.2.0/24"), Declared: func(string) bool { return false }}
}

// set sets a parameter of a service.
func (d *Doors) set(service, name, value string) {
	for i := range d.programs {
		if d.programs[i].Name == service {
			d.programs[i].Worth[name] = value
		}
	}
}

// add adds a service that is as the first one but for this.
func (d *Doors) add(p postfix.Program, worth map[string]string) {
	p.Worth = maps.Clone(d.programs[0].Worth)
	maps.Copy(p.Worth, worth)
	d.programs = append(d.programs, p)
}

// opens holds which doors are open against their keys, and returns what is said of them.
func opens(t *testing.T, d *Doors, k Known, want ...string) string {
	t.Helper()
	var keys, texts []string
	for key, text := range d.Open(k) {
		if text != "" {
			keys, texts = append(keys, key), append(texts, text)
		}
	}
	slices.Sort(keys)
	if !slices.Equal(keys, want) {
		t.Errorf("open are %q, want %q: %q", keys, want, texts)
	}
	return strings.Join(texts, "\n")
}

func TestAPostfixAsItShouldBeHasNoDoor(t *testing.T) {
	opens(t, debian(), known())
	d := debian()
	d.add(postfix.Program{Name: "127.0.0.1:10025", Type: "inet", Command: "smtpd", Address: "127.0.0.1:10025"}, map[string]string{"smtpd_milters": ""})
	for i := range d.programs {
		d.programs[i].Worth["smtpd_milters"], d.programs[i].Worth["non_smtpd_milters"] = "inet:localhost:8891", ""
	}
	opens(t, d, known()) // postward is not attached: that is said elsewhere
}

func TestAReturnPortIsADoorForEveryUserOfTheHost(t *testing.T) {
	back := postfix.Program{Name: "127.0.0.1:10025", Type: "inet", Command: "smtpd", Address: "127.0.0.1:10025"}
	for name, worth := range map[string]map[string]string{
		"no milter":      {"smtpd_milters": ""},
		"another's":      {"smtpd_milters": "inet:localhost:8891"},
		"no_milters":     {"receive_override_options": "no_header_body_checks,no_milters"},
		"of main.cf":     {"receive_override_options": "no_milters", "smtpd_milters": ours},
		"by white space": {"receive_override_options": "no_address_mappings no_milters"},
	} {
		d := debian()
		d.add(back, worth)
		text := opens(t, d, known(), "return")
		if !strings.Contains(text, "127.0.0.1:10025") || !strings.Contains(text, "tcp dport '{ 10025 }' meta skuid != '{ root, amavis }' reject") {
			t.Errorf("%s: %s", name, text)
		}
	}
	d := debian()
	d.add(back, nil)
	opens(t, d, known())
	d.set(back.Name, "smtpd_milters", "")
	d.add(postfix.Program{Name: "reinject", Type: "unix", Command: "smtpd"}, map[string]string{"smtpd_milters": ""})
	k := known()
	k.Shut = func(address string) bool { return address == back.Address }
	opens(t, d, k) // a firewall lets only the filter in; who reaches a socket of Postfix's is Postfix's to say
	d.add(postfix.Program{Name: "smtpd", Type: "pass", Command: "smtpd"}, map[string]string{"smtpd_milters": ""})
	opens(t, d, k, "return")
	k.Wire = false // a direction is switched off: its services have no milter of ours because the operator said so
	opens(t, d, k)
}

func TestSendmailPastPostwardIsADoor(t *testing.T) {
	for name, c := range map[string]struct{ service, parameter, value string }{
		"no_milters":      {"pickup", "receive_override_options", "no_milters"},
		"no milter":       {"cleanup", "non_smtpd_milters", "inet:localhost:8891"},
		"another cleanup": {"pickup", "cleanup_service_name", "other"},
	} {
		d := debian()
		d.add(postfix.Program{Name: "other", Type: "unix", Command: "cleanup"}, map[string]string{"non_smtpd_milters": ""})
		d.set(c.service, c.parameter, c.value)
		if text := opens(t, d, known(), "sendmail"); !strings.Contains(text, "sendmail(1) unseen") {
			t.Errorf("%s: %s", name, text)
		}
		k := known()
		k.Local = false
		opens(t, d, k)
	}
}

func TestClientsWithoutAMilterAreADoor(t *testing.T) {
	d := debian()
	d.set("smtp", "smtpd_milter_maps", "cidr:/etc/postfix/milter_map")
	if text := opens(t, d, known(), "maps"); !strings.Contains(text, "cidr:/etc/postfix/milter_map of smtp") {
		t.Error(text)
	}
}

func TestAPipeFilterIsNamedUntilItsUserIsDeclared(t *testing.T) {
	for name, c := range map[string]struct {
		service, filter string
		args            string
		user            string
	}{
		"on port 25":    {"smtp", "spamassassin:dummy", "user=debian-spamd argv=/usr/bin/spamc -e /usr/sbin/sendmail -oi", "debian-spamd"},
		"no nexthop":    {"smtp", "spamassassin", "flags=Rq user=filter:mail null_sender= argv=/etc/postfix/filter", "filter"},
		"of sendmail":   {"pickup", "spamassassin:", "user=filter argv=/etc/postfix/filter", "filter"},
		"another pipe":  {"smtp", "smtp-amavis:[127.0.0.1]:10024", "user=filter argv=/etc/postfix/filter", ""},
		"no filter":     {"smtp", "", "user=filter argv=/etc/postfix/filter", ""},
		"of an address": {"cleanup", "spamassassin:", "user=filter argv=/etc/postfix/filter", ""},
		"argument":      {"smtp", "spamassassin:", "argv=/etc/postfix/filter user=nobody", ""},
	} {
		d := debian()
		d.add(postfix.Program{Name: "spamassassin", Type: "unix", Command: "pipe", Args: strings.Fields(c.args)}, nil)
		d.set(c.service, "content_filter", c.filter)
		want := []string{}
		if c.user != "" {
			want = append(want, "filter")
		}
		if text := opens(t, d, known(), want...); c.user != "" && !strings.Contains(text, "postward account allow local:"+c.user+" --class application --address '*' --budget") {
			t.Errorf("%s: %s", name, text)
		}
		k := known()
		k.Declared = func(user string) bool { return user == c.user }
		opens(t, d, k)
	}
}

func TestMynetworksWiderThanOwnNetworksIsADoor(t *testing.T) {
	for name, c := range map[string]struct{ mynetworks, own, named string }{
		"the same":         {"127.0.0.0/8 ::1/128 192.0.2.0/24", "192.0.2.0/24", ""},
		"narrower":         {"192.0.2.64/26 192.0.2.9/32", "192.0.2.0/24", ""},
		"another":          {"192.0.2.0/24 203.0.113.0/24", "192.0.2.0/24", "203.0.113.0/24"},
		"wider":            {"192.0.2.0/23", "192.0.2.0/24", "192.0.2.0/23"},
		"in two halves":    {"192.0.2.0/24", "192.0.2.0/25 192.0.2.128/25", ""},
		"but one":          {"192.0.2.0/30", "192.0.2.0/31 192.0.2.2/32", "192.0.2.0/30"},
		"all the internet": {"0.0.0.0/0", "127.0.0.0/8", "0.0.0.0/0"},
		"more than loop":   {"127.0.0.0/7 ::/127", "", "126.0.0.0/7"},
		"six":              {"2001:db8::/32", "2001:db8::/33 2001:db8:8000::/33", ""},
		"six but one":      {"2001:db8::/32", "2001:db8::/33", "2001:db8::/32"},
	} {
		d, k := debian(), known()
		n := networks{}
		for _, p := range prefixes(c.mynetworks) {
			n.all = append(n.all, p.Masked())
		}
		d.networks["own"], k.Own = n, prefixes(c.own)
		want := []string{}
		if c.named != "" {
			want = append(want, "networks")
		}
		if text := opens(t, d, k, want...); c.named != "" && !strings.Contains(text, "mynetworks: "+c.named) {
			t.Errorf("%s: %s", name, text)
		}
	}
}

func TestMynetworksThatMayNotRelayIsNoDoor(t *testing.T) {
	for name, c := range map[string]struct {
		relay, recipient, client string
		open                     bool
	}{
		"relay":             {"permit_mynetworks, defer_unauth_destination", "", "", true},
		"recipient alone":   {"", "check_policy_service inet:127.0.0.1:7777, Permit_Mynetworks, reject_unauth_destination", "", true},
		"both":              {"permit_mynetworks,reject", "permit_mynetworks,reject", "", true},
		"a lax second":      {"permit_mynetworks,reject", "check_policy_service unix:private/policy", "", true},
		"with a login only": {"permit_sasl_authenticated, reject", "permit_mynetworks", "", false},
		"refused after":     {"permit_mynetworks,reject", "reject_unauth_destination, permit_mynetworks", "", false},
		"refused before":    {"permit_mynetworks,reject", "", "permit_sasl_authenticated,reject", false},
		"too late":          {"defer_unauth_destination permit_mynetworks", "", "", false},
	} {
		d, k := debian(), known()
		k.Own = nil
		d.set("smtp", "smtpd_relay_restrictions", c.relay)
		d.set("smtp", "smtpd_recipient_restrictions", c.recipient)
		d.set("smtp", "smtpd_client_restrictions", c.client)
		want := []string{}
		if c.open {
			want = append(want, "networks")
		}
		t.Log(name)
		opens(t, d, k, want...)
	}
}

func TestNetworksThatCannotBeReadAreNamed(t *testing.T) {
	d := debian()
	d.networks["own"] = networks{unread: []string{"mysql:/etc/postfix/nets is not an address or prefix; look at it yourself"}}
	if text := opens(t, d, known(), "unread"); !strings.Contains(text, "mysql:/etc/postfix/nets") {
		t.Error(text)
	}
}

func TestACertificateThatMayRelayIsADoor(t *testing.T) {
	for name, c := range map[string]struct {
		restrictions, certificates, asks string
		open                             bool
	}{
		"listed":     {"permit_tls_clientcerts, reject", "hash:/etc/postfix/certs", "yes", true},
		"any":        {"permit_tls_all_clientcerts, reject", "", "yes", true},
		"none":       {"permit_tls_clientcerts, reject", "", "yes", false},
		"never asks": {"permit_tls_clientcerts, reject", "hash:/etc/postfix/certs", "no", false},
		"too late":   {"reject, permit_tls_clientcerts", "hash:/etc/postfix/certs", "yes", false},
	} {
		d := debian()
		d.set("smtp", "smtpd_relay_restrictions", c.restrictions)
		d.set("smtp", "relay_clientcerts", c.certificates)
		d.set("smtp", "smtpd_tls_ask_ccert", c.asks)
		want := []string{}
		if c.open {
			want = append(want, "certificates")
		}
		t.Log(name)
		opens(t, d, known(), want...)
	}
}

func FuzzCovered(f *testing.F) {
	f.Add([]byte{192, 0, 2, 0}, 24, []byte{192, 0, 2, 0}, 25, []byte{192, 0, 2, 128}, 25, []byte{192, 0, 2, 200})
	f.Fuzz(func(t *testing.T, n []byte, bits int, a []byte, aBits int, b []byte, bBits int, x []byte) {
		net := func(octets []byte, bits int) netip.Prefix {
			addr, _ := netip.AddrFromSlice(octets)
			p, _ := addr.Prefix(bits)
			return p
		}
		addr, ok := netip.AddrFromSlice(x)
		all, own := net(n, bits), []netip.Prefix{net(a, aBits), net(b, bBits)}
		if !all.IsValid() || !own[0].IsValid() || !own[1].IsValid() || !ok || !all.Contains(addr) || addr.IsLoopback() {
			return
		}
		if covered(all, own) && !own[0].Contains(addr) && !own[1].Contains(addr) {
			t.Errorf("%s is in %s and in none of %s", addr, all, own)
		}
	})
}
