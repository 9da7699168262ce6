package maillog

// Status is what came of a delivery attempt.
type Status uint8

const (
	StatusOther         Status = iota // a word we do not know
	StatusSent                        // the next hop took it
	StatusDeferred                    // to be tried again
	StatusBounced                     // refused for good
	StatusSoftBounced                 // refused for good, kept because of soft_bounce=yes
	StatusDeliverable                 // an address probe (verify), no mail
	StatusUndeliverable               // an address probe (verify), no mail
	StatusDiscarded                   // not a word of the log: sent, to where nobody gets it (see Thrown)
)

var statusNames = [...]string{"other", "sent", "deferred", "bounced", "SOFTBOUNCE", "deliverable", "undeliverable", "discarded"}

func (s Status) String() string {
	if int(s) < len(statusNames) {
		return statusNames[s]
	}
	return "invalid"
}

func statusOf(word []byte) Status {
	switch string(word) {
	case "sent":
		return StatusSent
	case "deferred":
		return StatusDeferred
	case "bounced":
		return StatusBounced
	case "SOFTBOUNCE":
		return StatusSoftBounced
	case "deliverable":
		return StatusDeliverable
	case "undeliverable":
		return StatusUndeliverable
	}
	return StatusOther
}
