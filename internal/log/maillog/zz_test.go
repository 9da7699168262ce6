package maillog

import (
	"testing"
	"time"
)

func BenchmarkNext(b *testing.B) {
	var l Line
	Parse([]byte("Nov 23 17:29:01 mx postfix/qmgr[1]: 4A1B2C3D: removed"), &l)
	rome, _ := time.LoadLocation("Europe/Rome")
	now := time.Date(2024, 11, 24, 3, 0, 0, 0, time.UTC)
	for _, now := range []time.Time{now, now.In(rome), now.Local()} {
		b.Run(now.Location().String(), func(b *testing.B) {
			var last time.Time
			for b.Loop() {
				last = l.Stamp.Next(last, now)
			}
		})
	}
}
