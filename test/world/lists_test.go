package world_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postward/test/world"
)

func TestListsAreManyOfEachCharacterWithZonesOfTheirOwn(t *testing.T) {
	l := world.NewLists(3)
	seen := make(map[string]bool)
	for _, list := range l.All {
		if seen[list.Zone] || l.ByName(list.Name).Zone != list.Zone {
			t.Errorf("%s is there twice, or not found by its name", list.Zone)
		}
		seen[list.Zone] = true
	}
	for _, c := range world.Characters() {
		if n := len(l.Of(c)); n != 3 {
			t.Errorf("%d of %s", n, c)
		}
	}
	dir := t.TempDir()
	if err := l.Write(dir, "spamhaus-zen"); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(files) != len(world.Characters())+1 {
		t.Errorf("files %v, %v", files, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "slow.yaml"))
	if err != nil || strings.Count(string(text), "- name: slow-") != 3 {
		t.Errorf("slow.yaml: %s, %v", text, err)
	}
}
