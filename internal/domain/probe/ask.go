package probe

import (
	"bytes"
	"context"
	"crypto/tls"
	"sync"
	"time"
)

// single are the versions that are offered alone, 1.2 to those who know one kind of key and to those who know the other: a
// host may have a certificate for each, and senders that prefer another kind than we do see the other.
var single = [...]offering{{tls.VersionTLS10, ""}, {tls.VersionTLS11, ""}, {tls.VersionTLS12, "ECDSA"}, {tls.VersionTLS12, "RSA"}}

// offering is a version of TLS, and the kind of key that is known; empty is every kind.
type offering struct {
	version uint16
	key     string
}

// offered is what came of an offering.
type offered struct {
	problem *Problem
	tls     *TLS
}

// Ask asks what a service shows. It makes one connection, and when that is made four more beside it: one each that offers
// TLS 1.0 and 1.1 alone, and two that offer 1.2. To a host of the operator's own (Config.Own) there is a sixth, which says NOOP in the clear
// behind STARTTLS: that harms nobody, and in a stranger's log it looks like an attack. TLS 1.3 is what the first connection is
// given by a host that knows it (RFC 8446 section 4.2.1).
func Ask(ctx context.Context, c Config, t Target) Report {
	ctx, cancel := c.bound(ctx)
	defer cancel()
	r := Report{Target: t}
	start := time.Now()
	s, p := open(ctx, &c, t)
	if p != nil {
		r.Problem = p
		return r
	}
	r.Connected, r.Connect = true, time.Since(start)
	var wait sync.WaitGroup
	var came [len(single)]offered
	for i, of := range single {
		wait.Go(func() { came[i] = offer(ctx, &c, t, of) })
	}
	if c.Own {
		wait.Go(func() { r.Injected, r.Injector = inject(ctx, &c, t) })
	}
	r.first(ctx, &c, s)
	wait.Wait()
	r.conclude(came[:])
	return r
}

// first is the conversation of the first connection.
func (r *Report) first(ctx context.Context, c *Config, s *session) {
	defer func() {
		if p := s.close(); r.Problem == nil {
			r.Problem = p
		}
	}()
	start := time.Now()
	r.Banner, r.Problem = s.greeting()
	if r.Greet = time.Since(start); r.Problem != nil {
		return
	}
	r.Host = hostOf(r.Banner.Lines[0])
	if r.Clear, r.Problem = s.hello(HelloClear); r.Problem != nil {
		return
	}
	if r.StartTLS = r.secure(ctx, c, s); r.StartTLS == nil {
		r.Secure, r.Problem = s.hello(HelloSecure)
	}
}

// secure makes the connection TLS, and keeps what was seen of that.
func (r *Report) secure(ctx context.Context, c *Config, s *session) *Problem {
	if !r.Clear.Has("STARTTLS") {
		return &Problem{Step: StartTLS, Fault: NotOffered}
	}
	if p := s.startTLS(""); p != nil {
		return p
	}
	seen := &chain{}
	state, p := s.shake(ctx, seen.config(r.Name, tls.VersionTLS10, tls.VersionTLS13, ""))
	if len(seen.certificates) > 0 || p == nil {
		r.TLS = describe(state, seen.certificates, c, r.Name)
	}
	return p
}

// converse comes to TLS on a connection of its own and leaves again. behind is what is said in the clear behind STARTTLS.
func converse(ctx context.Context, c *Config, t Target, config *tls.Config, behind string) (s *session, p *Problem) {
	s, p = open(ctx, c, t)
	if p != nil {
		return nil, p
	}
	if _, p = s.greeting(); p != nil {
		return s, p
	}
	h, p := s.hello(HelloClear)
	if p != nil {
		return s, p
	}
	if !h.Has("STARTTLS") {
		return s, &Problem{Step: StartTLS, Fault: NotOffered}
	}
	if p = s.startTLS(behind); p != nil {
		return s, p
	}
	_, p = s.shake(ctx, config)
	return s, p
}

