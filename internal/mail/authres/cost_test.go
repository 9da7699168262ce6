package authres

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"postward/test/rig"
)

// costly are fields as a stranger writes them to cost us: each of them, read naively, costs the square of its length.
var costly = []string{
	strings.Repeat(`"a"`, 34000), strings.Repeat(`"a" `, 25000), strings.Repeat("a. ", 33000), strings.Repeat("a.(x)", 20000), strings.Repeat(`"é"`, 25000),
	strings.Repeat("(", 100000), `"a"` + strings.Repeat("(", 100000), strings.Repeat("; ", 50000) + "(", strings.Repeat("()", 50000), strings.Repeat("\r\n ", 30000),
	strings.Repeat("=?utf-8?q?a?= ", 7000), strings.Repeat("é", 50000) + ".example", strings.Repeat("a.", 50000) + "\xff", strings.Repeat(`\`, 100000),
	"x; " + strings.Repeat("(", 60000), "x; a=b " + strings.Repeat("(", 60000), "x; a=b " + strings.Repeat("c=(", 20000), "x; " + strings.Repeat(". ", 30000),
	"x; " + strings.Repeat("a .", 20000), "x; " + strings.Repeat("a/", 30000), "x; a=" + strings.Repeat(`"b"`, 20000), "x; a=b " + strings.Repeat(`"`, 60000),
	"x; a=b " + strings.Repeat("c.d=e ", 10000), "x; " + strings.Repeat("a=b;", 15000), "x; a=b " + strings.Repeat("c ", 30000) + "(",
}

// TestReadingCostsWhatAFieldIsLong: Postfix hands over fields of 100 kB, and a mail may have many.
func TestReadingCostsWhatAFieldIsLong(t *testing.T) {
	const octets, patience = 8 << 20, time.Second // of a processor; both are some hundred times what it takes to be linear
	s := service(t)
	for what, read := range map[string]func(string){
		"Claims": func(value string) { s.Claims("Authentication-Results", value) },
		"Parse":  func(value string) { Parse(value[:min(len(value), MaxField)]) },
	} {
		for _, value := range costly {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			took := rig.CPU(t, func() { read(value) })
			runtime.ReadMemStats(&after)
			if used := after.TotalAlloc - before.TotalAlloc; used > octets || took > patience {
				t.Errorf("%s of %.20q…: %d MiB, %s", what, value, used>>20, took)
			}
		}
	}
}

// TestAnIDInPiecesIsAClaim: what nobody can tell the service of cannot stay.
func TestAnIDInPiecesIsAClaim(t *testing.T) {
	s := service(t)
	for _, value := range []string{strings.Repeat(`"x"`, maxWords) + `"y"; dkim=pass`, strings.Repeat("x . ", maxWords) + "example; dkim=pass"} {
		if !s.Claims("Authentication-Results", value) {
			t.Errorf("%q stays", value)
		}
	}
}
