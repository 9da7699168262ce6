package publish

import (
	"context"
	"errors"
	"reflect"
	"slices"
	"testing"
	"time"
)

// shelf is a zone in the way of libdns.
type shelf struct {
	records []RR
	broken  bool // takes nothing new but what was there
}

func (s *shelf) GetRecords(context.Context, string) ([]RR, error) {
	return slices.Clone(s.records), nil
}

func (s *shelf) AppendRecords(_ context.Context, _ string, records []RR) error {
	if s.broken {
		s.broken = false
		return errors.New("no more today")
	}
	s.records = append(s.records, records...)
	return nil
}

func (s *shelf) DeleteRecords(_ context.Context, _ string, records []RR) error {
	s.records = slices.DeleteFunc(s.records, func(r RR) bool { return slices.Contains(records, r) })
	return nil
}

func TestAProviderIsToldWhatAnUpdateWouldDo(t *testing.T) {
	const was, is = "v=spf1 -all", "v=spf1 mx ~all"
	code := RR{"@", time.Minute, "TXT", "site-verification=1"}
	u := Update{Zone: "example.org", Edits: []Edit{{Name: "example.org", Before: []string{was, code.Data}, Remove: []string{was}, Add: []string{is}, TTL: 60}}}
	s := &shelf{records: []RR{{"@", time.Minute, "TXT", was}, code, {"www", time.Minute, "TXT", was}}}
	if err := WriteBy(t.Context(), s, &u); err != nil {
		t.Fatal(err)
	}
	want := []RR{code, {"www", time.Minute, "TXT", was}, {"@", time.Minute, "TXT", is}}
	if !reflect.DeepEqual(s.records, want) {
		t.Errorf("%v", s.records)
	}
	if err := WriteBy(t.Context(), s, &u); !errors.Is(err, ErrChanged) || !reflect.DeepEqual(s.records, want) {
		t.Errorf("a change in between: %v, %v", err, s.records)
	}
}

func TestWhatAProviderDoesNotTakeIsPutBack(t *testing.T) {
	was := RR{"@", time.Minute, "TXT", "v=spf1 -all"}
	u := Update{Zone: "example.org", Edits: []Edit{{Name: "example.org", Before: []string{was.Data}, Remove: []string{was.Data}, Add: []string{"v=spf1 mx ~all"}}}}
	s := &shelf{records: []RR{was}, broken: true}
	if err := WriteBy(t.Context(), s, &u); err == nil || !reflect.DeepEqual(s.records, []RR{was}) {
		t.Errorf("%v, %v", err, s.records)
	}
}
