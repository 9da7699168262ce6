package sock

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// listening is the state of a socket that waits for connections: tcp_states.h, TCP_LISTEN.
const listening = "0A"

// Listens reports whether anybody on this host waits for TCP connections at a port, on whatever address (proc(5),
// /proc/net/tcp). It connects to nobody.
func Listens(port uint16) (bool, error) {
	for _, path := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		table, err := os.ReadFile(path)
		if os.IsNotExist(err) && path == "/proc/net/tcp6" { // a kernel without IPv6
			continue
		}
		if err != nil {
			return false, fmt.Errorf("ask who listens: %w", err)
		}
		if listens(string(table), port) {
			return true, nil
		}
	}
	return false, nil
}

// listens finds a port in such a table: number, local end, remote end, state, all numbers in hexadecimal digits.
func listens(table string, port uint16) bool {
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 4 || f[3] != listening {
			continue
		}
		_, digits, _ := strings.Cut(f[1], ":")
		if n, err := strconv.ParseUint(digits, 16, 16); err == nil && uint16(n) == port {
			return true
		}
	}
	return false
}
