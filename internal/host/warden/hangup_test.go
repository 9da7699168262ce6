package warden

import (
	"errors"
	"slices"
	"testing"

	"postward/internal/host/nft"
)

// TestWhoIsBannedNextWaitsForNoSessionToEnd: and those who come while one is at it are ended together.
func TestWhoIsBannedNextWaitsForNoSessionToEnd(t *testing.T) {
	var h hangUps
	begun, further, failed := make(chan []nft.Ban, 3), make(chan struct{}), errors.New("this kernel cannot")
	end := func(bans []nft.Ban) error {
		begun <- bans
		<-further
		return failed
	}
	ban := func(s string) []nft.Ban { return []nft.Ban{{Prefix: prefix(s)}} }
	if err := h.soon(ban("203.0.113.1/32"), end); err != nil {
		t.Error(err)
	}
	if first := <-begun; !slices.Equal(first, ban("203.0.113.1/32")) {
		t.Error(first)
	}
	h.soon(ban("203.0.113.2/32"), end)
	h.soon(nil, end) // all were refused
	h.soon(ban("203.0.113.3/32"), end)
	close(further)
	if rest := <-begun; !slices.Equal(rest, append(ban("203.0.113.2/32"), ban("203.0.113.3/32")...)) {
		t.Error(rest)
	}
	h.done.Wait()
	if err := h.soon(nil, end); !errors.Is(err, failed) {
		t.Errorf("why sessions were left is not told: %v", err)
	}
	if err := h.soon(nil, end); err != nil || len(begun) > 0 {
		t.Errorf("it is told twice, or done again: %v", err)
	}
}
