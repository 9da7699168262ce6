package milter

import (
	"encoding/binary"
	"fmt"

	"postward/internal/guard"
)

// Actions (SMFIF_*) and protocol steps (SMFIP_*) that we may ask for.
const (
	actAddHeader  = 0x01
	actChgHeader  = 0x10
	actQuarantine = 0x20
	actSymList    = 0x100

	stepNoBody    = 0x10
	stepNRHeader  = 0x80
	stepNoUnknown = 0x100
	stepSkip      = 0x400
	stepNRConnect = 0x1000
	stepNRHelo    = 0x2000
	stepNRRcpt    = 0x8000
	stepNRData    = 0x10000
	stepNRUnknown = 0x20000
	stepNREOH     = 0x40000
	stepNRBody    = 0x80000

	stepLeadingSpace = 0x100000 // values come, and go, with the blank behind the colon
)

const (
	wantActions = actAddHeader | actChgHeader | actQuarantine | actSymList
	wantSteps   = stepNoUnknown | stepNRConnect | stepNRHelo | stepNRHeader | stepNRRcpt | stepNRData | stepNRUnknown | stepNREOH | stepLeadingSpace
)

// stepsFor is what we want of a direction. Of mail from strangers no body is wanted unless somebody reads all of it. The
// answer to a body's chunk may be that the rest is not needed.
func stepsFor(d guard.Direction, whole bool) uint32 {
	if d == guard.Inbound && !whole {
		return wantSteps | stepNoBody | stepNRBody
	}
	return wantSteps | stepSkip
}

// symbols are the macros asked for, by stage (SMFIM_*).
var symbols = [...]struct {
	stage uint32
	names string
}{
	{0, "j {client_addr} {client_name} {client_port} {daemon_name} {daemon_addr} {daemon_port}"}, // connect
	{2, "i {auth_authen} {auth_type} {mail_addr}"},                                               // MAIL
	{3, "i {rcpt_addr}"},   // RCPT
	{4, "i"},               // DATA
	{5, "i {auth_authen}"}, // end of message
}

// agreement is what both sides can do.
type agreement struct {
	version, actions, steps uint32
}

func (a *agreement) may(action uint32) bool  { return a.actions&action != 0 }
func (a *agreement) silent(step uint32) bool { return a.steps&step != 0 }

// negotiate answers the MTA's offer: of what we want, what it offers.
func negotiate(offer []byte, want uint32) (agreement, []byte, error) {
	if len(offer) < 12 {
		return agreement{}, nil, fmt.Errorf("%w: an offer of %d octets", errPacket, len(offer))
	}
	a := agreement{
		version: binary.BigEndian.Uint32(offer),
		actions: binary.BigEndian.Uint32(offer[4:]) & wantActions,
		steps:   binary.BigEndian.Uint32(offer[8:]) & want,
	}
	if a.version < 2 {
		return agreement{}, nil, fmt.Errorf("%w: version %d, at least 2 is needed", errPacket, a.version)
	}
	a.version = min(a.version, 6)
	var body []byte
	for _, n := range []uint32{a.version, a.actions, a.steps} {
		body = binary.BigEndian.AppendUint32(body, n)
	}
	if a.may(actSymList) {
		for _, s := range symbols {
			body = binary.BigEndian.AppendUint32(body, s.stage)
			body = append(body, nul(s.names)...)
		}
	}
	return a, appendPacket(nil, cmdOptNeg, body), nil
}
