package rig

import (
	"errors"
	"testing"
)

// Site is a whole small mail site: a Postfix, a Dovecot for its logins, and the world.
type Site struct {
	Sink    *Sink
	Postfix *Postfix
	Dovecot *Dovecot

	parts Processes
}

// NewSite lays a site whose sink and Dovecot run; Postfix is laid and not started. An empty Sink is filled in; dovecot are
// further lines of Dovecot's configuration.
func NewSite(config PostfixConfig, users map[string]string, dovecot ...string) (*Site, error) {
	s := &Site{}
	if err := s.lay(config, users, dovecot); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Site) lay(config PostfixConfig, users map[string]string, dovecot []string) (err error) {
	if s.Sink, err = StartSink("127.0.0.1:0"); err != nil {
		return err
	}
	s.parts.Add(s.Sink.Close)
	config.Sink = s.Sink.Addr
	if s.Postfix, err = NewPostfix(config); err != nil {
		return err
	}
	s.parts.Add(s.Postfix.Close)
	if s.Dovecot, err = StartDovecot(s.Postfix, users, dovecot...); err != nil {
		return err
	}
	s.parts.Add(s.Dovecot.Close)
	return nil
}

// Close ends everything of the site, in the order that it depends on each other.
func (s *Site) Close() error { return s.parts.Close() }

// TestSite is a running site that ends with the test.
func TestSite(t *testing.T, config PostfixConfig, users map[string]string, dovecot ...string) *Site {
	t.Helper()
	s, err := NewSite(config, users, dovecot...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Postfix.Start(); err != nil {
		t.Fatal(err)
	}
	return s
}
