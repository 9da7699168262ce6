package arc

import (
	"crypto"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"postward/internal/mail/canon"
	"postward/internal/mail/dkim"
)

// Why no set is added.
var (
	ErrEnded     = errors.New("the newest set says that the chain has failed: nothing may be added (RFC 8617 section 5.1)")
	ErrFull      = fmt.Errorf("the chain has %d sets, or fields that nobody can number: there is no place for another", MaxSets)
	ErrTempError = errors.New("a key could not be asked for: a set would say for ever that the chain has failed; ask again later")
)

// signs are the fields that an ARC-Message-Signature covers when they are there (RFC 6376 section 5.4.1, and
// DKIM-Signature: RFC 8617 section 4.1.2).
var signs = []string{
	"From", "Sender", "Reply-To", "Subject", "Date", "Message-ID", "To", "Cc", "In-Reply-To", "References", "MIME-Version", "Content-Type",
	"Content-Transfer-Encoding", "Content-ID", "Content-Description", "Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc", "Resent-Date",
	"Resent-Message-ID", "List-Id", "List-Help", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Subscribe", "List-Post", "List-Owner",
	"List-Archive", "DKIM-Signature",
}

// once are those that a mail has once (RFC 5322 section 3.6): each that is there is named one time more than it is there,
// so that nobody can add another. One that is not there may be added: servers do.
var once = []string{"From", "Sender", "Reply-To", "Subject", "Date", "Message-ID", "To", "Cc", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"}

func seals(name string, there bool) bool { return there && slices.Contains(once, name) }

// Sealer adds sets in the name of a domain. It may be used by many goroutines, as far as its key may.
type Sealer struct {
	Domain, Selector string // in A-labels: where the public key is

	signer *dkim.Signer
}

// NewSealer checks the key: RSA of 2048 to 4096 bits, or Ed25519.
func NewSealer(domain, selector string, key crypto.Signer) (*Sealer, error) {
	s, err := dkim.NewSigner(domain, selector, key)
	if err != nil {
		return nil, fmt.Errorf("make a sealer: %w", err)
	}
	return &Sealer{Domain: s.Domain, Selector: s.Selector, signer: s}, nil
}

// Forms are those in which Seal needs the body hashed.
func (s *Sealer) Forms() []canon.Form { return dkim.SignedForms() }

// Seal makes the next set of a chain (section 5.1): three fields, the one that stands at the top first, to be put above
// all others. was is what came of validating the chain; found is what was found when the mail came in, in the grammar of
// Authentication-Results and with our authserv-id (authres.Payload), "arc=" among it. The header must be that which Read
// got, or that with what was added since: all changes come before a seal (section 5.1 step 1).
func (s *Sealer) Seal(c *Chain, header []canon.Field, was Result, found string, body *canon.Body, now time.Time) ([]canon.Field, error) {
	n := c.Len() + 1
	switch {
	case c.ended():
		return nil, ErrEnded
	case was.Status == TempError:
		return nil, ErrTempError
	case was.Status == None && c.present:
		return nil, errors.New("seal a mail: it has a chain that was not validated: validate it first")
	case n > MaxSets || c.flaw.Reason == TooMany:
		return nil, ErrFull
	case !isFolded(found):
		return nil, errors.New("seal a mail: the results are no text of one header field")
	}
	next := set{}
	next.fields[aar] = &canon.Field{Name: names[aar], Value: " i=" + strconv.Itoa(n) + "; " + strings.Trim(found, dkim.White)}
	var err error
	if next.fields[ams], err = s.signMessage(n, header, body, now); err != nil {
		return nil, err
	}
	if next.fields[as], err = s.sign(c, next, n, was.Status, now); err != nil {
		return nil, err
	}
	return []canon.Field{*next.fields[as], *next.fields[ams], *next.fields[aar]}, nil
}

// isFolded reports whether a text is the value of one field: it goes on only behind a blank, and nothing controls.
func isFolded(text string) bool {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	for i := range len(text) {
		c := text[i]
		last := i+1 == len(text) || text[i+1] != ' ' && text[i+1] != '\t'
		if c < ' ' && c != '\t' && (c != '\n' || last) || c == 0x7f {
			return false
		}
	}
	return strings.Trim(text, dkim.White) != ""
}

// signMessage makes the ARC-Message-Signature.
func (s *Sealer) signMessage(n int, header []canon.Field, body *canon.Body, now time.Time) (*canon.Field, error) {
	f, err := s.signer.SignMail(names[ams], s.begin(n, "c=relaxed/relaxed", now), dkim.Covered(header, signs, seals), header, body)
	if err != nil {
		return nil, fmt.Errorf("seal a mail: %w", err)
	}
	return f, nil
}

// sign makes the ARC-Seal: over all sets, or over this one alone when the chain has failed (section 5.1.2).
func (s *Sealer) sign(c *Chain, next set, n int, was Status, now time.Time) (*canon.Field, error) {
	f := &canon.Field{Name: names[as], Value: s.begin(n, "cv="+was.String(), now) + ";\r\n\tb="}
	next.fields[as] = f
	sum := sha256.New()
	for i := range c.sets {
		if was != Pass {
			break
		}
		for _, f := range c.sets[i].fields {
			sum.Write(f.Append(nil, canon.Relaxed))
		}
	}
	return f, s.signer.Finish(f, next.digest(sum))
}

// begin is what both fields begin with.
func (s *Sealer) begin(n int, tag string, now time.Time) string {
	return " i=" + strconv.Itoa(n) + "; a=" + s.signer.Algorithm + "; t=" + strconv.FormatInt(now.Unix(), 10) + ";\r\n\t" + tag +
		"; d=" + s.Domain + ";\r\n\ts=" + s.Selector
}
