package maillog

import "encoding/binary"

// clean reports whether b is free of control characters, the tab apart. Postfix and Dovecot replace them in what they
// log, and syslog daemons write them as #012: a line that has one was written by someone else.
func clean(b []byte) bool {
	const low, high = 0x0101010101010101, 0x8080808080808080
	for len(b) >= 8 {
		x := binary.LittleEndian.Uint64(b)
		del := x ^ low*0x7f
		// A byte below 0x20, or a DEL; bytes above 0x7f are UTF-8.
		if (x-low*0x20)&^x&high != 0 || (del-low)&^del&high != 0 {
			if !cleanBytes(b[:8]) {
				return false
			}
		}
		b = b[8:]
	}
	return cleanBytes(b)
}

func cleanBytes(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
