package canon

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"regexp"
	"strings"
	"testing"
)

// TestHeaderFieldsAreCanonicalAsTheRFCShows: RFC 6376 section 3.4.5, example 1, and what it does not show.
func TestHeaderFieldsAreCanonicalAsTheRFCShows(t *testing.T) {
	for _, c := range []struct {
		field           Field
		simple, relaxed string
	}{
		{Field{"A", " X"}, "A: X\r\n", "a:X\r\n"},
		{Field{"B ", " Y\t\r\n\tZ  "}, "B : Y\t\r\n\tZ  \r\n", "b:Y Z\r\n"},
		{Field{"B", " Y\n\tZ"}, "B: Y\r\n\tZ\r\n", "b:Y Z\r\n"},
		{Field{"Empty", ""}, "Empty:\r\n", "empty:\r\n"},
		{Field{"Blank", " \r\n \t"}, "Blank: \r\n \t\r\n", "blank:\r\n"},
		{Field{"CR", " a\rb\r"}, "CR: a\rb\r\r\n", "cr:a\rb\r\r\n"},
		{Field{"ÄÖ", " ä\u00a0ö "}, "ÄÖ: ä\u00a0ö \r\n", "äö:ä\u00a0ö\r\n"},
	} {
		if got := string(c.field.Append(nil, Simple)); got != c.simple {
			t.Errorf("%q simple: %q, want %q", c.field, got, c.simple)
		}
		if got := string(c.field.Append(nil, Relaxed)); got != c.relaxed {
			t.Errorf("%q relaxed: %q, want %q", c.field, got, c.relaxed)
		}
	}
}

func TestTheTagOfForms(t *testing.T) {
	for c, want := range map[string]string{
		"": "simple/simple true", "simple": "simple/simple true", "relaxed": "relaxed/simple true", "relaxed/relaxed": "relaxed/relaxed true",
		"simple/Relaxed": "simple/relaxed true", "relaxed/": "relaxed/simple false", "/relaxed": "simple/simple false",
		"nowsp/simple": "simple/simple false", "relaxed/relaxed/x": "relaxed/simple false",
	} {
		header, body, ok := ParseForms(c)
		if got := header.String() + "/" + body.String(); got+map[bool]string{true: " true", false: " false"}[ok] != want {
			t.Errorf("%q: %s %v, want %s", c, got, ok, want)
		}
	}
}

// plainly is the body in a form, from the words of RFC 6376 sections 3.4.3 and 3.4.4, with all of it in memory. A CR
// alone is kept apart from those of line ends.
func plainly(form Form, body string) string {
	lines := strings.Split(body, "\r\n")
	for i := range lines {
		if form == Relaxed {
			lines[i] = regexp.MustCompile(`[ \t]+`).ReplaceAllString(lines[i], " ")
			lines[i] = strings.TrimRight(lines[i], " ")
		}
	}
	body = strings.TrimRight(strings.Join(lines, "\n\n"), "\n")
	if body = strings.ReplaceAll(body, "\n\n", "\r\n"); body != "" || form == Simple {
		body += "\r\n"
	}
	return body
}

var bodies = []string{
	"", "\r\n", "\r\n\r\n\r\n", " C \r\nD \t E\r\n\r\n\r\n", "a", "a\r\n", "a\r\n\r\n", " \r\n", "a \t", " a", "a\r\n \r\n\t\r\n", "\r\n\r\na", "a\rb", "a\r", "a \r",
	"a \r b\r\n", "a\r\r\nb", "\r\r\n", " \r", "\r\n \r\nx  y\tz \r\n", strings.Repeat("\r\n", 3000) + "x", strings.Repeat("long ", 3000), strings.Repeat("x", 10000),
}

func TestBodiesAreHashedInAnyPieces(t *testing.T) {
	for _, body := range bodies {
		for _, size := range []int{1, 2, 3, 7, 4096, 1 << 20} {
			b := NewBody(Simple, Relaxed, Simple)
			for rest := body; rest != ""; {
				n := min(size, len(rest))
				io.WriteString(b, rest[:n])
				rest = rest[n:]
			}
			for _, form := range []Form{Simple, Relaxed} {
				if want := sha256.Sum256([]byte(plainly(form, body))); string(b.Sum(form)) != string(want[:]) {
					t.Errorf("%.40q (%d octets) in pieces of %d, %s: another hash than %.40q has", body, len(body), size, form, plainly(form, body))
				}
			}
		}
	}
}

// TestEmptyBodiesHaveTheHashesOfTheRFC: RFC 6376 sections 3.4.3 and 3.4.4.
func TestEmptyBodiesHaveTheHashesOfTheRFC(t *testing.T) {
	b := NewBody(Simple, Relaxed)
	for form, want := range map[Form]string{
		Simple:  "frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=",
		Relaxed: "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
	} {
		if got := base64.StdEncoding.EncodeToString(b.Sum(form)); got != want {
			t.Errorf("%s: %s, want %s", form, got, want)
		}
	}
	if NewBody(Simple).Sum(Relaxed) != nil {
		t.Error("a form that was not asked for has a hash")
	}
}

func FuzzBody(f *testing.F) {
	for _, body := range bodies {
		f.Add(body, 3)
	}
	f.Fuzz(func(t *testing.T, body string, size int) {
		if strings.Contains(strings.ReplaceAll(body, "\r\n", ""), "\n") {
			return // plainly means line ends by it
		}
		b := NewBody(Simple, Relaxed)
		cut := max(0, min(size, len(body)))
		io.WriteString(b, body[:cut])
		io.WriteString(b, body[cut:])
		for _, form := range []Form{Simple, Relaxed} {
			if want := sha256.Sum256([]byte(plainly(form, body))); string(b.Sum(form)) != string(want[:]) {
				t.Errorf("%q cut at %d, %s", body, cut, form)
			}
		}
	})
}

func BenchmarkBody(b *testing.B) {
	text := []byte(strings.Repeat("The quick brown fox jumps over the lazy dog, and so on.\r\n", 4000))
	for name, forms := range map[string][]Form{"simple": {Simple}, "relaxed": {Relaxed}, "both": {Simple, Relaxed}} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for range b.N {
				body := NewBody(forms...)
				body.Write(text)
				for _, form := range forms {
					body.Sum(form)
				}
			}
		})
	}
	b.Run("sha256", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for range b.N {
			sha256.Sum256(text)
		}
	})
}