// offer offers one version of TLS alone.
func offer(ctx context.Context, c *Config, t Target, of offering) (o offered) {
	seen := &chain{}
	s, p := converse(ctx, c, t, seen.config(t.Name, of.version, of.version, of.key), "")
	if o.problem = p; len(seen.certificates) > 0 {
		o.tls = describe(tls.ConnectionState{Version: of.version}, seen.certificates, c, t.Name)
	}
	if s != nil {
		_ = s.close() // the version is known by now
	}
	return o
}

// inject says NOOP in the clear behind STARTTLS, in the same packet. RFC 3207 section 4.2: the host must forget what it
// learned before TLS; one that obeys it inside TLS answers the NOOP before the QUIT.
func inject(ctx context.Context, c *Config, t Target) (Answer, *Problem) {
	s, p := converse(ctx, c, t, new(chain).config(t.Name, tls.VersionTLS10, tls.VersionTLS13, ""), "NOOP\r\n")
	if s == nil {
		return Unknown, p
	}
	if p != nil {
		_ = s.close() // what matters is in p
		return Unknown, p
	}
	defer s.drop()
	reply, p := s.command(Quit, 2, "QUIT")
	switch {
	case reply.Code == 0:
		return Unknown, p
	case reply.Code == 221:
		return No, nil
	}
	_, p = s.read(Quit, 2)
	return Yes, p
}

// conclude says of each version whether it is accepted, and of a host that broke off over the NOOP that it did not obey it.
// What ended a handshake counts as a no when the first connection, which offered everything, came through.
func (r *Report) conclude(came []offered) {
	if !r.Clear.Has("STARTTLS") {
		r.Injected, r.Injector = Unknown, nil
		return
	}
	through := r.StartTLS == nil && r.TLS != nil
	for i, o := range came {
		r.other(o.tls)
		v := Version{tls.VersionName(single[i].version), accepted(o.problem, through), o.problem}
		if n := len(r.Versions); n > 0 && r.Versions[n-1].Name == v.Name {
			r.Versions[n-1] = either(r.Versions[n-1], v)
			continue
		}
		r.Versions = append(r.Versions, v)
	}
	latest := Version{Name: tls.VersionName(tls.VersionTLS13), Problem: r.StartTLS}
	if through {
		latest.Accepted = No
		if r.TLS.Version == latest.Name {
			latest.Accepted = Yes
		}
	}
	r.Versions = append(r.Versions, latest)
	if p := r.Injector; through && p != nil && r.Injected == Unknown && brokeOff(p) {
		r.Injected = No
	}
}

// either is a version that was offered twice: one of them is enough, and both must have failed.
func either(a, b Version) Version {
	if b.Accepted == Yes || a.Accepted == No {
		return b
	}
	return a
}

// other keeps a certificate that only some clients are shown.
func (r *Report) other(t *TLS) {
	if t == nil || r.TLS == nil || len(r.TLS.Chain) == 0 {
		return
	}
	for _, known := range append([]*TLS{r.TLS}, r.Others...) {
		if bytes.Equal(known.Chain[0].DER, t.Chain[0].DER) {
			return
		}
	}
	r.Others = append(r.Others, t)
}

// accepted reads how an offer of one version ended.
func accepted(p *Problem, through bool) Answer {
	switch {
	case p == nil:
		return Yes
	case p.Step == Handshake && (p.Fault == Alert || through && (p.Fault == Reset || p.Fault == Closed || p.Fault == BadHandshake)):
		return No
	}
	return Unknown
}

// brokeOff reports whether a host refused STARTTLS with something behind it, or ended there.
func brokeOff(p *Problem) bool {
	switch p.Step {
	case StartTLS:
		return p.Fault == Rejected || p.Fault == Reset || p.Fault == Closed
	case Handshake:
		return p.Fault != Timeout && p.Fault != Local
	}
	return false
}
