package warden

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"sync"
	"time"

	"postward/internal/host/doveadm"
	"postward/internal/host/nft"
	"postward/internal/host/postfix"
)

// The closed list of acts.
const (
	actHeld    = "held"
	actFind    = "find"
	actLook    = "look"
	actHold    = "hold"
	actRelease = "release"
	actDelete  = "delete"
	actRestore = "restore"
	actShare   = "share"
	actBan     = "ban"
	actUnban   = "unban"
	actBans    = "bans"
	actEnsure  = "ensure"
	actLog     = "log"

	actGeneration = "generation"
)

// request is what the child may ask.
type request struct {
	Act   string         `json:"act"`
	Mails []postfix.Held `json:"mails,omitempty"` // find, hold, release, delete; restore: one
	ID    string         `json:"id,omitempty"`    // look

	Bans     []nft.Ban      `json:"bans,omitempty"`     // ban
	Dry      bool           `json:"dry,omitempty"`      // ban: say what is refused, and carry out nothing
	From     int            `json:"from,omitempty"`     // bans: behind so many of them
	Prefixes []netip.Prefix `json:"prefixes,omitempty"` // unban: whose bans; ensure: who is never dropped
	Account  string         `json:"account,omitempty"`  // kick
	Name     string         `json:"name,omitempty"`     // log: of a file beside it
}

type answer struct {
	Error   string            `json:"error,omitempty"`
	Kind    string            `json:"kind,omitempty"`  // of the error: see kinds
	Queue   []postfix.Entry   `json:"queue,omitempty"` // find
	IDs     []postfix.QueueID `json:"ids,omitempty"`   // held
	Text    string            `json:"text,omitempty"`
	ID      string            `json:"id,omitempty"` // restore: the queue ID that it has now
	Results []result          `json:"results,omitempty"`
	Bans    []nft.Ban         `json:"bans,omitempty"`
	Left    int               `json:"left,omitempty"` // bans: so many follow
	Made    bool              `json:"made,omitempty"` // ensure: something was missing
	Stay    string            `json:"stay,omitempty"` // ban: why open sessions were left, of those before
	Kicked  bool              `json:"kicked,omitempty"`

	Generation uint32 `json:"generation,omitempty"`

	file *os.File // log: goes beside the frame, and is closed behind it
	fd   int      // what came beside it
}

// result is a postfix.Result that JSON can carry.
type result struct {
	Gone bool   `json:"gone,omitempty"`
	Err  string `json:"err,omitempty"`
}

// Acts is what the warden does, on one Postfix, one Dovecot and one kernel. Its fields are fixed when it starts; Renew changes Never.
type Acts struct {
	Postfix postfix.Instance
	Dovecot doveadm.Instance
	Trash   Trash
	Log     string         // path of the mail log, which the daemon may read whoever's it is; not absolute: none
	Sockets []string       // paths of the daemon's unix sockets
	Never   []netip.Prefix // whom nobody bans: the operator's own networks and allow list
	Ports   []uint16       // what a ban closes; nft.MailPorts if none is named
	Logins  Logins

	mu      sync.Mutex     // for Never and allowed
	allowed []netip.Prefix // beside Never, as the daemon last said
	table   *nft.Table     // opened by the first act that needs it
	hanging hangUps
	listed  [][]nft.Ban // what bans is telling, until all is told: parts of MaxBans
	count   int         // of them
}

// maxAllow bounds what the daemon allows: the operator's own networks have room beside it.
const maxAllow = nft.MaxAllow / 2

// actTime bounds one act: the daemon waits for it, and a tool that hangs must not hang it too.
const actTime = 2 * time.Minute

// do carries out one request.
func (a *Acts) do(ctx context.Context, q *request) *answer {
	ctx, cancel := context.WithTimeout(ctx, actTime)
	defer cancel()
	if err := q.check(); err != nil {
		return &answer{Error: err.Error()}
	}
	out, err := a.act(ctx, q)
	if err != nil {
		return &answer{Error: err.Error(), Kind: kindOf(err)}
	}
	return out
}

