package mailauth

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"postward/test/rig"
)

// TestAMailCostsWhatItIsLong: a megabyte of header, written to be read again and again, costs a mail neither seconds nor much memory.
// Postfix takes fields of 100 kB, and as many as fit.
func TestAMailCostsWhatItIsLong(t *testing.T) {
	const octets, patience = 256 << 20, 10 * time.Second // of a processor: some ten times what the dearest takes
	for name, line := range map[string]string{
		"results of an id in pieces":  "Authentication-Results: " + strings.Repeat(`"a"`, 30000),
		"results of a dotted id":      "Authentication-Results: " + strings.Repeat("a. ", 30000),
		"results of small ids":        "Authentication-Results: " + strings.Repeat(`"é"`, 19) + ";",
		"results of brackets":         "Authentication-Results: x; a=b " + strings.Repeat("(", 90000),
		"From of brackets":            "From: " + strings.Repeat("(", 60000),
		"From of angles":              "From: " + strings.Repeat("<", 60000),
		"From of addresses":           "From: " + strings.Repeat("a@b.example,", 5000),
		"From of at signs":            "From: " + strings.Repeat("@", 60000),
		"From of groups":              "From: " + strings.Repeat("a:", 30000),
		"From of quotation marks":     "From: " + strings.Repeat(`"`, 60000),
		"From of open quoted strings": "From: " + strings.Repeat(`"a" <`, 12000),
		"From of comments":            "From: " + strings.Repeat("(a@b.example)", 4600) + "x@y.example",
		"From of nested comments":     "From: " + strings.Repeat("(", 30000) + strings.Repeat(")", 30000) + "x@y.example",
		"From of encoded words":       "From: " + strings.Repeat("=?utf-8?q?a=40b.example?= ", 2400),
		"Received":                    "Received: " + strings.Repeat("(from ", 15000),
		"List-Id":                     "List-Id: " + strings.Repeat("<", 90000),
		"a set's results":             "ARC-Authentication-Results: i=1; " + strings.Repeat("(", 60000),
		"a seal in comments":          "ARC-Seal: " + strings.Repeat("(a)", 20000) + "i=1;",
		"a signature of one tag":      "DKIM-Signature: a=" + strings.Repeat("b", 60000),
		"a signature of blanks":       "DKIM-Signature: " + strings.Repeat("\r\n ", 20000) + "a=b",
	} {
		t.Run(name, func(t *testing.T) {
			l := from(t, "author.example").by(stranger, "h", "x@mallory.example")
			for size := 0; size+len(line) < 1<<20; size += len(line) {
				l.bottom(line)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			took := rig.CPU(t, func() { l.arrive(house(t)) })
			runtime.ReadMemStats(&after)
			t.Logf("%d MiB, %s", (after.TotalAlloc-before.TotalAlloc)>>20, took.Round(time.Millisecond))
			if used := after.TotalAlloc - before.TotalAlloc; used > octets || took > patience {
				t.Errorf("%d MiB, %s", used>>20, took)
			}
		})
	}
}
