package daemon

import (
	"net/netip"
	"testing"

	"postward/internal/log/follow"
	"postward/internal/run/ctl"
	"postward/internal/wire/netinfo"
)

// oneNetwork knows every address as of one network.
type oneNetwork struct{ netinfo.DB }

func (oneNetwork) Lookup(netip.Addr) netinfo.Info { return netinfo.Info{ASN: 64500, Country: "CH"} }

// From where an account's mail is read is noted once a day, whichever protocol and however often; a login that failed, of
// nobody's account, or through the host's own webmail, is nothing.
func TestALoginToAMailboxIsNotedOnceADay(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	d.where = oneNetwork{}
	must(t, d, "account/allow", ctl.AccountChange{Account: "anna"})
	for _, text := range []string{
		"Nov 30 05:02:03 mx dovecot: imap-login: Login: user=<Anna>, method=PLAIN, rip=198.51.100.7, lip=192.0.2.1, mpid=7, TLS, session=<a>",
		"Nov 30 05:02:04 mx dovecot: pop3-login: Login: user=<anna>, method=PLAIN, rip=198.51.100.8, lip=192.0.2.1, mpid=8, TLS, session=<b>",
		"Nov 30 05:02:05 mx dovecot: imap-login: Login: user=<anna>, method=PLAIN, rip=127.0.0.1, lip=127.0.0.1, mpid=9, session=<c>",
		"Nov 30 05:02:06 mx dovecot: imap-login: Login: user=<nobody>, method=PLAIN, rip=198.51.100.7, lip=192.0.2.1, mpid=7, session=<d>",
		"Nov 30 05:02:07 mx dovecot: imap-login: Disconnected (auth failed, 1 attempts in 2 secs): user=<anna>, method=PLAIN, rip=203.0.113.80, lip=192.0.2.1, session=<e>",
	} {
		if _, err := d.hear(t.Context(), []byte(text), follow.Key{}); err != nil {
			t.Fatal(err)
		}
	}
	if all := d.state.Account("anna").Sources.Readings; len(all) != 1 || all[0].Days != 1 || all[0].ASN != 64500 {
		t.Errorf("%+v", all)
	}
	if d.state.Account("nobody") != nil {
		t.Error("an account was made of a login")
	}
}
