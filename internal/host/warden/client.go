package warden

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"

	"postward/internal/host/nft"
	"postward/internal/host/postfix"
)

// ErrNoWarden says that the root parent has ended, or speaks nonsense. The daemon can only end itself.
var ErrNoWarden = errors.New("the privileged parent does not answer")

// Client asks for acts. Its methods for the queue are those of postfix.Instance, those for bans nearly those of nft.Table,
// with the same errors in words.
type Client struct {
	mu   sync.Mutex
	ask  func(context.Context, *request) (*answer, error)
	gone chan struct{} // closed when the warden has ended
}

// Direct returns a client that does the acts itself, with the rights of this process.
func Direct(a *Acts) *Client {
	return &Client{gone: make(chan struct{}), ask: func(ctx context.Context, q *request) (*answer, error) {
		defer a.hanging.done.Wait()
		return a.do(ctx, q), nil
	}}
}

// childFD is the file descriptor of the child's end of the socketpair.
const childFD = 3

// childEnv tells the child that it is one.
const childEnv = "POSTWARD_WARDEN"

// Inherited returns the client of a child that a warden started; ok is false in a process that is none.
func Inherited() (c *Client, ok bool, err error) {
	if os.Getenv(childEnv) == "" {
		return nil, false, nil
	}
	if err := os.Unsetenv(childEnv); err != nil {
		return nil, false, fmt.Errorf("begin as the warden's child: %w", err)
	}
	f := os.NewFile(childFD, "warden")
	conn, err := net.FileConn(f) // a copy
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, false, fmt.Errorf("begin as the warden's child: %w", err)
	}
	return connect(conn), true, nil
}

// connect makes a client of a connection, which it reads until the other side ends. The answer to a request is
// awaited even when its context ends: what was asked for is carried out, and the next answer would be taken for
// this one's.
func connect(conn net.Conn) *Client {
	c := &Client{gone: make(chan struct{})}
	answers := make(chan *answer)
	go func() {
		defer close(c.gone)
		defer conn.Close()
		in := &borrower{conn: conn}
		for {
			var a answer
			if readFrame(in, &a, maxAnswer) != nil {
				return
			}
			a.fd = in.take()
			answers <- &a
		}
	}()
	c.ask = func(_ context.Context, q *request) (*answer, error) {
		if err := writeFrame(conn, q, maxRequest); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNoWarden, err)
		}
		select {
		case a := <-answers:
			return a, nil
		case <-c.gone:
			return nil, ErrNoWarden
		}
	}
	return c
}

// Gone is closed when the warden has ended: nothing that was held can be released any more, so the daemon ends.
func (c *Client) Gone() <-chan struct{} { return c.gone }

func (c *Client) do(ctx context.Context, q *request) (*answer, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	a, err := c.ask(ctx, q)
	if err == nil && a.Error != "" {
		err = &told{a.Error, kindCalled(a.Kind)}
	}
	return a, err
}

// HeldIDs names what is in hold.
func (c *Client) HeldIDs(ctx context.Context) ([]postfix.QueueID, error) {
	a, err := c.do(ctx, &request{Act: actHeld})
	if err != nil {
		return nil, err
	}
	return a.IDs, nil
}

// Find returns those mails that are in the queue, whichever of its queues that is. More than postfix.MaxBatch are several requests.
func (c *Client) Find(ctx context.Context, ids []postfix.QueueID) (all []postfix.Entry, err error) {
	for part := range slices.Chunk(ids, postfix.MaxBatch) {
		q := &request{Act: actFind, Mails: make([]postfix.Held, len(part))}
		for i, id := range part {
			q.Mails[i].ID = id
		}
		a, err := c.do(ctx, q)
		if err != nil {
			return nil, err
		}
		all = append(all, a.Queue...)
	}
	return all, nil
}

// Look returns envelope and header section of a mail in the queue. The text is a stranger's.
func (c *Client) Look(ctx context.Context, id postfix.QueueID) (string, error) {
	a, err := c.do(ctx, &request{Act: actLook, ID: string(id)})
	if err != nil {
		return "", err
	}
	return a.Text, nil
}

// Hold puts queued mails on hold.
func (c *Client) Hold(ctx context.Context, mails []postfix.Held) ([]postfix.Result, error) {
	return c.batch(ctx, actHold, mails)
}

// Release takes mails out of hold and has them delivered.
func (c *Client) Release(ctx context.Context, mails []postfix.Held) ([]postfix.Result, error) {
	return c.batch(ctx, actRelease, mails)
}

// Delete removes held mails; a copy of each lies in the trash for a week.
func (c *Client) Delete(ctx context.Context, mails []postfix.Held) ([]postfix.Result, error) {
	return c.batch(ctx, actDelete, mails)
}

