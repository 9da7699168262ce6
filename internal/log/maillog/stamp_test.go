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
		{"Nov 3 17:29:01", "2024-11-23 17:30:00", "2024-11-03T17:29:01+01:00"},
		{"Nov 23 17:29:01.5", "2024-11-23 17:30:00", "2024-11-23T17:29:01.5+01:00"},
		{"2024-11-23T17:29:01.123456+0100", "2030-01-01 00:00:00", "2024-11-23T17:29:01.123456+01:00"},
		{"Sat 2024-11-23 17:29:01 CET", "2030-01-01 00:00:00", "2024-11-23T17:29:01+01:00"},
		{"Sat 2024-11-23 17:29:01.25 UTC", "2030-01-01 00:00:00", "2024-11-23T18:29:01.25+01:00"},
		{"Sun 2024-10-27 02:30:00 CEST", "2030-01-01 00:00:00", "2024-10-27T02:30:00+02:00"},
		{"Sun 2024-10-27 02:30:00 CET", "2030-01-01 00:00:00", "2024-10-27T02:30:00+01:00"},
		{"1732379341.123456", "2030-01-01 00:00:00", "2024-11-23T17:29:01.123456+01:00"},
		// a repeated hour, seen long after; one that is left out
		{"Oct 27 02:30:00", "2024-11-23 17:30:00", "2024-10-27T02:30:00+01:00"},
		{"Oct 27 01:59:59", "2024-11-23 17:30:00", "2024-10-27T01:59:59+02:00"},
		{"Oct 27 03:00:00", "2024-11-23 17:30:00", "2024-10-27T03:00:00+01:00"},
		{"Mar 31 02:30:00", "2024-11-23 17:30:00", "2024-03-31T03:30:00+02:00"},
		{"Mar 31 01:59:59", "2024-11-23 17:30:00", "2024-03-31T01:59:59+01:00"},
		// an old file, by the time it was last written
		{"Jul  1 00:00:00", "2019-08-01 00:00:00", "2019-07-01T00:00:00+02:00"},
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

func TestARepeatedHourIsReadInTheOrderOfTheLines(t *testing.T) {
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Skip("no time zone data on this machine")
	}
	stamp := func(clock string) Stamp {
		var l Line
		if !Parse([]byte("Oct 27 "+clock+" mx postfix/qmgr[1]: 4A1B2C3D: removed"), &l) {
			t.Fatal(clock)
		}
		return l.Stamp
	}
	now := time.Date(2024, 11, 1, 0, 0, 0, 0, rome)
	var last time.Time
	for _, c := range []struct{ clock, want string }{
		{"01:59:50", "01:59:50+02:00"}, {"02:05:00", "02:05:00+02:00"}, {"02:59:58", "02:59:58+02:00"},
		{"02:59:57", "02:59:57+02:00"}, // lines change places within a second or two
		{"02:00:03", "02:00:03+01:00"}, {"02:30:00", "02:30:00+01:00"}, {"03:00:00", "03:00:00+01:00"},
	} {
		last = stamp(c.clock).Next(last, now)
		if got := last.Format("15:04:05-07:00"); got != c.want {
			t.Errorf("%s: %s, want %s", c.clock, got, c.want)
		}
	}
	// live: the clock that is now decides
	for _, c := range []struct{ now, want string }{
		{"2024-10-27T00:31:00Z", "+02:00"}, {"2024-10-27T01:31:00Z", "+01:00"},
	} {
		when, _ := time.Parse(time.RFC3339, c.now)
		if got := stamp("02:30:00").Time(when.In(rome)).Format("-07:00"); got != c.want {
			t.Errorf("at %s: %s, want %s", c.now, got, c.want)
		}
	}
}
