package guess

import (
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"
)

// filled sets each field of a value, and of those in it.
func filled(v reflect.Value, n int) {
	for i := range v.NumField() {
		f := v.Field(i)
		switch f.Kind() {
		case reflect.Int, reflect.Int64:
			f.SetInt(int64(n + i))
		case reflect.String:
			f.SetString("anna")
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Struct:
			if f.Type() == reflect.TypeFor[Evidence]() {
				filled(f, n+10)
			}
		}
	}
}

// TestABanIsKeptWhole: also a field that it gets one day.
func TestABanIsKeptWhole(t *testing.T) {
	at := time.UnixMicro(1764500000_123456)
	for _, r := range Reasons {
		b := &Ban{}
		filled(reflect.ValueOf(b).Elem(), 3)
		b.Prefix, b.Since, b.Until, b.Reason = netip.MustParsePrefix("2001:db8:1:2::/64"), at, at.Add(time.Hour), r
		if b.By = ""; r == ByHand {
			b.By, b.Evidence.Account = "olga", ""
		}
		w := New()
		w.Expect(1)
		w.Recall(b)
		w.Expect(2) // too late, and no harm
		if got := w.Ban(b.Prefix); !reflect.DeepEqual(got, b) {
			t.Errorf("%+v, not %+v", got, b)
		}
	}
}

func TestTheNthIsWhereItWouldBeSorted(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 500 {
		all := make([]int64, 1+n)
		for i := range all {
			all[i] = r.Int64N(int64(1 + n/2))
		}
		at := r.IntN(len(all))
		want := slices.Sorted(slices.Values(all))[at]
		if got := nth(all, at); got != want {
			t.Fatalf("%d, not %d", got, want)
		}
	}
}

func TestThereIsRoomForTheBansThatEndLast(t *testing.T) {
	w, now := manyBans(t)
	last := w.Ban(netip.PrefixFrom(crowd(MaxBans-1), 32)).Until
	w.BanByHand(netip.MustParsePrefix("192.0.2.1/32"), time.Hour, "olga", now)
	if len(w.bans) != MaxBans-MaxBans/10+1 || len(w.gone) != MaxBans/10 {
		t.Errorf("%d are left, %d gone", len(w.bans), len(w.gone))
	}
	for _, n := range []int{MaxBans / 10, MaxBans - 1} {
		if w.Ban(netip.PrefixFrom(crowd(n), 32)) == nil {
			t.Errorf("number %d is gone", n)
		}
	}
	if w.Ban(netip.PrefixFrom(crowd(MaxBans/10-1), 32)) != nil {
		t.Error("one that ends before others is kept")
	}
	for p := range w.bans { // all end at once: a tenth goes, whichever
		b := w.Ban(p)
		b.Until = last
		w.bans[p] = pack(b)
	}
	n := len(w.bans)
	if w.makeRoom(); len(w.bans) != n-n/10 {
		t.Errorf("of %d that end at once %d are left", n, len(w.bans))
	}
}
