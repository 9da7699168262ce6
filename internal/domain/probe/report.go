package probe

import (
	"context"
	"crypto/x509"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// DefaultTimeout is how long a question may take when the Config does not say.
const DefaultTimeout = 10 * time.Second

// Config is how to ask. Every field may be left out.
type Config struct {
	// Dial makes a connection; nil: a net.Dialer that binds to Local.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Local is the address to ask from; the zero value lets the system choose.
	Local netip.Addr
	// HELO is what we call ourselves; empty: the address literal of our end of the connection (RFC 5321 section 4.1.4).
	HELO string
	// Roots are the authorities that certificates are held against; nil: the system's.
	Roots *x509.CertPool
	// Now is the time that certificates are held against; the zero value is the system's clock.
	Now time.Time
	// Own says that the host is the operator's own: it is tried whether commands in the clear behind STARTTLS are obeyed.
	Own bool
	// Timeout is for a whole question; 0: DefaultTimeout.
	Timeout time.Duration
}

// Target is whom to ask.
type Target struct {
	Addr netip.AddrPort `json:"addr"`
	Name string         `json:"name"` // the name that the certificate must carry, without the final dot; empty: none is held against it
}

// Report is what Ask learned. What stands behind the problem's step was not learned.
type Report struct {
	Target
	Problem   *Problem      `json:"problem,omitempty"` // why the first conversation ended early; nil: it came to its end
	Connected bool          `json:"connected"`
	Connect   time.Duration `json:"connect_ns"` // until there was a connection
	Greet     time.Duration `json:"greet_ns"`   // from then on until the whole greeting was there

	Banner Reply  `json:"banner,omitzero"`
	Host   string `json:"host,omitempty"` // the banner's first word, when it can be a host's name; lower case

	Clear    Hello     `json:"clear"`              // what EHLO said in the clear
	StartTLS *Problem  `json:"starttls,omitempty"` // why there is no TLS; nil: there is, or it was not come to
	TLS      *TLS      `json:"tls,omitempty"`      // of the first connection
	Others   []*TLS    `json:"others,omitempty"`   // other certificates, that clients are shown who know one kind of key alone
	Secure   Hello     `json:"secure"`             // what EHLO said inside TLS
	Versions []Version `json:"versions,omitempty"` // TLS 1.0 to 1.3, when STARTTLS is offered
	Injected Answer    `json:"injected"`           // a command in the clear behind STARTTLS was obeyed inside TLS; Unknown without Config.Own
	Injector *Problem  `json:"injector,omitempty"` // how the conversation ended that was to learn it
}

// Version is whether one version of TLS is accepted.
type Version struct {
	Name     string   `json:"name"` // "TLS 1.2"
	Accepted Answer   `json:"accepted"`
	Problem  *Problem `json:"problem,omitempty"` // what was said to it
}

// Hello is a reply to EHLO or HELO.
type Hello struct {
	Host     string    `json:"host,omitempty"`
	Extended bool      `json:"extended"` // EHLO was understood
	Keywords []Keyword `json:"keywords,omitempty"`
}

// Keyword is one line of EHLO's answer (RFC 5321 section 4.1.1.1).
type Keyword struct {
	Name   string   `json:"name"` // upper case
	Params []string `json:"params,omitempty"`
}

// Has reports whether an extension is offered, like "PIPELINING", "8BITMIME", "SMTPUTF8", "CHUNKING", "DSN".
func (h *Hello) Has(name string) bool { return h.find(name) != nil }

func (h *Hello) find(name string) *Keyword {
	for i := range h.Keywords {
		if h.Keywords[i].Name == name {
			return &h.Keywords[i]
		}
	}
	return nil
}

// Size is the greatest message that is taken, in octets (RFC 1870); 0 is no fixed limit. Not ok: nothing is said.
func (h *Hello) Size() (octets uint64, ok bool) {
	k := h.find("SIZE")
	if k == nil || len(k.Params) == 0 {
		return 0, false
	}
	octets, err := strconv.ParseUint(k.Params[0], 10, 64)
	return octets, err == nil
}

// Mechanisms are those of AUTH (RFC 4954), upper case, and of the old way to write it, "AUTH=LOGIN".
func (h *Hello) Mechanisms() []string {
	var all []string
	seen := map[string]bool{}
	add := func(name string) {
		if name = strings.ToUpper(name); name != "" && !seen[name] {
			seen[name] = true
			all = append(all, name)
		}
	}
	for _, k := range h.Keywords {
		old, isOld := strings.CutPrefix(k.Name, "AUTH=")
		if k.Name != "AUTH" && !isOld {
			continue
		}
		if isOld {
			add(old)
		}
		for _, p := range k.Params {
			add(p)
		}
	}
	return all
}

// hello reads what EHLO or HELO answered.
func hello(r Reply, extended bool) Hello {
	h := Hello{Extended: extended}
	if len(r.Lines) == 0 {
		return h
	}
	h.Host = hostOf(r.Lines[0])
	for _, line := range r.Lines[1:] {
		if words := strings.Fields(line); extended && len(words) > 0 {
			h.Keywords = append(h.Keywords, Keyword{strings.ToUpper(words[0]), words[1:]})
		}
	}
	return h
}

// hostOf is the first word of a text when it can be a host's name or an address literal, in lower case.
func hostOf(text string) string {
	name, _, _ := strings.Cut(text, " ")
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	strange := func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.ContainsRune("-._:[]", c))
	}
	if len(name) > 255 || strings.ContainsFunc(name, strange) {
		return ""
	}
	return name
}
