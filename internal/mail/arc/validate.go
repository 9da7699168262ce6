package arc

import (
	"bytes"
	"context"
	"crypto/sha256"
	"hash"
	"time"

	"postward/internal/mail/canon"
	"postward/internal/mail/dkim"
)

// atOnce is how many keys are asked for at a time.
const atOnce = 8

// maxOlder is of how many older sets it is looked whether the mail is unchanged since.
const maxOlder = 10

// Validate is the Validator of section 5.2. body has hashed all of the body in the forms that Forms says.
func (c *Chain) Validate(ctx context.Context, r Resolver, body *canon.Body, now time.Time) Result {
	if !c.present || c.flaw.Status != None {
		return c.flaw
	}
	v := &validation{Chain: c, keys: dkim.NewAsked(r), body: body, now: now}
	n := len(c.sets)
	if why := v.fresh(ctx); why != "" {
		return v.failed(why, n, ams)
	}
	if at, why := v.custody(ctx); why != "" {
		return v.failed(why, at, as)
	}
	return Result{Status: Pass, OldestPass: v.oldest(ctx), Seals: c.seals()}
}

// validation is one that is on its way.
type validation struct {
	*Chain
	keys *dkim.Asked
	body *canon.Body
	now  time.Time
}

// failed is the result of a signature that does not hold.
func (v *validation) failed(why Reason, instance, kind int) Result {
	status := Fail
	if why == NotAsked {
		status = TempError
	}
	return Result{Status: status, Reason: why, Instance: instance, Field: names[kind]}
}

// ask asks for the keys of some signatures at once, and waits.
func (v *validation) ask(ctx context.Context, all ...*dkim.Signature) {
	v.keys.Ask(ctx, all...)
	v.keys.Wait()
}

// fresh is step 4: the newest ARC-Message-Signature must hold. What can be told without asking comes first.
func (v *validation) fresh(ctx context.Context) Reason {
	s := &v.sets[len(v.sets)-1]
	if !bytes.Equal(v.body.Sum(s.signed.Body), s.signed.BodySum) {
		return dkim.BodyChanged
	}
	if why := s.signed.Timely(v.now); why != "" {
		return why
	}
	v.ask(ctx, &s.signed.Signature, &s.sealed.Signature)
	return v.keys.Verify(&s.signed.Signature, s.digestMail(v.header))
}

// custody is step 6: every seal must hold, and the newest is tried first.
func (v *validation) custody(ctx context.Context) (instance int, why Reason) {
	digests := v.digests()
	for i := len(v.sets) - 1; i >= 0; i-- {
		s := &v.sets[i].sealed.Signature
		if why := s.Timely(v.now); why != "" {
			return i + 1, why
		}
		if before := len(v.sets) - 2 - i; before >= 0 && before%atOnce == 0 {
			v.askSeals(ctx, i)
		}
		if why := v.keys.Verify(s, digests[i]); why != "" {
			return i + 1, why
		}
	}
	return 0, ""
}

// askSeals asks for the keys of the next seals.
func (v *validation) askSeals(ctx context.Context, i int) {
	var all []*dkim.Signature
	for ; i >= 0 && len(all) < atOnce; i-- {
		all = append(all, &v.sets[i].sealed.Signature)
	}
	v.ask(ctx, all...)
}

// oldest is step 5: since which instance the mail is unchanged; 0: since the first. An older set that cannot be tried is
// one that does not hold.
func (v *validation) oldest(ctx context.Context) int {
	for i := len(v.sets) - 2; i >= 0; i-- {
		s := &v.sets[i]
		if i < len(v.sets)-1-maxOlder || s.flaws[ams] != "" || s.signed.Timely(v.now) != "" ||
			!bytes.Equal(v.body.Sum(s.signed.Body), s.signed.BodySum) {
			return i + 2
		}
		v.ask(ctx, &s.signed.Signature)
		if v.keys.Verify(&s.signed.Signature, s.digestMail(v.header)) != "" {
			return i + 2
		}
	}
	return 0
}

// digests are the hashes that the seals sign (section 5.1.1): each of all that the one before it signs, of that one, and
// of its own set. What they have in common is hashed once.
func (c *Chain) digests() [][]byte {
	sum, digests := sha256.New(), make([][]byte, len(c.sets))
	for i := range c.sets {
		digests[i] = c.sets[i].digest(sum)
		sum.Write(c.sets[i].fields[as].Append(nil, canon.Relaxed))
	}
	return digests
}

// digest hashes a set on top of what sum has; its seal is hashed aside, as it was when it was signed.
func (s *set) digest(sum hash.Hash) []byte {
	for _, kind := range []int{aar, ams} {
		sum.Write(s.fields[kind].Append(nil, canon.Relaxed))
	}
	aside := clone(sum)
	aside.Write(unsigned(s.fields[as]).AppendOpen(nil, canon.Relaxed))
	return aside.Sum(nil)
}

// clone copies the state of a hash of the standard library, which cannot fail to.
func clone(sum hash.Hash) hash.Hash {
	copied, err := sum.(hash.Cloner).Clone()
	if err != nil {
		panic("clone a SHA-256 hash: " + err.Error())
	}
	return copied
}

// seals are the sets as a Result tells of them, the newest first.
func (c *Chain) seals() []Seal {
	var all []Seal
	for i := len(c.sets) - 1; i >= 0; i-- {
		s := &c.sets[i]
		all = append(all, Seal{Instance: i + 1, Domain: s.sealed.Domain, Selector: s.sealed.Selector, Signer: s.signed.Domain,
			Time: s.sealed.At, Results: s.text})
	}
	return all
}
