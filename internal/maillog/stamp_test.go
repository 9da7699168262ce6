package maillog

import (
	"testing"
	"time"
)

func TestStampsFindTheirYear(t *testing.T) {
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Skip("no time zone data on this machine")
	}
	at := func(s string) time.Time {
		when, err := time.ParseInLocation("2006-01-02 15:04:05", s, rome)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for _, c := range []struct{ stamp, now, want string }{
		{"Nov 23 17:29:01", "2024-11-23 17:30:00", "2024-11-23T17:29:01+01:00"},
		{"Nov  3 17:29:01", "2024-11-23 17:30:00", "2024-11-03T17:29:01+01:00"},
		{"Nov 03 17:29:01", "2024-11-23 17:30:00", "2024-11-03T17:29:01+01:00"},
		{"Jul  1 00:00:00", "2024-11-23 17:30:00", "2024-07-01T00:00:00+02:00"},
		{"Nov 24 17:00:00", "2024-11-23 17:30:00", "2024-11-24T17:00:00+01:00"}, // the clocks differ a little
		{"Nov 26 17:00:00", "2024-11-23 17:30:00", "2023-11-26T17:00:00+01:00"},
		{"Dec 31 23:59:59", "2025-01-01 00:00:05", "2024-12-31T23:59:59+01:00"},
		{"Jan  1 00:00:01", "2024-12-31 23:59:59", "2025-01-01T00:00:01+01:00"},
		{"Feb 29 12:00:00", "2025-03-02 00:00:00", "2024-02-29T12:00:00+01:00"},
		{"Feb 29 12:00:00", "2027-03-02 00:00:00", "2024-02-29T12:00:00+01:00"},
		{"2024-11-23T17:29:01+01:00", "2030-01-01 00:00:00", "2024-11-23T17:29:01+01:00"},
		{"2024-11-23T17:29:01.5-0330", "2030-01-01 00:00:00", "2024-11-23T21:59:01.5+01:00"},
		{"2024-11-23T17:29:01.123456Z", "2030-01-01 00:00:00", "2024-11-23T18:29:01.123456+01:00"},
	} {
		var l Line
		if !Parse([]byte(c.stamp+" mx postfix/qmgr[1]: 4A1B2C3D: removed"), &l) {
			t.Errorf("%s was not read", c.stamp)
			continue
		}
		if got := l.Stamp.Time(at(c.now)).In(rome).Format(time.RFC3339Nano); got != c.want {
			t.Errorf("%s at %s: got %s, want %s", c.stamp, c.now, got, c.want)
		}
	}
}
