package maillog

import "bytes"

// Instance returns the first part of a line's syslog_name (postconf(5)): the name of the instance of Postfix that wrote it,
// or of a service of it, for smtpd and the transports may have a name of their own (-o syslog_name=submission). sure
// reports that it is the instance's: the line is of a program that has no other.
func (l *Line) Instance() (name []byte, sure bool) {
	name, _, tagged := bytes.Cut(l.Program, []byte("/"))
	switch string(l.Program[bytes.LastIndexByte(l.Program, '/')+1:]) {
	case "qmgr", "pickup", "postsuper":
		sure = tagged
	}
	return name, sure
}
