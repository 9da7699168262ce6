package arc

import (
	"strings"

	"postward/internal/mail/canon"
	"postward/internal/mail/dkim"
)

// Bounds: sets of a chain (section 4.2.1), and octets of one ARC field and of a header section.
const (
	MaxSets   = 50
	MaxField  = dkim.MaxField
	MaxHeader = dkim.MaxHeader
)

// The three fields of a set, in the order in which a seal covers them (section 5.1.1).
const (
	aar = iota
	ams
	as
	kinds
)

var names = [kinds]string{"ARC-Authentication-Results", "ARC-Message-Signature", "ARC-Seal"}

// kindOf says which field of a set it is; kinds for none.
func kindOf(f canon.Field) int {
	for kind, name := range names {
		if f.Is(name) {
			return kind
		}
	}
	return kinds
}

// set is an ARC Set (section 4.2).
type set struct {
	fields [kinds]*canon.Field
	text   string        // of the first field, what is behind its instance
	signed signature     // the second
	sealed signature     // the third
	flaws  [kinds]Reason // why a signature cannot be tried
}

// Chain is what a header section has of a chain. It refers to the fields that it was read from.
type Chain struct {
	header  []canon.Field
	sets    []set // that of instance 1 first; with gaps when it is broken
	present bool
	flaw    Result // of section 5.2, steps 1 to 3; None: no flaw
}

// Read finds the chain in a header section, its topmost field first.
func Read(header []canon.Field) *Chain {
	c := &Chain{header: header}
	c.collect()
	switch {
	case c.flaw.Reason == TooMany || c.flaw.Reason == TooLarge:
	case c.ended():
		c.flaw = Result{Status: Fail, Reason: Ended, Instance: len(c.sets), Field: names[as]}
	case c.present && c.flaw.Status == None:
		c.inspect()
	}
	return c
}

// ended reports whether the newest seal says that the chain has failed (section 5.2 step 2).
func (c *Chain) ended() bool {
	newest := len(c.sets) - 1
	return newest >= 0 && c.sets[newest].fields[as] != nil && c.sets[newest].sealed.cv == Fail
}

// Len is the highest instance that was read: 0 for no chain.
func (c *Chain) Len() int { return len(c.sets) }

// collect puts each field into its set (section 5.2 step 1), unless there is too much of it.
func (c *Chain) collect() {
	if c.measure(); c.flaw.Status != None {
		return
	}
	for i := range c.header {
		if kind := kindOf(c.header[i]); kind < kinds {
			c.take(&c.header[i], kind)
		}
	}
}

// measure objects to what is more than is looked at.
func (c *Chain) measure() {
	size, found := 0, 0
	for _, f := range c.header {
		size += len(f.Name) + len(f.Value)
		kind := kindOf(f)
		if kind == kinds {
			continue
		}
		if found++; len(f.Value) > MaxField {
			c.object(TooLarge, 0, kind)
		}
	}
	c.present = found > 0
	switch {
	case found > kinds*MaxSets:
		c.object(TooMany, 0, kinds)
	case c.present && size > MaxHeader:
		c.object(TooLarge, 0, kinds)
	}
}

// object notes the first flaw.
func (c *Chain) object(why Reason, instance, kind int) {
	if c.flaw.Status != None {
		return
	}
	c.flaw = Result{Status: Fail, Reason: why, Instance: instance}
	if kind < kinds {
		c.flaw.Field = names[kind]
	}
}

// take puts a field into its set.
func (c *Chain) take(f *canon.Field, kind int) {
	digits, rest, all, flaw := instanceOf(f.Value, kind)
	n, big, ok := position(digits)
	switch {
	case big:
		c.object(TooMany, 0, kind)
		return
	case !ok:
		c.object(NoInstance, 0, kind)
		return
	}
	for len(c.sets) < n {
		c.sets = append(c.sets, set{})
	}
	s := &c.sets[n-1]
	if s.fields[kind] != nil {
		c.object(Twice, n, kind)
		return
	}
	s.fields[kind], s.flaws[kind] = f, flaw
	switch {
	case kind == aar:
		s.text = strings.Trim(rest, dkim.White)
	case flaw != "":
	case kind == ams:
		s.signed, s.flaws[kind] = readMessage(all)
	default:
		s.sealed, s.flaws[kind] = readSeal(all)
	}
}

// instanceOf reads the instance of a field, and the tags that are behind it. The flaw is one of the tags.
func instanceOf(value string, kind int) (digits, rest string, all dkim.Tags, flaw Reason) {
	digits, rest, first := cutInstance(value)
	if kind == aar {
		return digits, rest, nil, ""
	}
	if !first {
		rest = value
	}
	all, ok := dkim.ParseTags(rest)
	if ok && all.Has("i") == first || !ok {
		flaw = dkim.BadTags
	}
	if ok && !first {
		digits, flaw = all.Value("i"), ""
	}
	return digits, rest, all, flaw
}

// inspect looks whether the chain is whole and in order (section 5.2 step 3).
func (c *Chain) inspect() {
	for i := range c.sets {
		s := &c.sets[i]
		for kind, f := range s.fields {
			if f == nil {
				c.object(Missing, i+1, kind)
			}
		}
		if s.flaws[as] != "" {
			c.object(s.flaws[as], i+1, as)
		} else if want := cvOf(i + 1); s.sealed.cv != want {
			c.object(WrongCV, i+1, as)
		}
	}
	if flaw := c.sets[len(c.sets)-1].flaws[ams]; flaw != "" {
		c.object(flaw, len(c.sets), ams)
	}
}

// cvOf is what a seal must say of the chain before it.
func cvOf(instance int) Status {
	if instance == 1 {
		return None
	}
	return Pass
}

// Forms are those in which the body must be hashed for Validate; none when nothing depends on it.
func (c *Chain) Forms() []canon.Form {
	if !c.present || c.flaw.Status != None {
		return nil
	}
	var forms []canon.Form
	for i := range c.sets {
		if c.sets[i].flaws[ams] == "" {
			forms = append(forms, c.sets[i].signed.Body)
		}
	}
	return forms
}
