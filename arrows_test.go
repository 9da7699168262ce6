// Package postward_test holds the one test that is about the whole house: who may import whom.
package postward_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// wings is the picture of ARCHITECTURE.md, read at a glance: which wing of internal/ may import which. No two import each
// other. A wing that wants a new arrow changes the picture in the same commit; one that nobody uses is no arrow.
var wings = map[string]string{
	"guard":  "",
	"wire":   "",
	"mail":   "guard wire",
	"log":    "guard mail",
	"lists":  "wire",
	"domain": "lists wire",
	"auth":   "domain mail wire",
	"host":   "guard log mail wire",
	"run":    "auth guard host lists log mail wire",
	"cmd":    "auth domain guard host lists log run wire",
}

// rooms are the arrows inside a wing: what a package may import of its neighbours there.
var rooms = map[string]string{
	"mail/arc":         "canon dkim",
	"mail/authres":     "message",
	"mail/dkim":        "canon message",
	"mail/milter":      "canon fingerprint message",
	"log/follow":       "oldlog",
	"log/delivery":     "maillog",
	"log/investigate":  "delivery logins maillog unread",
	"log/logins":       "maillog",
	"log/unread":       "maillog",
	"lists/dnsbl":      "facts",
	"lists/receivers":  "reply",
	"lists/reply":      "facts",
	"lists/standing":   "dnsbl",
	"lists/cases":      "dnsbl",
	"domain/check":     "dane dkimkey dmarc mtasts probe spf tlsrpt",
	"domain/dmarc":     "uri",
	"domain/tlsrpt":    "uri",
	"host/doveadm":     "postfix",
	"host/warden":      "doveadm nft postfix",
	"host/attach":      "authpolicy doveadm postfix",
	"host/doors":       "postfix",
	"host/learn":       "postfix",
	"run/store":        "",
	"run/proof":        "config",
	"run/daemon":       "config ctl gate health notify proof store",
	"run/gate":         "config ctl health store",
	"run/health":       "ctl",
	"wire/netinfo/gen": "netinfo",
}

// forbidden is what the decision must not touch, and why.
var forbidden = map[string]string{
	"net": "guard decides, others talk", "os": "guard has no files", "log": "others log", "log/slog": "others log",
	"database/sql": "store writes", "math/rand": "a replay must decide the same", "math/rand/v2": "a replay must decide the same",
	"sync": "daemon owns the one mutex",
}

// place is where a package lies: its wing, and its path below internal. Outside of internal there is no wing but the
// command's.
func place(path string) (wing, room string) {
	if path == "cmd/postward" {
		return "cmd", ""
	}
	room, inside := strings.CutPrefix(path, "internal/")
	if !inside {
		return "", ""
	}
	wing, _, _ = strings.Cut(room, "/")
	return wing, room
}

func TestArrows(t *testing.T) {
	files, used := 0, map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		from := filepath.ToSlash(filepath.Dir(path))
		if wing, _ := place(from); wing == "" {
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
			checkArrow(t, path, from, imported, used)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range []map[string]string{wings, rooms} {
		for from, to := range table {
			for _, name := range strings.Fields(to) {
				if !used[from+" "+name] {
					t.Errorf("%s does not import %s: take the arrow away", from, name)
				}
			}
		}
	}
	if files < 10 {
		t.Errorf("only %d files were read: the test looks in the wrong place", files)
	}
}

// TestNoTwoWingsImportEachOther: with the arrows as they are drawn, none leads back, by whatever way.
func TestNoTwoWingsImportEachOther(t *testing.T) {
	var reach func(from, to string, seen map[string]bool) bool
	reach = func(from, to string, seen map[string]bool) bool {
		seen[from] = true
		for _, next := range strings.Fields(wings[from]) {
			if next == to || !seen[next] && reach(next, to, seen) {
				return true
			}
		}
		return false
	}
	for wing := range wings {
		if reach(wing, wing, map[string]bool{}) {
			t.Errorf("%s is below itself", wing)
		}
	}
}

func checkArrow(t *testing.T, path, from, imported string, used map[string]bool) {
	t.Helper()
	test := strings.HasSuffix(path, "_test.go")
	wing, room := place(from)
	if _, drawn := wings[wing]; !drawn {
		t.Errorf("%s: the wing %s is not in the picture", path, wing)
		return
	}
	if to, ok := strings.CutPrefix(imported, "postward/"); ok {
		other, otherRoom := place(to)
		switch {
		case to == from, test && strings.HasPrefix(to, "test/"):
		case other == wing:
			name := strings.TrimPrefix(otherRoom, wing+"/")
			if !contains(rooms[room], name) {
				t.Errorf("%s imports %s: no such arrow inside the wing", path, to)
			}
			used[room+" "+name] = used[room+" "+name] || !test
		case !contains(wings[wing], other):
			t.Errorf("%s imports %s: no arrow leads from %s to %s", path, to, wing, other)
		default:
			used[wing+" "+other] = used[wing+" "+other] || !test
		}
		return
	}
	if why, no := forbidden[imported]; no && wing == "guard" && !test {
		t.Errorf("%s imports %s: %s", path, imported, why)
	}
	if wing == "guard" && !test && strings.Contains(imported, ".") {
		t.Errorf("%s imports %s: guard uses the standard library only", path, imported)
	}
}

func contains(list, name string) bool { return slices.Contains(strings.Fields(list), name) }
