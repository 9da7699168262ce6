package main

import (
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

func TestWithoutAnOutsiderNobodyIsHarmed(t *testing.T) {
	s := aField().site
	for trip := range 10 {
		o := ordeal{victim: 6 + trip, trip: days(2+trip) + 3*time.Hour}
		if h := s.suffer(&o); !h.none() {
			t.Errorf("a journey on day %d: %+v is laid to somebody who did nothing", 2+trip, h)
		}
	}
}

func TestTheSameOrdealComesToTheSame(t *testing.T) {
	s := aField().site
	rng := rand.New(rand.NewPCG(9, 9))
	for range 20 {
		o := drawOrdeal(rng, s)
		if a, b := s.suffer(&o), s.suffer(&o); !reflect.DeepEqual(a, b) {
			t.Fatalf("%+v came to %+v and to %+v", o, a, b)
		}
	}
}

// TestAnInnocentAnswersTwoStrangersADay is the bound of what she does for the outsider.
func TestAnInnocentAnswersTwoStrangersADay(t *testing.T) {
	s := aField().site
	o := ordeal{victim: 8, trip: days(3)}
	for i := range 9 {
		o.lures = append(o.lures, lure{before: time.Duration(10+6*i) * time.Hour, addresses: 2, domains: 1})
	}
	answers := 0
	for _, h := range o.outsider(s) {
		if h.order >= 3000 && h.order < 4000 {
			answers++
		}
	}
	if answers != 2+2+1 { // the ninth lure is alone on its day
		t.Errorf("she answers %d of nine mails in three days, not 5", answers)
	}
}
