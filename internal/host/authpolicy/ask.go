package authpolicy

import (
	"context"
	"sync"
	"time"
)

// maxAsked bounds the questions that a Server's functions have not answered yet, late ones too.
const maxAsked = 256

// allow answers the question before a password, or after it.
func (s *Server) allow(ctx context.Context, a *Attempt) Answer {
	ctx, cancel := context.WithTimeout(ctx, AnswerTime)
	defer cancel()
	key := a.key()
	second := s.pairs.end(key, time.Now())
	answer := s.ask(ctx, a, s.Before)
	if !second {
		s.count.before.Add(1)
		if !answer.refused { // who is refused is not asked about again: the next question is another login's
			s.pairs.first(key, time.Now(), answer.delay)
		}
		return answer
	}
	s.count.after.Add(1)
	if answer.refused {
		return answer
	}
	if after := s.ask(ctx, a, s.After); after.refused {
		return after
	}
	return answer // with its wait, which counts if this was a first question after all
}

// report hands on how a login ended.
func (s *Server) report(ctx context.Context, a *Attempt) {
	s.count.reports.Add(1)
	s.pairs.end(a.key(), time.Now())
	if s.Report == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, AnswerTime)
	defer cancel()
	s.ask(ctx, a, func(_ context.Context, a *Attempt) Answer {
		s.Report(a)
		return Pass()
	})
}

// ask asks one of the functions, and lets pass what it does not answer before ctx ends.
func (s *Server) ask(ctx context.Context, a *Attempt, ask func(context.Context, *Attempt) Answer) Answer {
	if ask == nil || ctx.Err() != nil { // no time is left
		return Pass()
	}
	answers := make(chan Answer, 1)
	if !s.asked.begin(func() { answers <- s.safely(ctx, a, ask) }) {
		s.count.late.Add(1)
		return Pass()
	}
	select {
	case answer := <-answers:
		return answer
	case <-ctx.Done():
		s.count.late.Add(1)
		s.log().Warn("an answer to Dovecot came too late, and its login goes on", "account", a.Account, "client", a.Client)
		return Pass()
	}
}

// safely lets pass what a bug of ours does not answer.
func (s *Server) safely(ctx context.Context, a *Attempt, ask func(context.Context, *Attempt) Answer) (answer Answer) {
	defer func() {
		if bug := recover(); bug != nil {
			s.log().Error("panic while answering Dovecot; the login goes on", "panic", bug)
			answer = Pass()
		}
	}()
	return ask(ctx, a)
}

// asked is what runs of a Server's functions.
type asked struct {
	mu    sync.Mutex
	runs  int
	ended bool
	all   sync.WaitGroup
}

// begin starts one more, unless there are too many or the Server has ended.
func (r *asked) begin(ask func()) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended || r.runs >= maxAsked {
		return false
	}
	r.runs++
	r.all.Go(func() {
		ask()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.runs--
	})
	return true
}

// end waits for all of them; none begins any more.
func (r *asked) end() {
	r.mu.Lock()
	r.ended = true
	r.mu.Unlock()
	r.all.Wait()
}
