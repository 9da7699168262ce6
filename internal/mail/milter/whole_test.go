package milter

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	client "github.com/emersion/go-milter"

	"postward/internal/guard"
	"postward/internal/mail/canon"
)

// reader is a Whole that keeps what it is told.
type reader struct {
	mu     sync.Mutex
	fields []canon.Field
	cut    bool
	body   strings.Builder
	told   []string
	answer Answer
	closed chan bool
}

func (r *reader) note(what string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = append(r.told, what)
}

func (r *reader) Header(fields []canon.Field, cut bool) {
	r.note("header")
	r.fields, r.cut = fields, cut
}

func (r *reader) Body(p []byte) bool {
	r.note("body")
	r.body.Write(p)
	return false
}

func (r *reader) End(context.Context, *guard.Transaction) Answer {
	r.note("end")
	return r.answer
}

func (r *reader) Close() {
	r.note("close")
	close(r.closed)
}

// opened is a server of an MTA that hands over everything, and the reader of its first mail.
func opened(t *testing.T) (x *client.ClientSession, r *reader) {
	t.Helper()
	r = &reader{closed: make(chan bool), answer: Answer{Action: guard.Accept}}
	first := true
	path, _ := started(t, &Server{Direction: guard.Inbound, Open: func(*guard.Transaction) Whole {
		if !first {
			return nil
		}
		first = false
		return r
	}})
	return dial(t, path), r
}

func TestAWholeMailIsToldInItsOrder(t *testing.T) {
	x, r := opened(t)
	r.answer.Action = guard.Tempfail
	if _, act := send(t, x, "", "bob@far.example", "anna@example.org"); act.Code != client.ActReplyCode {
		t.Errorf("its answer is not the answer: %+v", act)
	}
	<-r.closed
	if told := strings.Join(slices.Compact(r.told), " "); told != "header body end close" {
		t.Errorf("told %s", told)
	}
	if r.body.String() != "hello\r\n" || len(r.fields) != 2 || !slices.Contains(r.fields, canon.Field{Name: "Subject", Value: "hello"}) {
		t.Errorf("%v %q", r.fields, r.body.String())
	}
	if _, act := send(t, x, "", "bob@far.example", "anna@example.org"); act.Code != client.ActContinue {
		t.Errorf("the next mail, which nobody reads: %+v", act)
	}
}

func TestAMailThatIsGivenUpIsClosed(t *testing.T) {
	for name, giveUp := range map[string]func(*client.ClientSession) error{
		"abort": func(x *client.ClientSession) error { return x.Abort() },
		"close": func(x *client.ClientSession) error { return x.Close() },
	} {
		x, r := opened(t)
		if _, err := x.Mail("bob@far.example", nil); err != nil {
			t.Fatal(err)
		}
		if err := giveUp(x); err != nil {
			t.Fatal(err)
		}
		select {
		case <-r.closed:
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: the mail is still open", name)
		}
	}
}

func TestAHeaderSectionIsCut(t *testing.T) {
	r := &reading{who: &reader{}}
	for range MaxFields + 1 {
		r.field("X-A", " b")
	}
	if len(r.fields) != MaxFields || !r.cut {
		t.Errorf("%d fields, cut %t", len(r.fields), r.cut)
	}
	long := &reading{who: &reader{}}
	long.field("X-A", strings.Repeat("a", MaxHeader/2))
	long.field("X-B", strings.Repeat("b", MaxHeader/2))
	long.field("From", " x")
	if len(long.fields) != 1 || !long.cut {
		t.Errorf("%d fields, cut %t", len(long.fields), long.cut)
	}
}

// TestFieldsAreInsertedAsTheyWillStand: what comes first stands first, with one blank behind the colon, and no value is two fields.
func TestFieldsAreInsertedAsTheyWillStand(t *testing.T) {
	a := Answer{Action: guard.Accept, Insert: []Field{{"X-A", "one\r\nX-Evil: two"}, {"X-B", " b\n\tc\rd"}}, Remove: []Removal{{"X-C", 1}, {"X-C", 3}}}
	for _, c := range []struct {
		steps  uint32
		values []string
	}{
		{stepLeadingSpace, []string{" b\n\tc d", " one\n X-Evil: two"}},
		{0, []string{" b\n\tc d", "one\n X-Evil: two"}},
	} {
		wire := string(a.end(&agreement{6, wantActions, c.steps}))
		at := -1
		for _, text := range []string{"\x00\x00\x00\x03X-C\x00\x00", "\x00\x00\x00\x01X-C\x00\x00", "\x00\x00\x00\x00X-B\x00" + c.values[0] + "\x00",
			"\x00\x00\x00\x00X-A\x00" + c.values[1] + "\x00"} {
			next := strings.Index(wire, text)
			if next <= at {
				t.Errorf("%#x: %q stands at %d in %q", c.steps, text, next, wire)
			}
			at = next
		}
	}
}

// bomb is a Whole that panics at one of its steps.
type bomb struct {
	*reader
	at string
}

func (b bomb) Header(f []canon.Field, cut bool) { b.fuse("header"); b.reader.Header(f, cut) }
func (b bomb) Body(p []byte) bool               { b.fuse("body"); return b.reader.Body(p) }
func (b bomb) End(ctx context.Context, t *guard.Transaction) Answer {
	b.fuse("end")
	return b.reader.End(ctx, t)
}
func (b bomb) Close() { b.reader.Close(); b.fuse("close") }

func (b bomb) fuse(step string) {
	if b.at == step {
		panic(step)
	}
}

// TestWhoReadsAMailAndPanicsKeepsNoMailFromOutside: it is judged as if nobody read it. What accounts send is put off, when nobody can
// say any more what it is.
func TestWhoReadsAMailAndPanicsKeepsNoMailFromOutside(t *testing.T) {
	for _, direction := range []guard.Direction{guard.Inbound, guard.Submission} {
		for _, step := range []string{"header", "body", "end", "close"} {
			b := bomb{&reader{closed: make(chan bool), answer: Answer{Action: guard.Accept}}, step}
			s := &Server{Direction: direction, Open: func(*guard.Transaction) Whole { return b }}
			path, _ := started(t, s)
			x := dial(t, path)
			_, act := send(t, x, "anna", "bob@far.example", "anna@example.org")
			want := client.ActContinue
			if direction == guard.Submission && step == "end" {
				want = client.ActReplyCode
			}
			if act.Code != want {
				t.Errorf("%s, %s: %+v", direction, step, act)
			}
			<-b.closed
			b.closed = make(chan bool)
			if err := x.Close(); err != nil {
				t.Error(err)
			}
			if step != "close" && s.Panics() != 1 {
				t.Errorf("%s, %s: %d panics", direction, step, s.Panics())
			}
		}
	}
}

func TestAMailThatNobodyEndedIsClosedByTheNext(t *testing.T) {
	x, r := opened(t)
	for range 2 {
		if _, err := x.Mail("bob@far.example", nil); err != nil {
			t.Fatal(err)
		}
	}
	select {
	case <-r.closed:
	case <-time.After(10 * time.Second):
		t.Error("it is still open")
	}
}
