package guard

import "time"

// window counts over a rolling day in hourly slots. It has one slot more than a day has hours, so that sum
// covers at least the last 24 hours and at most 25: what it allows is never more than a budget a rolling day.
type window struct {
	Hour  int64      `json:"hour"`  // of the newest slot, in hours since 1970
	Slots [25]uint16 `json:"slots"` // by hour modulo 25
}

const hour = Time(time.Hour / time.Millisecond)

// roll moves the window to now. A clock stepped back leaves it where it is: nothing is forgotten early.
func (w *window) roll(now Time) {
	h := int64(now / hour)
	if h-w.Hour >= int64(len(w.Slots)) {
		w.Slots, w.Hour = [25]uint16{}, h
	}
	for w.Hour < h {
		w.Hour++
		w.Slots[w.Hour%25] = 0
	}
}

// add counts n at now and saturates a slot rather than wrapping it.
func (w *window) add(now Time, n int) {
	w.roll(now)
	slot := &w.Slots[w.Hour%25]
	*slot = uint16(min(int(*slot)+n, 65535))
}

// giveBack takes n back that were counted at then. What has left the window is left alone.
func (w *window) giveBack(then Time, n int) {
	h := int64(then / hour)
	if h > w.Hour || w.Hour-h >= int64(len(w.Slots)) {
		return
	}
	slot := &w.Slots[h%25]
	*slot = uint16(max(int(*slot)-n, 0))
}

// sum returns the count of the rolling day that ends now, and changes nothing.
func (w *window) sum(now Time) int {
	skip := max(int64(now/hour)-w.Hour, 0) // slots that roll would have cleared
	total := 0
	for back := int64(0); back < int64(len(w.Slots))-skip; back++ {
		if h := w.Hour - back; h >= 0 {
			total += int(w.Slots[h%25])
		}
	}
	return total
}

// decade counts over ten rolling days in daily slots. It has one slot more than it has days, so that sum covers at least
// the last ten days and at most eleven.
type decade struct {
	Day   int32      `json:"day"`   // of the newest slot, in days since 1970
	Slots [11]uint16 `json:"slots"` // by day modulo 11
}

// roll moves the decade to now. A clock stepped back leaves it where it is.
func (d *decade) roll(now Time) {
	day := int32(dayOf(now))
	if int(day-d.Day) >= len(d.Slots) {
		d.Slots, d.Day = [11]uint16{}, day
	}
	for d.Day < day {
		d.Day++
		d.Slots[d.Day%11] = 0
	}
}

func (d *decade) add(now Time, n int) {
	d.roll(now)
	slot := &d.Slots[d.Day%11]
	*slot = sum16(*slot, n)
}

// giveBack takes n back that were counted at then. What has left the decade is left alone.
func (d *decade) giveBack(then Time, n int) {
	day := int32(dayOf(then))
	if day > d.Day || int(d.Day-day) >= len(d.Slots) {
		return
	}
	slot := &d.Slots[day%11]
	*slot = sum16(*slot, -n)
}

// sum returns the count of the ten days that end now, and changes nothing.
func (d *decade) sum(now Time) int {
	skip := max(int32(dayOf(now))-d.Day, 0) // slots that roll would have cleared
	total := 0
	for back := int32(0); back < int32(len(d.Slots))-skip; back++ {
		if day := d.Day - back; day >= 0 {
			total += int(d.Slots[day%11])
		}
	}
	return total
}

// shift moves the decade by whole days, those of more than a half among them: a host that sleeps for a minute each night
// must not have the same ten days for ever.
func (d *decade) shift(step Time) {
	days := int32((step + 12*hour) / (24 * hour))
	if step < 0 {
		days = int32((step - 12*hour) / (24 * hour))
	}
	if d.Day == 0 || days == 0 {
		return
	}
	moved := decade{Day: d.Day + days}
	for back := range int32(len(d.Slots)) {
		if to, from := moved.Day-back, d.Day-back; to >= 0 && from >= 0 {
			moved.Slots[to%11] = d.Slots[from%11]
		}
	}
	*d = moved
}
