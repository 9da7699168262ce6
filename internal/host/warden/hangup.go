package warden

import (
	"sync"

	"postward/internal/host/nft"
)

// hangUps ends what the banned have open while the next act is done: for each the kernel walks through the whole table of its
// connections, which takes milliseconds, and whoever is banned next would wait for it. What comes meanwhile is one walk.
type hangUps struct {
	mu     sync.Mutex
	due    []nft.Ban
	at     bool  // somebody is at it
	failed error // why sessions of those before were left, if nobody was told yet
	done   sync.WaitGroup
}

// soon has end called about these, and returns why it could not end what those before had open.
func (h *hangUps) soon(bans []nft.Ban, end func([]nft.Ban) error) (before error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.due = append(h.due, bans...); len(h.due) > 0 && !h.at {
		h.at = true
		h.done.Go(func() { h.work(end) })
	}
	before, h.failed = h.failed, nil
	return before
}

func (h *hangUps) work(end func([]nft.Ban) error) {
	for bans := h.next(); bans != nil; bans = h.next() {
		if err := end(bans); err != nil {
			h.mu.Lock()
			h.failed = err
			h.mu.Unlock()
		}
	}
}

// next takes all that are due; nil: nobody is at it any more.
func (h *hangUps) next() (bans []nft.Ban) {
	h.mu.Lock()
	defer h.mu.Unlock()
	bans, h.due = h.due, nil
	h.at = bans != nil
	return bans
}
