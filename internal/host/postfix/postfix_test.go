package postfix

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestOnlyQueueIDsAreQueueIDs(t *testing.T) {
	for _, id := range []string{"4F2C81A3B7", "A1B2C3", "4dXYZ12345z6789", "3nVr5q2CvczJjc"} {
		if _, err := ParseQueueID(id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	for _, id := range []string{"", "ALL", "all", "-", "--", "-d", "../A1B2C3", "A1B2C3 ALL", "A1B2C3\n", "deferred", "A1B2C", strings.Repeat("A", 200)} {
		if got, err := ParseQueueID(id); err == nil {
			t.Errorf("%q was taken as %q", id, got)
		}
	}
}

func TestAMailIsItsIDAndItsTimeOfArrival(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	held := Held{ID: "A1B2C3D4", After: at, Before: at.Add(5 * time.Second)}
	for name, c := range map[string]struct {
		entry Entry
		want  bool
	}{
		"within":          {Entry{ID: "A1B2C3D4", Arrived: at.Add(time.Second)}, true},
		"rounded down":    {Entry{ID: "A1B2C3D4", Arrived: at.Add(-time.Second)}, true},
		"another ID":      {Entry{ID: "A1B2C3D5", Arrived: at.Add(time.Second)}, false},
		"the ID's next":   {Entry{ID: "A1B2C3D4", Arrived: at.Add(time.Hour)}, false},
		"the ID's former": {Entry{ID: "A1B2C3D4", Arrived: at.Add(-time.Hour)}, false},
	} {
		if got := held.Is(&c.entry); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func FuzzParseQueueID(f *testing.F) {
	f.Add("ALL")
	f.Add("4F2C81A3B7")
	f.Add("3nVr5q2CvczJjc")
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseQueueID(s)
		if err != nil {
			return
		}
		if strings.ContainsAny(string(id), "-/. \n\x00") || strings.EqualFold(string(id), "ALL") || len(id) > 23 || string(id) != s {
			t.Errorf("%q", id)
		}
	})
}

func FuzzSplitList(f *testing.F) {
	f.Add("inet:localhost:8891, { unix:a/b.sock, default_action=accept },,$postward_milter")
	f.Add("} {,")
	f.Fuzz(func(t *testing.T, s string) {
		left := s
		for _, item := range SplitList(s) { // in order, and nothing but separators between
			at := strings.Index(left, item)
			if item == "" || at < 0 || strings.Trim(left[:at], ", \t\n\v\f\r") != "" {
				t.Fatalf("%q: item %q", s, item)
			}
			left = left[at+len(item):]
		}
		if strings.Trim(left, ", \t\n\v\f\r") != "" {
			t.Fatalf("%q: %q is left", s, left)
		}
	})
}

func FuzzListed(f *testing.F) {
	f.Add("  continues nothing\n# a list\nexample.org,\n  example.net # not a comment\n\n")
	f.Fuzz(func(t *testing.T, s string) {
		for _, item := range listed(s) {
			if item == "" || !strings.Contains(s, item) {
				t.Fatalf("%q: item %q", s, item)
			}
		}
	})
}

func TestServicesAreReachedAsPostfixListens(t *testing.T) {
	table := []string{
		"smtp       inet  n       -       y       -       1       postscreen",
		"smtpd      pass  -       -       y       -       -       smtpd",
		"25025      inet  n       -       y       -       -       smtpd -o x=y",
		"127.0.0.1:10025 inet n   -       y       -       -       smtpd",
		"[::1]:2525 inet  n       -       y       -       -       smtpd",
		"nosuch     inet  n       -       y       -       -       smtpd",
		"pickup     unix  n       -       y       60      1       pickup",
		"short",
	}
	for interfaces, want := range map[string]string{
		"all": "localhost:25025", "loopback-only": "localhost:25025", "192.0.2.1, [2001:db8::1]": "192.0.2.1:25025", "[2001:db8::1]": "[2001:db8::1]:25025",
	} {
		got := map[string]string{}
		for _, s := range listening(table, interfaces) {
			got[s.Name] = s.Address
		}
		for name, address := range map[string]string{"smtpd": "", "25025": want, "127.0.0.1:10025": "127.0.0.1:10025", "[::1]:2525": "[::1]:2525"} {
			if a, ok := got[name]; !ok || a != address {
				t.Errorf("inet_interfaces = %s: %s is at %q, want %q", interfaces, name, a, address)
			}
		}
		if len(got) != 4 {
			t.Errorf("%v", got)
		}
	}
}

func TestANetworkIsReadAsPostfixWritesIt(t *testing.T) {
	for item, want := range map[string]string{
		"192.0.2.9": "192.0.2.9/32", "192.0.2.9/24": "192.0.2.0/24", "[2001:db8::1]": "2001:db8::1/128", "[2001:db8::]/32": "2001:db8::/32",
		"[::ffff:127.0.0.0]/104": "127.0.0.0/8", "[::ffff:192.0.2.1]": "192.0.2.1/32", "[::]/0": "::/0", "0.0.0.0/0": "0.0.0.0/0",
		"!192.0.2.9": "", "example.org": "", "cidr:/etc/postfix/nets": "", "": "",
	} {
		n, err := network(item)
		if got := n.String(); err == nil && got != want || (err != nil) != (want == "") {
			t.Errorf("%s: %s %v", item, got, err)
		}
	}
}

// TestAMailOfManyRecipientsIsShownWithItsHeader: what is about the others is counted.
func TestAMailOfManyRecipientsIsShownWithItsHeader(t *testing.T) {
	var b strings.Builder
	b.WriteString("*** ENVELOPE RECORDS hold/4AAAA1 ***\nmessage_size: 1 2 3\nsender: rita@example.org\n")
	for n := range 900 {
		fmt.Fprintf(&b, "named_attribute: dsn_orig_rcpt=rfc822;r%[1]d@far.example\noriginal_recipient: r%[1]d@far.example\nrecipient: r%[1]d@far.example\n", n)
	}
	b.WriteString("*** MESSAGE CONTENTS hold/4AAAA1 ***\nSubject: hello\nrecipient: is a field of this message\nX: " + strings.Repeat("x", 3*maxLookedLine) + "\nLast: field\n*** HEADER EXTRACTED hold/4AAAA1 ***\nrecipient: late@far.example\n*** MESSAGE FILE END hold/4AAAA1 ***\n")
	text, err := lookAt(strings.NewReader(b.String()))
	if err != nil || strings.Count(text, "\n") > 40 || strings.Count(text, "recipient: r") != maxLookedAt {
		t.Errorf("%d lines, %d recipients, %v", strings.Count(text, "\n"), strings.Count(text, "recipient: r"), err)
	}
	for _, want := range []string{"sender: rita@example.org\n", "Subject: hello\n", "recipient: is a field of this message\n", "\nLast: field\n", fmt.Sprintf("and %d more recipients", 901-maxLookedAt)} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q", want)
		}
	}
	long, err := lookAt(strings.NewReader("*** MESSAGE CONTENTS x ***\n" + strings.Repeat("A: b\n", 1<<20)))
	if err != nil || len(long) > maxLook+maxLookedLine {
		t.Errorf("%d octets, %v", len(long), err)
	}
}

