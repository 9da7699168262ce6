package daemon

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"postward/internal/lists/dnsbl"
	"postward/internal/run/config"
	"postward/internal/wire/dns"
)

// tendLoginLists finds whom to ask about logins, anew when the resolver is another one, until ctx ends. That they cannot be asked is
// a trouble, and no reason not to answer Dovecot.
func (d *Daemon) tendLoginLists(ctx context.Context) error {
	if d.config.AuthPolicy.Listen == "" || len(d.config.AuthPolicy.Lists) == 0 {
		return nil
	}
	var resolv time.Time
	begun := false
	return every(ctx, watchEvery, func() error {
		changed := changedAt(dns.ResolvConf)
		if begun && changed.Equal(resolv) {
			return nil
		}
		text := ""
		if err := d.openLoginLists(); err != nil {
			text = fmt.Sprintf("no list is asked about logins (%v): mend that; what is in postward.toml wants systemctl reload postward", err)
		} else {
			begun, resolv = true, changed
		}
		d.troubles.Set("login lists", text, time.Now())
		return nil
	})
}

// openLoginLists takes the lists of the configuration into use.
func (d *Daemon) openLoginLists() error {
	set, checker, err := d.openLists()
	if err != nil {
		return err
	}
	lists, wrong := checker.ForLogins(set, d.config.AuthPolicy.Lists)
	if len(wrong) > 0 {
		return errors.New("authpolicy.lists: " + strings.Join(wrong, "; "))
	}
	d.gate.AskLists(lists, checker)
	return nil
}

// openLists returns the lists that are known, and who asks them.
func (d *Daemon) openLists() (*dnsbl.Set, *dnsbl.Checker, error) {
	client, err := dns.HostClient()
	if err != nil {
		return nil, nil, err
	}
	secrets, err := config.Secrets(config.KeysFile)
	if err != nil {
		return nil, nil, err
	}
	return dnsbl.Open(client, config.ListsDir, secrets, d.config.Watch.Registered)
}
