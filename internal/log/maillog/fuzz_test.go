package maillog

import (
	"bytes"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
	"unsafe"
)

// FuzzParse holds what is true of every line: no panic, fields are parts of the line and do not depend on what
// the Line held before, ids are exact, a line that is too long or has control characters is not understood, and a stamp has a time not after the day after now.
func FuzzParse(f *testing.F) {
	for _, line := range corpus() {
		f.Add(line)
	}
	f.Add([]byte(`Nov 23 17:29:01 mx postfix/smtp[1]: 4A1B2C3D: to=<"a>, relay=x"@example.org>, orig_to=<b>, relay=none, delay=0, delays=0/0/0/0, dsn=4.4.1, status=deferred (x)`))
	for _, path := range []string{"testdata/16-forms.log", "testdata/17-versions.log"} {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for line := range bytes.Lines(text) {
			f.Add(bytes.TrimRight(line, "\n"))
		}
	}
	for _, s := range slots {
		f.Add([]byte(s.line))
		f.Add([]byte(strings.ReplaceAll(s.line, marker, forgeries[len(s.name)])))
	}
	f.Add([]byte(`Nov 23 17:29:01 mx postfix/pickup[1]: 4A1B2C3D: uid=1000 from=<root> orig_id=5A1B2C3D`))
	now := time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, line []byte) {
		var l Line
		understood := Parse(line, &l)
		again := Line{Kind: Held, QueueID: []byte("x"), UID: 7}
		if Parse(line, &again) != understood || !reflect.DeepEqual(l, again) {
			t.Fatalf("read twice, differently: %+v %+v", l, again)
		}
		if header, is := Strange(line, &l); is && (l.Kind != Unknown || !bytes.HasPrefix(line, header)) || len(Form(header)) > 60 {
			t.Fatalf("%q is strange: %q", line, header)
		}
		var when Stamp
		if When(line, &when) && understood && when != l.Stamp {
			t.Fatalf("two stamps: %+v %+v", when, l.Stamp)
		}
		if l.Times < 0 || l.Times > maxTimes || l.Kind == Repeats && (l.Count < 0 || l.Count > maxTimes) {
			t.Fatalf("repeated %d times", l.Times)
		}
		if bytes.Contains(l.Reply, []byte("(given password: ")) && l.Kind == PasswordRefused {
			t.Fatalf("a password: %q", l.Reply)
		}
		if !understood {
			return
		}
		if len(line) > MaxLine && l.Kind.Understood() || l.Kind >= kinds {
			t.Errorf("kind %v of %d bytes", l.Kind, len(line))
		}
		if l.Kind.Understood() && !clean(l.Text) {
			t.Errorf("control characters in a line of kind %v", l.Kind)
		}
		if l.Commands != nil {
			l.Command("auth")
		}
		if l.QueueID != nil && !ValidQueueID(l.QueueID) || l.OtherID != nil && !ValidQueueID(l.OtherID) {
			t.Errorf("queue ids %q %q", l.QueueID, l.OtherID)
		}
		if when := l.Stamp.Time(now); l.Stamp.Year == 0 && when.After(now.Add(24*time.Hour)) {
			t.Errorf("stamp %v", when)
		}
		for i, field := range parts(&l) {
			if !inside(field, line) {
				t.Errorf("field %d %q is not part of the line", i, field)
			}
		}
	})
}

// parts are all byte slices of a line.
func parts(l *Line) [][]byte {
	var all [][]byte
	v := reflect.ValueOf(*l)
	for i := range v.NumField() {
		switch f := v.Field(i).Interface().(type) {
		case []byte:
			all = append(all, f)
		case Peer:
			all = append(all, f.Name, f.Addr, f.Port)
		}
	}
	return all
}

func inside(field, line []byte) bool {
	if len(field) == 0 {
		return true
	}
	start := uintptr(unsafe.Pointer(unsafe.SliceData(line)))
	at := uintptr(unsafe.Pointer(unsafe.SliceData(field)))
	return at >= start && at+uintptr(len(field)) <= start+uintptr(len(line)) && bytes.Contains(line, field)
}