// act carries out a request that was checked.
func (a *Acts) act(ctx context.Context, q *request) (out *answer, err error) {
	out = new(answer)
	switch q.Act {
	case actHeld:
		out.IDs, err = a.Postfix.HeldIDs(ctx)
	case actFind:
		out.Queue, err = a.find(ctx, q.Mails)
	case actLook:
		out.Text, err = a.Postfix.Look(ctx, postfix.QueueID(q.ID))
	case actHold, actRelease, actDelete:
		out.Results, err = a.mails(ctx, q)
	case actRestore:
		var id postfix.QueueID
		id, err = a.restore(ctx, q.Mails[0])
		out.ID = string(id)
	case actShare:
		err = a.share()
	case actBan:
		var stay error
		if out.Results, stay, err = a.ban(q.Bans, q.Dry); stay != nil {
			out.Stay = stay.Error()
		}
	case actUnban:
		err = a.unban(q.Prefixes)
	case actBans:
		out.Bans, out.Left, err = a.bans(q.From)
	case actEnsure:
		out.Made, err = a.ensure(q.Prefixes)
	case actLog:
		out.file, err = a.openLog(q.Name)
	case actGeneration:
		out.Generation, err = a.generation()
	case actKick:
		out.Kicked, err = a.Dovecot.Kick(ctx, q.Account)
	}
	return out, err
}

// find returns those of a batch of mails that are in the queue, by their IDs alone.
func (a *Acts) find(ctx context.Context, mails []postfix.Held) (all []postfix.Entry, err error) {
	ids := make([]postfix.QueueID, len(mails))
	for i := range mails {
		ids[i] = mails[i].ID
	}
	found, err := a.Postfix.Find(ctx, ids)
	for _, e := range found {
		all = append(all, *e)
	}
	return all, err
}

// mails does something to a batch of mails.
func (a *Acts) mails(ctx context.Context, q *request) (out []result, err error) {
	var results []postfix.Result
	switch q.Act {
	case actHold:
		results, err = a.Postfix.Hold(ctx, q.Mails)
	case actRelease:
		results, err = a.Postfix.Release(ctx, q.Mails)
	case actDelete:
		results, err = a.delete(ctx, q.Mails)
	}
	for _, r := range results {
		one := result{Gone: r.Gone}
		if r.Err != nil {
			one.Err = r.Err.Error()
		}
		out = append(out, one)
	}
	return out, err
}

func (a *Acts) delete(ctx context.Context, mails []postfix.Held) ([]postfix.Result, error) {
	dir, err := a.Postfix.Get(ctx, "queue_directory")
	if err != nil {
		return nil, err
	}
	return a.Postfix.Delete(ctx, mails, func(id postfix.QueueID) error { return a.Trash.keep(dir, id) })
}

// check refuses what is not exactly one of the acts.
func (q *request) check() error {
	switch q.Act {
	case actHeld, actShare, actGeneration, actLog: // a log's name is openLog's to check
	case actBans:
		if q.From < 0 {
			return fmt.Errorf("%s begins with the first ban, not before", q.Act)
		}
	case actBan:
		if len(q.Bans) == 0 || len(q.Bans) > MaxBans {
			return fmt.Errorf("%s takes 1 to %d bans, not %d", q.Act, MaxBans, len(q.Bans))
		}
	case actUnban:
		if len(q.Prefixes) == 0 || len(q.Prefixes) > MaxBans {
			return fmt.Errorf("%s takes 1 to %d prefixes, not %d", q.Act, MaxBans, len(q.Prefixes))
		}
	case actEnsure:
		if len(q.Prefixes) > maxAllow {
			return fmt.Errorf("%s takes up to %d prefixes, not %d", q.Act, maxAllow, len(q.Prefixes))
		}
	case actLook:
		if _, err := postfix.ParseQueueID(q.ID); err != nil {
			return err
		}
	case actFind, actHold, actRelease, actDelete:
		if len(q.Mails) == 0 || len(q.Mails) > postfix.MaxBatch {
			return fmt.Errorf("%s takes 1 to %d mails, not %d", q.Act, postfix.MaxBatch, len(q.Mails))
		}
	case actKick:
		if _, err := doveadm.ParseAccount(q.Account); err != nil {
			return err
		}
	case actRestore:
		if len(q.Mails) != 1 {
			return fmt.Errorf("%s takes 1 mail, not %d", q.Act, len(q.Mails))
		}
	default:
		return fmt.Errorf("%.20q is no act", q.Act)
	}
	for _, m := range q.Mails {
		if _, err := postfix.ParseQueueID(string(m.ID)); err != nil {
			return err
		}
	}
	return nil
}

// serve answers requests until the other side ends or says something that is no request.
func (a *Acts) serve(ctx context.Context, conn io.ReadWriter) error {
	a.disallow() // what another child allowed
	defer a.hanging.done.Wait()
	for {
		var q request
		if err := readFrame(conn, &q, maxRequest); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if err := writeAnswer(conn, a.do(ctx, &q)); err != nil {
			return err
		}
	}
}
