package maillog

// pickup: "ID: uid=1000 from=<a@b>", after postsuper -r with " orig_id=ID".
func pickup(l *Line, s scan) Kind {
	if !s.queued(l) || !s.lit("uid=") {
		return Other
	}
	var ok bool
	if l.UID, ok = s.number(); !ok || !s.lit(" from=<") {
		return Doubtful
	}
	if l.From, ok = s.address(); !ok {
		return Doubtful
	}
	if s.lit(" orig_id=") {
		if l.OtherID, ok = s.queueID(); !ok {
			return Doubtful
		}
	}
	return sure(PickedUp, s.end())
}

// qmgr: "ID: removed", "ID: from=<a@b>, size=1, nrcpt=1 (queue active)", "ID: from=<a@b>, status=expired, returned
// to sender", and deliveries that it decides itself.
func qmgr(l *Line, s scan) Kind {
	if !s.queued(l) {
		return Other
	}
	switch {
	case s.lit("removed"):
		return sure(Removed, s.end())
	case s.lit("to=<"):
		return delivery(l, s)
	case s.lit("from=<"):
		return queueActive(l, s)
	}
	if s.lit("skipped, still being delivered") {
		return sure(Noted, s.end())
	}
	return Other
}

func queueActive(l *Line, s scan) Kind {
	var ok bool
	if l.From, ok = s.address(); !ok {
		return Doubtful
	}
	if s.lit(", status=expired, returned to sender") || s.lit(", status=force-expired, returned to sender") {
		return sure(Expired, s.end())
	}
	if !s.lit(", size=") {
		return Doubtful
	}
	if l.Size, ok = s.number(); !ok || !s.lit(", nrcpt=") {
		return Doubtful
	}
	l.Recipients, ok = s.number()
	return sure(Active, ok && s.lit(" (queue active)") && s.end())
}

// bounce: "ID: sender non-delivery notification: ID".
func bounce(l *Line, s scan) Kind {
	if !s.queued(l) {
		return Other
	}
	if s.lit("undeliverable postmaster notification discarded") {
		return sure(Noted, s.end())
	}
	words := s.rest
	if !s.lit("sender ") && !s.lit("postmaster ") {
		return Other
	}
	if !s.lit("non-delivery") && !s.lit("delay") && !s.lit("delivery status") {
		return Other
	}
	l.Action = words[:len(words)-len(s.rest)]
	if !s.lit(" notification: ") {
		return Doubtful
	}
	var ok bool
	l.OtherID, ok = s.queueID()
	return sure(Notice, ok && s.end())
}

// postsuper: "ID: placed on hold" and so on, one line a mail; then how many.
func postsuper(l *Line, s scan) Kind {
	if !s.queued(l) {
		return summary(l, s)
	}
	switch string(s.rest) {
	case "placed on hold":
		return Held
	case "released from hold":
		return Released
	case "removed":
		return Deleted
	case "requeued":
		return Requeued
	case "expired":
		return ForceExpired
	}
	return Other
}
