package mailcost

import (
	"net"
	"os"

	"github.com/emersion/go-milter"
)

// BeNothing serves a milter that accepts everything and asks for no bodies.
func BeNothing(socket string) error {
	l, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	if err := os.Chmod(socket, 0o666); err != nil {
		return err
	}
	s := milter.Server{NewMilter: func() milter.Milter { return milter.NoOpMilter{} }, Protocol: milter.OptNoBody}
	return s.Serve(l)
}
