// Package postward_test holds the one test that is about the whole house: who may import whom.
package postward_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// arrows is the picture of ARCHITECTURE.md: what each room may import of the house. A room that wants a new
// arrow changes the picture in the same commit; one that nobody uses is no arrow.
var arrows = map[string]string{
	"cmd/postward":         "attach check config ctl daemon delivery dns dnsbl guard investigate maillog netinfo notify oldlog postfix standing warden",
	"internal/guard":       "",
	"internal/message":     "",
	"internal/fingerprint": "",
	"internal/maillog":     "",
	"internal/milter":      "fingerprint guard message sock",
	"internal/sock":        "",
	"internal/follow":      "oldlog",
	"internal/delivery":    "maillog message",
	"internal/oldlog":      "",
	"internal/investigate": "delivery guard maillog message",
	"internal/postfix":     "maillog",
	"internal/notify":      "",
	"internal/store":       "guard",
	"internal/config":      "guard message sock",
	"internal/warden":      "postfix",
	"internal/ctl":         "guard sock",
	"internal/daemon":      "config ctl dns dnsbl follow guard maillog message milter netinfo notify postfix sock standing store warden",
	"internal/attach":      "delivery guard maillog message oldlog postfix sock",
	"internal/netinfo":     "",
	"internal/netinfo/gen": "netinfo",
	"internal/dns":         "",
	"internal/dnsbl":       "dns",
	"internal/standing":    "dnsbl",
	"internal/spf":         "dns",
	"internal/dmarc":       "dns",
	"internal/dkimkey":     "",
	"internal/dane":        "",
	"internal/mtasts":      "netinfo",
	"internal/tlsrpt":      "",
	"internal/probe":       "",
	"internal/check":       "dane dkimkey dmarc dns dnsbl mtasts netinfo probe spf tlsrpt",
	"test/rig":             "",
	"test/world":           "test/rig",
}

// forbidden is what the decision must not touch, and why.
var forbidden = map[string]string{
	"net": "guard decides, edges talk", "os": "guard has no files", "log": "edges log", "log/slog": "edges log",
	"database/sql": "store writes", "math/rand": "a replay must decide the same", "math/rand/v2": "a replay must decide the same",
	"sync": "daemon owns the one mutex",
}

func TestArrows(t *testing.T) {
	files, used := 0, map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		room := filepath.ToSlash(filepath.Dir(path))
		if _, drawn := arrows[room]; !drawn && !strings.HasPrefix(room, "internal/") && !strings.HasPrefix(room, "cmd/") {
			return nil
		}
		files++
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range f.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			checkArrow(t, path, room, imported)
			if !strings.HasSuffix(path, "_test.go") {
				used[room+" "+strings.TrimPrefix(strings.TrimPrefix(imported, "postward/"), "internal/")] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for room, to := range arrows {
		for _, name := range strings.Fields(to) {
			if !used[room+" "+name] {
				t.Errorf("%s does not import %s: take the arrow away", room, name)
			}
		}
	}
	if files < 10 {
		t.Errorf("only %d files were read: the test looks in the wrong place", files)
	}
}

func checkArrow(t *testing.T, path, room, imported string) {
	t.Helper()
	test := strings.HasSuffix(path, "_test.go")
	allowed, drawn := arrows[room]
	if !drawn {
		t.Errorf("%s: the room %s is not in the picture", path, room)
		return
	}
	if inside, ok := strings.CutPrefix(imported, "postward/"); ok {
		name := strings.TrimPrefix(inside, "internal/")
		if inside != room && !contains(allowed, name) && !(test && strings.HasPrefix(inside, "test/")) {
			t.Errorf("%s imports %s: no such arrow", path, inside)
		}
		return
	}
	if why, no := forbidden[imported]; no && room == "internal/guard" && !test {
		t.Errorf("%s imports %s: %s", path, imported, why)
	}
	if room == "internal/guard" && !test && strings.Contains(imported, ".") {
		t.Errorf("%s imports %s: guard uses the standard library only", path, imported)
	}
}

func contains(list, name string) bool {
	for _, n := range strings.Fields(list) {
		if n == name {
			return true
		}
	}
	return false
}
