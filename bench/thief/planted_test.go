package main

import (
	"strings"
	"testing"
)

func TestEveryPlantFitsTheCodeOfToday(t *testing.T) {
	all, err := plants()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no weakness is planted")
	}
	for _, p := range all {
		if _, err := p.files("../.."); err != nil {
			t.Error(err)
		}
	}
}

const aPlant = `undoes: a protection
finds: foreign_10d > 20
--- file bench/thief/planted_test.go
--- old
const aPlant
--- new
const another
 two lines
--- old
package main
--- new
`

func TestAPlantIsReadAsItIsWritten(t *testing.T) {
	p, err := parsePlant("a", aPlant)
	if err != nil {
		t.Fatal(err)
	}
	want := []change{{"bench/thief/planted_test.go", "const aPlant", "const another\n two lines"}, {"bench/thief/planted_test.go", "package main", ""}}
	if p.figure != "foreign_10d" || p.bound != 20 || len(p.changes) != 2 || p.changes[0] != want[0] || p.changes[1] != want[1] {
		t.Errorf("read as %+v", p)
	}
}

func TestAPlantWhoseOldTextIsGoneIsAnError(t *testing.T) {
	for _, old := range []string{"this text is nowhere" + "!", "TestAPlant"} { // nowhere, and more than once
		p := plant{name: "gone", changes: []change{{"bench/thief/planted_test.go", old, ""}}}
		if _, err := p.files("../.."); err == nil || !strings.Contains(err.Error(), "times") {
			t.Errorf("%q is replaced all the same: %v", old, err)
		}
	}
}

func TestAPlantThatSaysTooLittleIsAnError(t *testing.T) {
	for _, text := range []string{
		"", "undoes: x\nfinds: foreign_1d > 6\n", "undoes: x\nfinds: foreign_1d\n--- file a\n--- old\nb\n--- new\n",
		"undoes: x\nfinds: foreign_1d > 6\n--- old\nb\n", "undoes: x\nfinds: foreign_1d > 6\n--- file ../a\n--- old\nb\n--- new\n",
		"unknown: x\n", "undoes: x\nfinds: foreign_1d > 6\n--- file a\n--- new\nb\n",
	} {
		if p, err := parsePlant("a", text); err == nil {
			t.Errorf("%q is read as %+v", text, p)
		}
	}
}

func TestAPlantProvesNothingWhereTheCodeIsWeakWithoutIt(t *testing.T) {
	p := plant{bound: 20}
	for _, c := range []struct {
		with, without int
		found         bool
	}{{21, 20, true}, {20, 6, false}, {40, 21, false}, {21, 0, true}} {
		if said := p.verdict(c.with, c.without); (said == plantFound) != c.found {
			t.Errorf("%d with it and %d without, bound 20: %s", c.with, c.without, said)
		}
	}
}

func FuzzParsePlant(f *testing.F) {
	f.Add(aPlant)
	f.Add(aPlant + strings.Repeat("--- old\na\n--- new\nb\n", 2*maxChanges))
	f.Add("undoes: x\nfinds: a > 1\n--- file a\n--- old\nb")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePlant("a", text)
		if err == nil && (len(p.changes) == 0 || len(p.changes) > maxChanges || p.figure == "") {
			t.Errorf("%q is read as %+v", text, p)
		}
	})
}
