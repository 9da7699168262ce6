package maillog

import "bytes"

// Here reports whether a delivery was tried on this host, by local(8), virtual(8), pipe(8), or over LMTP or a socket: what was
// answered there is this site's own word, and not a receiver's. Where no server was found at all ("none") nobody answered, and it
// is not here either.
func (l *Line) Here() bool {
	switch {
	case l.Kind != Delivery:
		return false
	case bytes.HasSuffix(l.Program, []byte("/lmtp")), bytes.IndexByte(l.Relay.Addr, '/') >= 0:
		return true
	}
	return len(l.Relay.Addr) == 0 && string(l.Relay.Name) != "none"
}
