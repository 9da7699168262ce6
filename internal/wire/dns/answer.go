package dns

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	mdns "github.com/miekg/dns"
)

// Resolver is what asks: a Client, or a Zone. Every method returns when the context ends at the latest. Names are
// absolute, with or without the final dot.
type Resolver interface {
	// Addresses asks for A and AAAA at once. Answered when there is one of either.
	Addresses(ctx context.Context, name string) Answer
	// TXT asks for texts; the strings of one record are joined, as RFC 7208 section 3.3 wants.
	TXT(ctx context.Context, name string) Answer
	// MX asks for mail exchangers, the most preferred first. A null MX (RFC 7505) is one with the host ".".
	MX(ctx context.Context, name string) Answer
	// PTR asks for the names of an address.
	PTR(ctx context.Context, addr netip.Addr) Answer
	// Lookup asks for records of one type.
	Lookup(ctx context.Context, name string, t Type) Answer
}

// Type is a type of records.
type Type uint16

// The types that are asked for. An Answer to any other has its records in Others.
const (
	A     = Type(mdns.TypeA)
	AAAA  = Type(mdns.TypeAAAA)
	TXT   = Type(mdns.TypeTXT)
	MX    = Type(mdns.TypeMX)
	PTR   = Type(mdns.TypePTR)
	CNAME = Type(mdns.TypeCNAME)
	SOA   = Type(mdns.TypeSOA)
	CAA   = Type(mdns.TypeCAA)
	TLSA  = Type(mdns.TypeTLSA)
)

// String is the type as zone files write it.
func (t Type) String() string { return mdns.Type(t).String() }

// Outcome is how asking ended. The zero value is none of them.
type Outcome uint8

// The outcomes; the package's doc says what each means.
const (
	Answered Outcome = iota + 1
	NoData
	NoName
	Refused
	Failure
	Timeout
	Lying
)

var outcomes = [...]string{"not asked", "answered", "no data", "no such name", "refused", "server failure", "timeout", "lying"}

// String is the outcome in words.
func (o Outcome) String() string {
	if int(o) < len(outcomes) {
		return outcomes[o]
	}
	return fmt.Sprintf("outcome %d", uint8(o))
}

// MarshalText is String.
func (o Outcome) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// Known reports whether the outcome is a fact about the name: it is there, or it is not.
func (o Outcome) Known() bool { return o == Answered || o == NoData || o == NoName }

// Exchanger is the data of an MX record.
type Exchanger struct {
	Preference uint16
	Host       string // lower case, no final dot, escaped as in zone files; "." is the null MX
}

// Answer is what came of a question. Only the field that belongs to its type is set, and only when Answered. An
// answer is shared by all who asked for it: it must not be changed.
type Answer struct {
	Outcome    Outcome
	Authentic  bool          // validated by a server that is trusted to
	Incomplete bool          // there is more than this: more than MaxRecords, or one of the two address families failed
	TTL        time.Duration // how long it may be believed from now on; 0 is only now

	Addrs      []netip.Addr
	Texts      []string // raw octets of a stranger
	Exchangers []Exchanger
	Names      []string // PTR, NS, CNAME: lower case, no final dot
	Others     []string // everything else, as zone files write it
}

// Err is nil when the outcome is a fact about the name that says it is there. Else it is an *Error; shown is the
// name as the error may tell it.
func (a *Answer) Err(shown string, t Type) error {
	if a.Outcome == Answered {
		return nil
	}
	return &Error{Name: shown, Type: t, Outcome: a.Outcome}
}

// Error is an outcome without records. It unwraps to a *net.DNSError, which SPF and DKIM libraries look for.
type Error struct {
	Name    string // as it may be shown
	Type    Type
	Outcome Outcome
}

func (e *Error) Error() string {
	return fmt.Sprintf("ask for %s of %s: %s", e.Type, Show(e.Name), e.Outcome)
}

// Temporary reports whether asking later can end otherwise.
func (e *Error) Temporary() bool { return !e.Outcome.Known() }

// Timeout reports whether nobody answered in time.
func (e *Error) Timeout() bool { return e.Outcome == Timeout }

// Unwrap returns the same in the words of package net.
func (e *Error) Unwrap() error {
	return &net.DNSError{Err: e.Outcome.String(), Name: Show(e.Name), IsTimeout: e.Timeout(),
		IsTemporary: e.Temporary(), IsNotFound: e.Outcome == NoName || e.Outcome == NoData}
}

// both makes one answer of the two address families. A failure of one does not hide what the other has.
func both(four, six Answer) Answer {
	if four.Outcome != Answered && six.Outcome == Answered {
		four, six = six, four
	}
	if four.Outcome != Answered {
		return worse(four, six)
	}
	sum := four
	sum.Incomplete = four.Incomplete || six.Incomplete || !six.Outcome.Known()
	if sum.Incomplete {
		sum.TTL = 0
	}
	if six.Outcome.Known() {
		sum.Authentic, sum.TTL = four.Authentic && six.Authentic, min(sum.TTL, six.TTL)
	}
	sum.Addrs = append(append(make([]netip.Addr, 0, len(four.Addrs)+len(six.Addrs)), four.Addrs...), six.Addrs...)
	return sum
}

// worse is the one that is less of a fact about the name.
func worse(a, b Answer) Answer {
	if b.rank() > a.rank() {
		a, b = b, a
	}
	if b.Outcome.Known() == a.Outcome.Known() {
		a.TTL, a.Authentic = min(a.TTL, b.TTL), a.Authentic && b.Authentic
	}
	return a
}

// rank orders outcomes without records by how little they say of the name and how much of the way there.
func (a *Answer) rank() int {
	switch a.Outcome {
	case NoName:
		return 1
	case NoData:
		return 2
	case Timeout:
		return 3
	case Failure:
		return 4
	case Refused:
		return 5
	case Lying:
		return 6
	}
	return 0
}
