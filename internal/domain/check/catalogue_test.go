package check

import (
	"go/scanner"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var finding = regexp.MustCompile(`^[a-z-]+\.[a-z0-9-]+$`)

// TestEveryFindingIsInTheCatalogue: every ID that the package's source names, on the rarest way too, has an entry.
func TestEveryFindingIsInTheCatalogue(t *testing.T) {
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	named := map[ID]bool{}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") || path == "catalogue.go" {
			continue
		}
		for _, text := range literals(t, path) {
			if id := ID(text); finding.MatchString(text) && slices.Contains(Topics(), id.Topic()) {
				named[id] = true
				id.entry()
			}
		}
	}
	for _, e := range catalogue {
		if !named[e.id] {
			t.Errorf("nothing finds %s", e.id)
		}
	}
}

// literals are the strings of a Go file.
func literals(t *testing.T, path string) (all []string) {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var s scanner.Scanner
	s.Init(token.NewFileSet().AddFile(path, -1, len(src)), src, nil, 0)
	for {
		_, kind, text := s.Scan()
		if kind == token.EOF {
			return all
		}
		if kind == token.STRING {
			value, err := strconv.Unquote(text)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, value)
		}
	}
}

func TestAFindingThatIsNowhereIsNoGoodNews(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("it reads as if all were well")
		}
	}()
	ID("spf.misspelled").entry()
}
