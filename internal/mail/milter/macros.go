package milter

import (
	"net/netip"
	"strconv"
)

// Bounds of the macros of a session.
const (
	maxMacros     = 64   // a stage
	maxMacroValue = 1024 // what is longer is cut; more than message.MaxAddress, so that no address is
)

// macros are the macros of every stage. A later stage's word is newer; Postfix does not repeat what it said.
type macros map[byte]map[string]string

// stages in the order in which they come, the newest first for looking up.
var newestFirst = [...]byte{cmdEOM, cmdEOH, cmdHeader, cmdData, cmdRcpt, cmdMail, cmdHelo, cmdConnect}

func (m macros) take(data []byte) error {
	if len(data) == 0 {
		return errPacket
	}
	stage, rest := data[0], data[1:]
	if !knownStage(stage) {
		return nil
	}
	set := m[stage]
	if set == nil {
		set = map[string]string{}
		m[stage] = set
	}
	for len(rest) > 0 {
		var name, value string
		var err error
		if name, rest, err = cstring(rest); err != nil {
			return err
		}
		if value, rest, err = cstring(rest); err != nil {
			return err
		}
		if _, known := set[name]; known || len(set) < maxMacros {
			set[name[:min(len(name), 64)]] = value[:min(len(value), maxMacroValue)]
		}
	}
	return nil
}

func knownStage(b byte) bool {
	for _, s := range newestFirst {
		if s == b {
			return true
		}
	}
	return false
}

// get returns the newest value of a macro. The name is as Postfix sends it: "i", "{auth_authen}".
func (m macros) get(name string) string {
	for _, stage := range newestFirst {
		if v, ok := m[stage][name]; ok {
			return v
		}
	}
	return ""
}

// once returns a macro of a stage that is about the command that comes next, and forgets it: it is not about the next one.
func (m macros) once(stage byte, name string) (string, bool) {
	v, ok := m[stage][name]
	delete(m[stage], name)
	return v, ok
}

// daemon returns the MTA's end of the connection ({daemon_addr}, {daemon_port}: Postfix 3.2); zero where it does not say.
func (m macros) daemon() netip.AddrPort {
	port, err := strconv.ParseUint(m.get("{daemon_port}"), 10, 16)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(parseAddr(m.get("{daemon_addr}")), uint16(port))
}

// forget drops the macros of a message; those of the connection stay.
func (m macros) forget() {
	for stage := range m {
		if stage != cmdConnect && stage != cmdHelo {
			delete(m, stage)
		}
	}
}
