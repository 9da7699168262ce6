package spf

import (
	"net/netip"

	"postward/internal/wire/dns"
)

// Result is what a policy says of an address (RFC 7208 section 2.6).
type Result string

// The results. Unknown is none of the RFC's: it depends on a sender, a HELO or a client's names.
const (
	None      Result = "none"
	Neutral   Result = "neutral"
	Pass      Result = "pass"
	Fail      Result = "fail"
	SoftFail  Result = "softfail"
	TempError Result = "temperror"
	PermError Result = "permerror"
	Unknown   Result = "unknown"
)

// Verdict is a result and how it came about.
type Verdict struct {
	Result  Result `json:"result"`
	Why     string `json:"why,omitempty"`   // what made it an error, none or unknown
	Trail   []Step `json:"trail,omitempty"` // from the first record to the term that decided; empty when none did
	Lookups int    `json:"lookups"`         // that were reached
	Voids   int    `json:"voids"`
}

// Step is a term in a record.
type Step struct {
	Domain string `json:"domain"`
	Term   string `json:"term"`
}

// Result evaluates the tree for an address: check_host() of section 4. An IPv4-mapped address is IPv4, a zone is
// forgotten; an address that is none is Unknown.
func (t *Tree) Result(addr netip.Addr) Verdict {
	e := evaluation{addr: addr.Unmap().WithZone("")}
	if !e.addr.IsValid() {
		return Verdict{Result: Unknown, Why: "no address"}
	}
	possible := e.tree(t)
	r, one := possible.only()
	v := Verdict{Result: r, Why: e.why, Trail: e.trail, Lookups: e.lookups, Voids: e.voids}
	switch {
	case !one:
		v.Why, v.Trail = e.unsure, nil
	case r == Pass || r == Fail || r == SoftFail || r == Neutral:
		v.Why = ""
	}
	return v
}

// results is a set of results, for a term that is not known may match or not.
type results uint8

var order = [...]Result{None, Neutral, Pass, Fail, SoftFail, TempError, PermError}

// anything is every result that a record whose name is not known can come to.
const anything = results(1<<len(order) - 1)

func just(r Result) results {
	for i, known := range order {
		if r == known {
			return 1 << i
		}
	}
	return 0
}

func (c results) has(r Result) bool { return c&just(r) != 0 }

// only is the one result of the set, or Unknown.
func (c results) only() (Result, bool) {
	for _, r := range order {
		if c == just(r) {
			return r, true
		}
	}
	return Unknown, false
}

// evaluation is the state of check_host(). Limits are the whole evaluation's.
type evaluation struct {
	addr    netip.Addr
	lookups int
	voids   int
	doubts  int // lookups that may be void
	why     string
	unsure  string // the first term that is not known
	trail   []Step // of what was decided last, for that is what ended it
}

func (e *evaluation) end(r Result, why string) results {
	e.why = why
	return just(r)
}

// tree evaluates a record (section 4.6).
func (e *evaluation) tree(t *Tree) results {
	switch {
	case t.bad:
		return e.end(None, t.Domain+" is no name that can have a record")
	case t.Outcome == 0: // behind the bounds of the walk
		e.unsure = t.Domain
		return anything
	case !t.Outcome.Known():
		return e.end(TempError, "the record of "+t.Domain+": "+t.Outcome.String())
	case t.records == 0:
		return e.end(None, t.Domain+" has no record")
	case t.records > 1:
		return e.end(PermError, t.Domain+" has several records")
	case t.faults > 0:
		return e.end(PermError, "the record of "+t.Domain+" has a syntax error")
	}
	return e.terms(t)
}

// terms evaluates the terms in order, redirect last, as the nodes are.
func (e *evaluation) terms(t *Tree) (sum results) {
	for _, n := range t.Nodes {
		if n.Skipped || n.Kind == Exp || n.Kind == Other {
			continue
		}
		before := len(e.trail)
		e.trail = append(e.trail, Step{t.Domain, n.Text})
		results, on := e.term(n)
		sum |= results
		if !on {
			return sum
		}
		e.trail = e.trail[:before]
	}
	return sum | just(Neutral) // section 4.7
}

