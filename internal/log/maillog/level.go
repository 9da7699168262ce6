package maillog

import "bytes"

// levelled reads Postfix's messages above "info" (msg_warn, msg_error, msg_fatal, msg_panic): any program says them.
func levelled(l *Line, s scan) Kind {
	switch {
	case s.lit("warning: "):
		l.Reply = s.rest
		return warning(l, s)
	case s.lit("error: "):
		l.Reply = s.rest
		return Failure
	case s.lit("fatal: "):
		l.Reply = s.rest
		return Fatal
	case s.lit("panic: "):
		l.Reply = s.rest
		return Panic
	}
	return Other
}

// everyday are the sentences of all programs that tell nothing.
func everyday(s scan) Kind {
	switch {
	case s.lit("table "):
		return sure(Noted, bytes.Contains(s.rest, []byte(" has changed -- ")) || bytes.Contains(s.rest, []byte(" has changed - ")))
	case s.lit("discarding EHLO keywords: "), s.lit("using backwards-compatible default setting "),
		s.lit("idle timeout -- "), s.lit("time to retire -- "), s.lit("master disconnect -- "):
		return Noted
	}
	return Other
}
