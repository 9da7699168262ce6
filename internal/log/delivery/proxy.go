package delivery

import (
	"slices"

	"postward/internal/log/maillog"
	"postward/internal/mail/message"
)

// With smtpd_proxy_filter the mail has no queue ID where its sender logs in. The filter hands it to another smtpd, which logs
// the client that the filter names (orig_client=) and no login. Which login it is of is told when the filter has taken the mail
// ("proxy-accept: … queued as ID"), and known before when only one login of that client is there.

// loggedIn notes who hands in the next mail of a session.
func (t *Tracker) loggedIn(l *maillog.Line) {
	s := t.sessionOf(l)
	t.loggedOut(s)
	s.login = login{message.Account(text(l.SASLUsername)), string(l.Host), text(l.Client.Name), address(l.Client.Addr)}
	if s.login.account != "" {
		at := s.login.place()
		t.logins[at] = append(t.logins[at], s)
	}
}

// loggedOut forgets it.
func (t *Tracker) loggedOut(s *session) {
	if s.login.account == "" {
		return
	}
	at := s.login.place()
	t.logins[at] = slices.DeleteFunc(t.logins[at], func(x *session) bool { return x == s })
	if len(t.logins[at]) == 0 {
		delete(t.logins, at)
	}
	s.login = login{}
}

// proxied gives a mail that a filter hands in the account that is logged in at the client which the filter names, if it is one.
func (t *Tracker) proxied(m *Mail, l *maillog.Line) {
	if l.Origin.Addr == nil || l.OtherID != nil || !near(address(l.Client.Addr)) {
		return
	}
	at := login{host: string(l.Host), client: m.Client}
	sessions := t.logins[at.place()]
	if len(sessions) > 0 && !slices.ContainsFunc(sessions, func(s *session) bool { return s.login.account != sessions[0].login.account }) {
		m.Account = sessions[0].login.account
	}
}

// proxyAccepted takes the filter's word under which queue ID it handed a mail on. What a stranger handed in is nobody's, but not
// the filter's either.
func (t *Tracker) proxyAccepted(l *maillog.Line) {
	s := t.sessionOf(l)
	keys := t.keys(l, l.OtherID)
	if len(keys) == 0 || !s.login.client.IsValid() {
		return
	}
	m := t.open[keys[0]]
	if m.Client.IsValid() && near(m.Client) {
		m.Client, m.HostName = s.login.client, s.login.name
	}
	if m.Account == "" && s.login.account != "" && m.Client == s.login.client {
		m.Account = s.login.account
		if t.began != nil {
			t.began(m)
		}
	}
}