// term evaluates one term: what can end here, and whether evaluation can go on behind it.
func (e *evaluation) term(n *Node) (ends results, on bool) {
	if n.Kind.asks() {
		if e.lookups++; e.lookups > MaxLookups {
			return e.end(PermError, "more than 10 lookups"), false
		}
		if n.beyond {
			e.doubt(n)
			return anything, false
		}
	}
	if n.unknown {
		return e.either(n)
	}
	switch n.Kind {
	case All:
		return just(n.Qualifier), false
	case IP4, IP6:
		return e.matched(n, n.Network.Contains(e.addr))
	case Include:
		return e.include(n)
	case Redirect:
		return e.redirect(n), false
	}
	if n.invalid {
		return 0, true
	}
	switch n.Kind {
	case A:
		return e.a(n)
	case MX:
		return e.mx(n)
	}
	return e.exists(n)
}

func (e *evaluation) matched(n *Node, match bool) (results, bool) {
	if match {
		return just(n.Qualifier), false
	}
	return 0, true
}

func (e *evaluation) doubt(n *Node) {
	if e.unsure == "" {
		e.unsure = n.Text
	}
}

// either goes both ways at a term that is not known.
func (e *evaluation) either(n *Node) (results, bool) {
	e.doubt(n)
	if n.Kind == Include || n.Kind == Redirect {
		return anything, false
	}
	ends := just(n.Qualifier)
	if e.doubts++; e.voids+e.doubts > MaxVoids {
		ends |= just(PermError)
	}
	return ends, true
}

// include is the table of section 5.2.
func (e *evaluation) include(n *Node) (ends results, on bool) {
	if n.loop {
		return e.end(PermError, "a loop"), false
	}
	inner := e.tree(n.Child)
	if inner.has(Pass) {
		ends |= just(n.Qualifier)
	}
	if inner.has(TempError) {
		ends |= just(TempError)
	}
	if inner.has(PermError) || inner.has(None) {
		ends |= just(PermError)
	}
	return ends, inner&(just(Fail)|just(SoftFail)|just(Neutral)) != 0
}

// redirect is section 6.1.
func (e *evaluation) redirect(n *Node) results {
	if n.loop {
		return e.end(PermError, "a loop")
	}
	inner := e.tree(n.Child)
	if inner.has(None) {
		inner = inner&^just(None) | just(PermError)
	}
	return inner
}

// asked weighs the outcome of a term's own question (sections 4.6.4 and 5).
func (e *evaluation) asked(n *Node, o dns.Outcome) (ends results, on bool) {
	switch {
	case o == dns.Answered:
		return 0, true
	case !o.Known():
		return e.end(TempError, n.Text+": "+o.String()), false
	}
	if e.voids++; e.voids > MaxVoids {
		return e.end(PermError, "more than 2 void lookups"), false
	}
	if e.voids+e.doubts > MaxVoids {
		ends = just(PermError)
	}
	return ends, true
}

// a is section 5.3.
func (e *evaluation) a(n *Node) (results, bool) {
	h := &n.Hosts[0]
	ends, on := e.asked(n, h.outcome(e.addr))
	if !on || ends != 0 {
		return ends, on
	}
	return e.matched(n, e.covers(n, h))
}

// covers reports whether the client is in the network of one of the host's addresses.
func (e *evaluation) covers(n *Node, h *Host) bool {
	bits := n.Bits6
	if e.addr.Is4() {
		bits = n.Bits4
	}
	for _, a := range h.Addrs {
		if a.Is4() == e.addr.Is4() && netip.PrefixFrom(a, bits).Masked().Contains(e.addr) {
			return true
		}
	}
	return false
}

// mx is section 5.4.
func (e *evaluation) mx(n *Node) (results, bool) {
	ends, on := e.asked(n, n.Outcome)
	if !on || ends != 0 {
		return ends, on
	}
	if n.Exchangers > MaxExchangers {
		return e.end(PermError, n.Text+": more than 10 hosts"), false
	}
	for i := range n.Hosts {
		h := &n.Hosts[i]
		if o := h.outcome(e.addr); !o.Known() {
			return e.end(TempError, n.Text+": "+h.Name+": "+o.String()), false
		}
		if e.covers(n, h) {
			return e.matched(n, true)
		}
	}
	return 0, true
}

// exists is section 5.7: A, whatever the client's family.
func (e *evaluation) exists(n *Node) (results, bool) {
	ends, on := e.asked(n, n.Outcome)
	if !on || ends != 0 {
		return ends, on
	}
	return e.matched(n, n.Outcome == dns.Answered)
}