// TestMailInHoldIsFoundByEachOfItsRecipients: the log names one of them.
func TestMailInHoldIsFoundByEachOfItsRecipients(t *testing.T) {
	const listing = `{"queue_name": "hold", "queue_id": "not an id", "arrival_time": 1, "message_size": 1, "sender": "", "recipients": [{"address": "two@far.example"}]}
{"queue_name": "hold", "queue_id": "4AAAA1", "arrival_time": 1, "message_size": 1, "sender": "a@b", "recipients": [{"address": "one@far.example"}, {"address": "two@far.example", "delay_reason": "x"}]}
{"queue_name": "deferred", "queue_id": "4AAAA2", "arrival_time": 1, "message_size": 1, "sender": "a@b", "recipients": [{"address": "two@far.example"}]}
{"queue_name": "hold", "queue_id": "4AAAA3", "arrival_time": 1, "message_size": 1, "sender": "a@b", "recipients": []}
`
	ids, err := readWaiting(strings.NewReader(listing), func(to string) bool { return to == "two@far.example" })
	if err != nil || !slices.Equal(ids, []QueueID{"4AAAA1"}) {
		t.Errorf("%v %v", ids, err)
	}
	if ids, err := readWaiting(strings.NewReader(listing[:len(listing)/2]), func(string) bool { return true }); err == nil {
		t.Errorf("a list that is cut has %v", ids)
	}
}

// FuzzReadWaiting reads anything; what it returns are queue IDs.
func FuzzReadWaiting(f *testing.F) {
	f.Add(`{"queue_name": "hold", "queue_id": "4AAAA1", "recipients": [{"address": "one@far.example"}]}`)
	f.Fuzz(func(t *testing.T, s string) {
		ids, _ := readWaiting(strings.NewReader(s), func(string) bool { return true })
		for _, id := range ids {
			if _, err := ParseQueueID(string(id)); err != nil {
				t.Error(err)
			}
		}
	})
}

// FuzzLookAt reads anything; what it returns is bounded and text.
func FuzzLookAt(f *testing.F) {
	f.Add("*** ENVELOPE RECORDS x ***\nrecipient: a@b\n*** MESSAGE CONTENTS x ***\nA: b\n*** HEADER EXTRACTED x ***\n")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := lookAt(strings.NewReader(text))
		if err != nil || len(got) > 3*(maxLook+maxLookedLine+100) || !utf8.ValidString(got) {
			t.Errorf("%d octets, %v", len(got), err)
		}
	})
}

// TestAnotherMailOfTheSameSecondIsNoRenamedOne: the time in a long queue ID may have a 'z' of its own.
func TestAnotherMailOfTheSameSecondIsNoRenamedOne(t *testing.T) {
	at := time.Date(2026, 11, 30, 13, 35, 31, 0, time.UTC)
	was := Held{ID: "4jdQ4z2ncwzgJX3", After: at, Before: at}
	for id, want := range map[QueueID]bool{"4jdQ4z2ncwzgJX7": true, "4jdQ4z2ncxzgJX7": false, "4jdQ4z3ncwzgJX7": false} {
		if got := was.Renamed(&Entry{ID: id, Arrived: at}); got != want {
			t.Errorf("%s: %v", id, got)
		}
	}
}
