package daemon

import (
	"strings"
	"testing"
	"time"
)

func TestASocketForEverybodyIsSaidInStatus(t *testing.T) {
	d := begin(t, t.TempDir())
	defer end(t, d)
	d.troubles.OpenSockets(sockets(d.config), time.Now())
	if said := d.troubles.List(); len(said) > 0 {
		t.Errorf("of unix sockets: %q", said)
	}
	d.config.Milter.Submission = "inet:127.0.0.1:9999"
	d.troubles.OpenSockets(sockets(d.config), time.Now())
	said := d.troubles.List()
	if len(said) != 1 || !strings.Contains(said[0], "any local user can speak as any account through inet:127.0.0.1:9999: use a unix socket") {
		t.Errorf("%q", said)
	}
	if due := d.troubles.Due(1, time.Now()); len(due) > 0 {
		t.Error("the owner is called for what he wanted")
	}
}
