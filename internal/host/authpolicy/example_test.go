//go:build daemons

package authpolicy_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"postward/internal/host/authpolicy"
	"postward/test/rig"
)

// A daemon refuses one account until its owner has a new password, and hears how each login ends. Dovecot is a real one,
// and so is the Postfix that asks it.
func Example() {
	must := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	dir, err := rig.NewDir("example")
	must(err)
	key, err := authpolicy.MakeKey(filepath.Join(dir, "authpolicy.key"), os.Getegid())
	must(err)
	l, err := authpolicy.Listen("127.0.0.1:4002")
	must(err)
	ends := make(chan *authpolicy.Attempt, 10)
	server := &authpolicy.Server{
		Key: key,
		Before: func(_ context.Context, a *authpolicy.Attempt) authpolicy.Answer {
			if a.Account == "alarm" {
				return authpolicy.Refuse("your password is known to others: ask your postmaster for a new one")
			}
			return authpolicy.Pass()
		},
		Report: func(a *authpolicy.Attempt) { ends <- a },
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, l) }()

	version, err := rig.DovecotVersion()
	must(err)
	settings, err := authpolicy.Settings(version, l.Addr().String(), key)
	must(err)
	site, err := rig.NewSite(rig.PostfixConfig{}, map[string]string{"alarm": "alarm", "anna": "correct horse"}, settings)
	must(err)
	must(site.Postfix.Start())
	for _, c := range []rig.Client{{User: "alarm", Password: "alarm"}, {User: "anna", Password: "wrong"}, {User: "anna", Password: "correct horse"}} {
		c.Addr, c.Address, c.Timeout = site.Postfix.Submission(), "203.0.113.80", 20*time.Second
		session, _ := c.Open(ctx)
		fmt.Println(session.Steps[len(session.Steps)-1].Text)
		session.Close()
		a := <-ends
		fmt.Println(a.Account, a.Client, a.Protocol, a.Success, a.PolicyReject)
	}
	must(site.Close())
	stop()
	must(<-served)
	// Output:
	// 5.7.8 Error: authentication failed: your password is known to others: ask your postmaster for a new one
	// alarm 203.0.113.80 smtp false true
	// 5.7.8 Error: authentication failed: (reason unavailable)
	// anna 203.0.113.80 smtp false false
	// 2.7.0 Authentication successful
	// anna 203.0.113.80 smtp true false
}
