package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"postward/internal/mail/canon"
	"postward/internal/mail/dkim"
	"postward/internal/wire/dns"
	"postward/test/rig"
)

// witness looks at what arrived, whether a way did its work: a mail that nobody looked at is quickly through.
type witness struct {
	marks      map[string]int // what stands in the fields about a mail from outside, and how often
	signatures int            // of a mail of ours

	from, proved int // mails from outside
	sent, signed int // ours
	verified     bool
	lacking      string // the fields of the first that is not as it should be
}

// sealed stands in an ARC-Seal of ours; the list's is another domain's.
const sealed = "d=example.org"

// look counts what arrived, each mail once, and says when one is not there or twice.
func (t *witness) look(ctx context.Context, direction string, sent []rig.Mail, arrived []rig.Delivery) error {
	left := map[string]bool{}
	for i := range sent {
		left[sent[i].Token] = true
	}
	for i := range arrived {
		d := &arrived[i]
		if !left[d.Token] {
			return fmt.Errorf("the mail %q arrived, and was not sent or arrived before", d.Token)
		}
		delete(left, d.Token)
		if direction == in {
			t.incoming(d)
		} else if err := t.outgoing(ctx, d); err != nil {
			return err
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("%d mails did not arrive", len(left))
	}
	return nil
}

func (t *witness) incoming(d *rig.Delivery) {
	t.from++
	var found strings.Builder
	header, _ := parsed(d.Head)
	for _, f := range header {
		if f.Is("Authentication-Results") || f.Is("Received-SPF") || f.Is("ARC-Seal") {
			found.WriteString(strings.ToLower(f.Name + ":" + f.Value + "\n"))
		}
	}
	for mark, times := range t.marks {
		if strings.Count(found.String(), mark) < times {
			t.lack(fmt.Sprintf("%q is not there %d times in:\n%s", mark, times, &found))
			return
		}
	}
	t.proved++
}

func (t *witness) lack(text string) {
	if t.lacking == "" {
		t.lacking = text
	}
}

// outgoing counts the signatures of one of ours, and verifies those of the first.
func (t *witness) outgoing(ctx context.Context, d *rig.Delivery) error {
	t.sent++
	header, text := parsed(d.Head)
	all := dkim.Read(header)
	if all.Len() != t.signatures {
		t.lack(fmt.Sprintf("%d signatures", all.Len()))
		return nil
	}
	t.signed++
	if t.verified || all.Len() == 0 || int64(len(d.Head)) < d.Size {
		return nil
	}
	t.verified = true
	client, err := dns.HostClient()
	if err != nil {
		return err
	}
	hashed := canon.NewBody(all.Forms()...)
	_, _ = hashed.Write([]byte(text)) // it never fails to take them
	for _, r := range all.Verify(ctx, all.Ask(ctx, client), hashed, time.Now()) {
		if r.Status != dkim.Pass {
			return fmt.Errorf("what it signed does not verify: %s", r)
		}
	}
	return nil
}

// parsed is the header section of a message, its topmost field first, and its body.
func parsed(message []byte) ([]canon.Field, string) {
	head, text, _ := strings.Cut(string(message), "\r\n\r\n")
	var header []canon.Field
	for line := range strings.SplitSeq(head, "\r\n") {
		if n := len(header); n > 0 && (strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")) {
			header[n-1].Value += "\r\n" + line
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		header = append(header, canon.Field{Name: name, Value: value})
	}
	return header, text
}