// Restore brings a deleted mail back into hold, from its copy in the trash, and returns the queue ID that it has now.
func (c *Client) Restore(ctx context.Context, mail postfix.Held) (postfix.QueueID, error) {
	a, err := c.do(ctx, &request{Act: actRestore, Mails: []postfix.Held{mail}})
	if err != nil {
		return "", err
	}
	return postfix.ParseQueueID(a.ID)
}

// Share gives the daemon's sockets, which it has opened, to the groups of their directories.
func (c *Client) Share(ctx context.Context) error {
	_, err := c.do(ctx, &request{Act: actShare})
	return err
}

// Ban keeps addresses away from the mail ports, or gives their bans the time that is named now, and ends the sessions
// that they have open there. refused has an error, in words, for each ban that the warden does not carry out, and nil for
// the others, whose bans stand if err is nil or ErrSessionsStay, which is about sessions of those before. nft.ErrMissing: Ensure the
// table, and ban again. nft.ErrUnavailable: this host can ban nobody. More than MaxBans are several requests. See nft.Table.Add for
// prefixes that overlap.
func (c *Client) Ban(ctx context.Context, bans []nft.Ban) (refused []error, err error) {
	refused, stay, err := c.ban(ctx, bans, false)
	if err == nil {
		err = stay
	}
	return refused, err
}

func (c *Client) ban(ctx context.Context, bans []nft.Ban, dry bool) (refused []error, stay, err error) {
	for part := range slices.Chunk(bans, MaxBans) {
		a, err := c.do(ctx, &request{Act: actBan, Bans: part, Dry: dry})
		if err != nil {
			return refused, nil, err
		}
		if len(a.Results) != len(part) {
			return refused, nil, fmt.Errorf("ban %d addresses: %d results", len(part), len(a.Results))
		}
		for _, r := range a.Results {
			refused = append(refused, r.err())
		}
		if a.Stay != "" {
			stay = fmt.Errorf("%w: %s", ErrSessionsStay, a.Stay)
		}
	}
	return refused, stay, nil
}

// Refused says of bans, as Ban does, which of them the warden would not carry out, and carries out none: it needs no kernel that bans.
func (c *Client) Refused(ctx context.Context, bans []nft.Ban) (refused []error, err error) {
	refused, _, err = c.ban(ctx, bans, true)
	return refused, err
}

// Unban lifts the bans of exactly these prefixes; that one is not banned is no error.
func (c *Client) Unban(ctx context.Context, prefixes []netip.Prefix) error {
	for part := range slices.Chunk(prefixes, MaxBans) {
		if _, err := c.do(ctx, &request{Act: actUnban, Prefixes: part}); err != nil {
			return err
		}
	}
	return nil
}

// Bans are the bans that stand in the kernel, with what is left of their times. They come by several requests, so that nobody has a
// hundred thousand at once.
func (c *Client) Bans(ctx context.Context) iter.Seq2[nft.Ban, error] {
	return func(yield func(nft.Ban, error) bool) {
		for from, left := 0, 1; left > 0; {
			a, err := c.do(ctx, &request{Act: actBans, From: from})
			if err != nil {
				yield(nft.Ban{}, err)
				return
			}
			for _, b := range a.Bans {
				if !yield(b, nil) {
					return
				}
			}
			from, left = from+len(a.Bans), a.Left
		}
	}
}

// Generation is the number of the last change of anything in nf_tables.
func (c *Client) Generation(ctx context.Context) (uint32, error) {
	a, err := c.do(ctx, &request{Act: actGeneration})
	if err != nil {
		return 0, err
	}
	return a.Generation, nil
}

// Ensure makes the table in the kernel what it should be. allow is never dropped nor banned, beside the operator's own
// networks. made says that the table was missing or changed: bans may be gone, and are to be given again.
func (c *Client) Ensure(ctx context.Context, allow []netip.Prefix) (made bool, err error) {
	a, err := c.do(ctx, &request{Act: actEnsure, Prefixes: allow})
	if err != nil {
		return false, err
	}
	return a.Made, nil
}

func (c *Client) batch(ctx context.Context, act string, mails []postfix.Held) ([]postfix.Result, error) {
	a, err := c.do(ctx, &request{Act: act, Mails: mails})
	if err != nil {
		return nil, err
	}
	if len(a.Results) != len(mails) {
		return nil, fmt.Errorf("%s %d mails: %d results", act, len(mails), len(a.Results))
	}
	out := make([]postfix.Result, len(mails))
	for i, r := range a.Results {
		out[i].Gone, out[i].Err = r.Gone, r.err()
	}
	return out, nil
}

func (r result) err() error {
	if r.Err == "" {
		return nil
	}
	return errors.New(r.Err)
}
