package maillog

import "encoding/binary"

// clean reports whether b is free of control characters, the tab apart. Postfix and Dovecot replace them in what they
// log, and syslog daemons write them as #012: a line that has one was written by someone else.
func clean(b []byte) bool {
	for len(b) >= 32 {
		four := b[:32]
		if suspect(four[:8])|suspect(four[8:16])|suspect(four[16:24])|suspect(four[24:]) != 0 && !cleanBytes(four) {
			return false
		}
		b = b[32:]
	}
	for len(b) >= 8 {
		if suspect(b[:8]) != 0 && !cleanBytes(b[:8]) {
			return false
		}
		b = b[8:]
	}
	return cleanBytes(b)
}

// suspect is not 0 where one of eight bytes is below 0x20, or a DEL; bytes above 0x7f are UTF-8.
func suspect(b []byte) uint64 {
	const low, high = 0x0101010101010101, 0x8080808080808080
	x := binary.LittleEndian.Uint64(b)
	del := x ^ low*0x7f
	return ((x-low*0x20)&^x | (del-low)&^del) & high
}

func cleanBytes(b []byte) bool {
	for _, c := range b {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
