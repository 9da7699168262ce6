package dnsbl

import (
	"testing"

	"postward/test/world"
)

// worldly is the lists of a world as the operator's files tell of them, and nothing of what the program knows besides.
func worldly(t *testing.T, lists *world.Lists) []*List {
	t.Helper()
	own, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	var retired []string
	for _, l := range own.All() {
		retired = append(retired, l.Name)
	}
	dir := t.TempDir()
	if err := lists.Write(dir, retired...); err != nil {
		t.Fatal(err)
	}
	set, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	var asked []*List
	for _, l := range set.All() {
		if l.Status.Asked() {
			asked = append(asked, l)
		}
	}
	return asked
}

func TestListsOfAWorldAreReadAndAreTheOnlyOnesAsked(t *testing.T) {
	lists := world.NewLists(200)
	asked := worldly(t, lists)
	if len(asked) != len(lists.All) {
		t.Fatalf("%d lists are asked, the world has %d", len(asked), len(lists.All))
	}
	for _, l := range asked {
		if there := lists.ByName(l.Name); there == nil || l.Zones[0] != there.Zone {
			t.Errorf("list %s with the zones %v is none of the world", l.Name, l.Zones)
		}
	}
}
