package guard

import (
	"hash/fnv"
	"time"
)

// Letters are who wrote to whom lately, as an old log tells it: so an answer is known for one. The zero value is ready.
type Letters struct {
	at map[uint64]Time // of a pair, by a hash
}

const (
	maxLetters = 200_000
	// answerWithin is how long after a letter a mail to its writer is an answer.
	answerWithin = 7 * 24 * time.Hour
)

// Wrote notes a mail that a stranger sent to an address of this site.
func (l *Letters) Wrote(from, to string, at Time) {
	if l.at == nil || len(l.at) >= maxLetters { // what is forgotten is a stranger's, as it was without
		l.at = map[uint64]Time{}
	}
	l.at[pair(from, to)] = at
}

// Answers reports whether a mail from an address of this site goes to somebody who wrote to it lately.
func (l *Letters) Answers(from, to string, at Time) bool {
	wrote, is := l.at[pair(to, from)]
	return is && at >= wrote && at.Sub(wrote) < answerWithin
}

func pair(from, to string) uint64 { return hashed(from + "\x00" + to) }

func hashed(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}
