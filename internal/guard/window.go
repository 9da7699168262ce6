package guard

import (
	"encoding/json"
	"time"
)

// window counts over a rolling day in hourly slots. sum covers at least the last 24 hours and at most 25: what it allows is
// never more than a budget a rolling day. There is one slot more, for what is counted a little ahead (mail that cools).
type window struct {
	Hour  int64              `json:"hour"`  // of the newest slot, in hours since 1970
	Slots [dayOfSlots]uint16 `json:"slots"` // by hour modulo their number
}

const (
	hour       = Time(time.Hour / time.Millisecond)
	dayOfSlots = 26
)

// UnmarshalJSON reads what the first release wrote too: it had a slot less.
func (w *window) UnmarshalJSON(text []byte) error {
	var v struct {
		Hour  int64    `json:"hour"`
		Slots []uint16 `json:"slots"`
	}
	if err := json.Unmarshal(text, &v); err != nil {
		return err
	}
	*w = window{Hour: v.Hour}
	n := int64(len(v.Slots))
	for back := range min(n, dayOfSlots) {
		if h := v.Hour - back; h >= 0 {
			w.Slots[h%dayOfSlots] = v.Slots[h%n]
		}
	}
	return nil
}

// roll moves the window to now. A clock stepped back leaves it where it is: nothing is forgotten early.
func (w *window) roll(now Time) {
	h := int64(now / hour)
	if h-w.Hour >= dayOfSlots {
		w.Slots, w.Hour = [dayOfSlots]uint16{}, h
	}
	for w.Hour < h {
		w.Hour++
		w.Slots[w.Hour%dayOfSlots] = 0
	}
}

// add counts n at now and saturates a slot rather than wrapping it.
func (w *window) add(now Time, n int) {
	w.roll(now)
	slot := &w.Slots[w.Hour%dayOfSlots]
	*slot = sum16(*slot, n)
}

// giveBack takes n back that were counted at then. What has left the window is left alone.
func (w *window) giveBack(then Time, n int) {
	h := int64(then / hour)
	if h > w.Hour || w.Hour-h >= dayOfSlots {
		return
	}
	slot := &w.Slots[h%dayOfSlots]
	*slot = sum16(*slot, -n)
}

// sum returns the count of the rolling day that ends now, and of what is counted ahead. It changes nothing.
func (w *window) sum(now Time) int {
	total := 0
	for h := w.Hour; h >= 0 && h > w.Hour-dayOfSlots && h > int64(now/hour)-25; h-- {
		total += int(w.Slots[h%dayOfSlots])
	}
	return total
}

// decade counts over ten rolling days in daily slots, like a window: sum covers at least the last ten days and at most
// eleven.
type decade struct {
	Day   int32              `json:"day"`   // of the newest slot, in days since 1970
	Slots [tenOfSlots]uint16 `json:"slots"` // by day modulo their number
}

const tenOfSlots = 12

// roll moves the decade to now. A clock stepped back leaves it where it is.
func (d *decade) roll(now Time) {
	day := int32(dayOf(now))
	if int(day-d.Day) >= len(d.Slots) {
		d.Slots, d.Day = [tenOfSlots]uint16{}, day
	}
	for d.Day < day {
		d.Day++
		d.Slots[d.Day%tenOfSlots] = 0
	}
}

func (d *decade) add(now Time, n int) {
	d.roll(now)
	slot := &d.Slots[d.Day%tenOfSlots]
	*slot = sum16(*slot, n)
}

// giveBack takes n back that were counted at then. What has left the decade is left alone.
func (d *decade) giveBack(then Time, n int) {
	day := int32(dayOf(then))
	if day > d.Day || int(d.Day-day) >= len(d.Slots) {
		return
	}
	slot := &d.Slots[day%tenOfSlots]
	*slot = sum16(*slot, -n)
}

// sum returns the count of the ten days that end now, and changes nothing.
func (d *decade) sum(now Time) int {
	total := 0
	for day := d.Day; day >= 0 && day > d.Day-tenOfSlots && day > int32(dayOf(now))-11; day-- {
		total += int(d.Slots[day%tenOfSlots])
	}
	return total
}

// shift moves the decade by whole days.
func (d *decade) shift(by stride) {
	days := by.days
	if d.Day == 0 || days == 0 {
		return
	}
	moved := decade{Day: d.Day + days}
	for back := range int32(len(d.Slots)) {
		if to, from := moved.Day-back, d.Day-back; to >= 0 && from >= 0 {
			moved.Slots[to%tenOfSlots] = d.Slots[from%tenOfSlots]
		}
	}
	*d = moved
}
