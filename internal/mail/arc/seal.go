package arc

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"postward/internal/mail/canon"
)

// Why no set is added.
var (
	ErrEnded     = errors.New("the newest set says that the chain has failed: nothing may be added (RFC 8617 section 5.1)")
	ErrFull      = fmt.Errorf("the chain has %d sets, or fields that nobody can number: there is no place for another", MaxSets)
	ErrTempError = errors.New("a key could not be asked for: a set would say for ever that the chain has failed; ask again later")
)

// signs are the fields that an ARC-Message-Signature covers when they are there (RFC 6376 section 5.4.1, and
// DKIM-Signature: RFC 8617 section 4.1.2). Of none more than maxEach are named.
var signs = []string{
	"From", "Sender", "Reply-To", "Subject", "Date", "Message-ID", "To", "Cc", "In-Reply-To", "References", "MIME-Version", "Content-Type",
	"Content-Transfer-Encoding", "Content-ID", "Content-Description", "Resent-From", "Resent-Sender", "Resent-To", "Resent-Cc", "Resent-Date",
	"Resent-Message-ID", "List-Id", "List-Help", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Subscribe", "List-Post", "List-Owner",
	"List-Archive", "DKIM-Signature",
}

// once are those that a mail has once (RFC 5322 section 3.6): each that is there is named one time more than it is there,
// so that nobody can add another. One that is not there may be added: servers do.
var once = []string{"From", "Sender", "Reply-To", "Subject", "Date", "Message-ID", "To", "Cc", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"}

const maxEach = 16

// Sealer adds sets in the name of a domain. It may be used by many goroutines, as far as its key may.
type Sealer struct {
	Domain, Selector string        // in A-labels: where the public key is
	Key              crypto.Signer // RSA of 2048 to 4096 bits, or Ed25519

	algorithm string
}

// NewSealer checks the key.
func NewSealer(domain, selector string, key crypto.Signer) (*Sealer, error) {
	d, sel, ok := domains(domain, selector)
	if !ok {
		return nil, fmt.Errorf("seal for %q: the domain or the selector %q is none", domain, selector)
	}
	s := &Sealer{Domain: d, Selector: sel, Key: key}
	switch public := key.Public().(type) {
	case ed25519.PublicKey:
		s.algorithm = "ed25519-sha256"
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits < goodBits || bits > maxBits {
			return nil, fmt.Errorf("seal for %s: the RSA key has %d bits: make one of %d to %d", d, bits, goodBits, maxBits)
		}
		s.algorithm = "rsa-sha256"
	default:
		return nil, fmt.Errorf("seal for %s: a key of the type %T: make an RSA or an Ed25519 key", d, public)
	}
	return s, nil
}

// Forms are those in which Seal needs the body hashed.
func (s *Sealer) Forms() []canon.Form { return []canon.Form{canon.Relaxed} }

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
	next.fields[aar] = &canon.Field{Name: names[aar], Value: " i=" + strconv.Itoa(n) + "; " + trim(found)}
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
	return trim(text) != ""
}

// signMessage makes the ARC-Message-Signature.
func (s *Sealer) signMessage(n int, header []canon.Field, body *canon.Body, now time.Time) (*canon.Field, error) {
	covers := covered(header)
	if !has(covers, "from") {
		return nil, errors.New("seal a mail: it has no From field, and without one nothing can be signed (RFC 6376 section 5.4)")
	}
	sum := body.Sum(canon.Relaxed)
	if sum == nil {
		return nil, errors.New("seal a mail: its body was not hashed in the form relaxed; see Forms")
	}
	f := &canon.Field{Name: names[ams], Value: s.begin(n, "c=relaxed/relaxed", now) + ";\r\n\th=" + wrap(covers) +
		";\r\n\tbh=" + base64.StdEncoding.EncodeToString(sum) + ";\r\n\tb="}
	signature := signature{header: canon.Relaxed, covers: covers}
	return f, s.finish(f, signature.digest(header, f))
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
	return f, s.finish(f, next.digest(sum))
}

// begin is what both fields begin with.
func (s *Sealer) begin(n int, tag string, now time.Time) string {
	return " i=" + strconv.Itoa(n) + "; a=" + s.algorithm + "; t=" + strconv.FormatInt(now.Unix(), 10) + ";\r\n\t" + tag +
		"; d=" + s.Domain + ";\r\n\ts=" + s.Selector
}

// finish puts the signature of a digest at the end of a field.
func (s *Sealer) finish(f *canon.Field, digest []byte) error {
	how := crypto.SHA256
	if s.algorithm == "ed25519-sha256" {
		how = 0 // RFC 8463 section 3: the hash is what is signed
	}
	b, err := s.Key.Sign(rand.Reader, digest, how)
	if err != nil {
		return fmt.Errorf("sign %s for %s: %w", f.Name, s.Domain, err)
	}
	text := base64.StdEncoding.EncodeToString(b)
	var lines []string
	for chunk := range slices.Chunk([]byte(text), 64) {
		lines = append(lines, string(chunk))
	}
	f.Value += strings.Join(lines, "\r\n\t ")
	return nil
}

// covered are the names to sign, in the order of signs: From first, when there is one.
func covered(header []canon.Field) []string {
	there := make(map[string]int)
	for i := range header {
		there[strings.ToLower(strings.TrimRight(header[i].Name, " \t"))]++
	}
	var covers []string
	for _, name := range signs {
		lower := strings.ToLower(name)
		times := min(there[lower], maxEach)
		if times > 0 && slices.Contains(once, name) {
			times++
		}
		for range times {
			covers = append(covers, lower)
		}
	}
	return covers
}

// wrap joins names with colons, and folds before the line gets longer than 78.
func wrap(names []string) string {
	const first, next = 10, 9 // columns, behind "\th=" and "\t "
	var b strings.Builder
	column := first
	for i, name := range names {
		if i > 0 {
			b.WriteByte(':')
			column++
		}
		if column+len(name)+1 > 78 {
			b.WriteString("\r\n\t ")
			column = next
		}
		b.WriteString(name)
		column += len(name)
	}
	return b.String()
}
