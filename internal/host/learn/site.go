package learn

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"postward/internal/host/postfix"
	"postward/internal/log/oldlog"
)

// Site is what Postfix says of itself that is learned from. It is read only.
type Site struct {
	ConfigDir string

	values     map[string]string // of the names in siteNames
	senderMaps []string          // the tables of smtpd_sender_login_maps, of main.cf and of every service
}

var siteNames = []string{"mynetworks", "mydestination", "virtual_mailbox_domains", "virtual_alias_domains", "virtual_mailbox_maps", "maillog_file"}

// Ask asks the Postfix whose configuration is in a directory. It changes nothing.
func Ask(ctx context.Context, configDir string) (*Site, error) {
	p := postfix.Instance{ConfigDir: configDir}
	values, err := p.Values(ctx, nil, siteNames...)
	if err != nil {
		return nil, err
	}
	lists, err := p.Everywhere(ctx, "smtpd_sender_login_maps")
	if err != nil {
		return nil, fmt.Errorf("learn who may send as whom: %w", err)
	}
	s := &Site{ConfigDir: configDir, values: values}
	for _, list := range lists {
		s.senderMaps = append(s.senderMaps, postfix.SplitList(list)...)
	}
	slices.Sort(s.senderMaps)
	s.senderMaps = slices.Compact(s.senderMaps)
	return s, nil
}

// journalSocket is where journald listens, when it is there.
var journalSocket = "/run/systemd/journal/socket"

// usualLogs are where the usual syslog daemons put mail's lines.
var usualLogs = []string{"/var/log/mail.log", "/var/log/maillog", "/var/log/mail"}

// Log returns the mail log that Postfix writes, as postward is to follow it. Without maillog_file it is where the usual
// syslog daemons put it, or journald's journal ("journal"); empty: it is not known.
func (p *Site) Log() string {
	if own := p.values["maillog_file"]; own != "" && !strings.HasPrefix(own, "/dev/") {
		return own
	}
	for _, path := range usualLogs {
		if files, err := oldlog.Rotations(path); err == nil && len(files) > 0 {
			return path
		}
	}
	if _, err := os.Stat(journalSocket); err == nil {
		return "journal"
	}
	return ""
}

// Logs returns that log and what was rotated from it, the oldest first.
func (p *Site) Logs() []string {
	log := p.Log()
	if _, is := oldlog.Journal(log); is {
		return []string{log}
	}
	files, err := oldlog.Rotations(log)
	if log == "" || err != nil {
		return nil
	}
	var all []string
	for _, f := range files {
		all = append(all, f.Path)
	}
	return all
}
