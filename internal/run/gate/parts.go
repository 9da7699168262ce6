// Package gate is who may log in, and who is kept out. It hears of logins in lines of the log and in Dovecot's reports, adds what the
// State knows of their accounts, and has guard/guess judge them; it carries out what that finds: a ban in the journal, in a row and in the
// kernel, an answer to Dovecot, a word to the owner. The operator's verbs about bans stand in desk.go, what a name means in names.go.
//
// The daemon owns it, and gives it what it needs (Parts): it never imports the daemon. It has a mutex of its own, which is taken before the
// State's and never after it. Goroutines: Tend, KeepOut and AnswerDovecot are one each, Hear is the log's; everything else may be called
// by any.
package gate

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"postward/internal/guard"
	"postward/internal/guard/guess"
	"postward/internal/host/warden"
	"postward/internal/log/logins"
	"postward/internal/run/config"
	"postward/internal/run/health"
	"postward/internal/run/store"
	"postward/internal/wire/netinfo"
)

// Parts are what a gate has of the daemon that owns it.
type Parts struct {
	Config   *config.Config
	Log      *slog.Logger
	Store    *store.Store
	Warden   *warden.Client
	Where    netinfo.DB // to which network and country an address belongs; may be nil
	Troubles *health.Troubles
	// Trusted asks Postfix for its mynetworks, and Dovecot for the proxies that it trusts; nil: there are none.
	Trusted func(context.Context) []netip.Prefix
	// State calls what reads the State while nobody else has it. It is called with the gate's mutex held, and without.
	State func(func(*guard.State))
	// Stepped returns by how much the clock was set since it was last called.
	Stepped func() time.Duration
	// Record writes an event into the journal, and applies it.
	Record func(*guard.Event) (*store.Ticket, error)
	// Reading is told from where an account's mail is read.
	Reading func(account string, client netip.Addr)
}

// New returns a gate that knows of nobody: Restore takes up what it knew.
func New(p Parts) *Gate {
	return &Gate{
		config: p.Config, log: p.Log, store: p.Store, writer: p.Store.Writer(), warden: p.Warden, where: p.Where, troubles: p.Troubles,
		ask: p.Trusted, state: p.State, stepped: p.Stepped, record: p.Record, reading: p.Reading,
		joiner: logins.New(), watch: guess.New(), news: make(chan struct{}, 1), moved: make(chan struct{}, 1), sparings: map[netip.Prefix]sparing{}, reports: map[bool]time.Time{},
	}
}
