package fingerprint

import (
	"bytes"
	stdbase64 "encoding/base64"
	"fmt"
	"io"
	"math/bits"
	"math/rand/v2"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"postward/internal/guard"
)

const letter = `Dear Mrs Miller,

I am writing to you on behalf of the heirs of a customer of our bank, who passed away in the spring and left a
considerable deposit without naming anybody who could inherit it. As his account manager I looked for relatives during
many months, and nobody answered. The board now asks me to present somebody before the end of this quarter, otherwise
the money falls to the treasury. Since you carry the same family name, I propose to present you together with me and
to share the amount. Please send your telephone number and a copy of your passport to miller.office@example.net or call
+44 20 7946 0018. The reference is 4711-AB. Your discretion is expected, and every document will be prepared by our lawyers.

With kind regards
Peter Abernathy, http://bank.example/claim?id=8812
`

const minutes = `Hello everybody,

attached are the minutes of our last garden meeting. We decided to plant the apple trees along the northern fence, to
repair the water pump before winter, and to invite the neighbours for a small harvest festival in October. Whoever can
lend a wheelbarrow or help with digging on Saturday morning, please tell Margaret. Compost will be delivered on Friday
between nine and eleven; somebody should be there to open the gate. The fees for next year stay as they are.

See you on Saturday
Jonathan
`

const invoice = `Good morning,

your order was packed today and handed to the parcel service. It usually arrives within three working days. You find
the invoice in your customer account, together with the delivery note. If something is damaged or missing, please write
to our service department within fourteen days, and we will replace it free of charge. Batteries may not be thrown into
household waste; our shops take them back without cost. Thank you for buying from a small family business.

Your dispatch team
`

func of(header, body string) uint64 {
	var h Hash
	for line := range strings.Lines(header) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			h.Header(name, strings.TrimSpace(value))
		}
	}
	h.Write([]byte(body))
	return h.Sum()
}

// variants are what a sender does to a text for each recipient. The first ones change words of a person, the last
// ones the text or its form.
func variants(r *rand.Rand, text string) map[string]uint64 {
	lines := strings.SplitAfter(text, "\n")
	rest := strings.Join(lines[1:], "")
	if len(lines[0]) > 60 { // no salutation, but the text itself
		rest = text
	}
	names := []string{"Susanna", "Bartholomew", "Dietrich", "Yoshiko"}
	words := strings.Fields(text)
	number := fmt.Sprint(r.IntN(1e6))
	replaced := strings.Split(text, " ")
	for i := range replaced {
		if r.IntN(30) == 0 {
			replaced[i] = fmt.Sprintf("replacement%c", 'a'+r.IntN(26))
		}
	}
	sentences := strings.SplitAfter(text, ".")
	drop := r.IntN(len(sentences))
	if len(sentences) < 8 { // one of a few is not a small change
		sentences = append(sentences, "")
		drop = len(sentences) - 1
	}
	var encoded bytes.Buffer
	q := quotedprintable.NewWriter(&encoded)
	q.Write([]byte(text))
	q.Close()
	return map[string]uint64{
		"salutation": of("", "Dear "+names[r.IntN(4)]+" "+names[r.IntN(4)]+",\n"+rest),
		"numbers":    of("", strings.NewReplacer("1", number, "7", "22", "4", number).Replace(text)),
		"link":       of("", text+"\nhttps://"+words[r.IntN(len(words))]+".example/"+number+"\n"),
		"address":    of("", "To: "+strings.ToLower(names[r.IntN(4)])+"@example.org\n"+text),
		"html":       of("Content-Type: text/html; charset=utf-8", "<html><head><style>p{color:red}</style></head><body><p>"+strings.ReplaceAll(text, "\n\n", "</p><p>")+"</p></body></html>"),
		"base64":     of("Content-Transfer-Encoding: base64", wrap(stdbase64.StdEncoding.EncodeToString([]byte(text)))),
		"quoted":     of("Content-Transfer-Encoding: quoted-printable", encoded.String()),
		"both":       of("Content-Type: multipart/alternative; boundary=\"b 1\"", "preamble\r\n--b 1\r\nContent-Type: text/plain\r\n\r\n"+text+"\r\n--b 1\r\nContent-Type: text/html\r\n\r\n<p>"+text+"</p>\r\n--b 1--\r\nepilogue"),
		"tail":       of("", text+"\n"+names[r.IntN(4)]+" "+number+"\n"),
		"~replaced":  of("", strings.Join(replaced, " ")),
		"~dropped":   of("", strings.Join(append(append([]string{}, sentences[:drop]...), sentences[drop+1:]...), "")),
	}
}

func wrap(text string) string {
	var b strings.Builder
	for len(text) > 76 {
		b.WriteString(text[:76] + "\r\n")
		text = text[76:]
	}
	return b.String() + text
}

func TestVariantsAreTheSameText(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, text := range []string{letter, minutes, invoice} {
		base := of("", text)
		for range 20 {
			for name, v := range variants(r, text) {
				if !guard.Alike(base, v) && !strings.HasPrefix(name, "~") {
					t.Errorf("%s of %q…: %d bits differ", name, text[:20], bits.OnesCount64(base^v))
				}
			}
		}
	}
}

func TestOtherTextsAreNotTheSame(t *testing.T) {
	a, b, c := of("", letter), of("", minutes), of("", invoice)
	if guard.Alike(a, b) || guard.Alike(b, c) || guard.Alike(a, c) {
		t.Errorf("%x %x %x", a, b, c)
	}
}

func TestTooLittleTextHasNone(t *testing.T) {
	for _, text := range []string{"", "Hi!\n", "See http://example.org/abc now\n", "1 2 3 4 5 6 7 8 9 10 11 12 13 14\n"} {
		if f := of("", text); f != 0 {
			t.Errorf("%q: %x", text, f)
		}
	}
	short := "Please find the requested document attached\n"
	if of("", short) == 0 || of("", short) != of("", short+"\n4711\n") || guard.Alike(of("", short), of("", "Please find the requested invoice attached\n")) {
		t.Error("a short text is its words, exactly")
	}
}

func TestAttachmentsAreNotText(t *testing.T) {
	head := "Content-Type: multipart/mixed; boundary=x"
	with := func(extra string) uint64 {
		return of(head, "--x\nContent-Type: text/plain\n\n"+letter+"\n--x\nContent-Type: text/plain\nContent-Disposition: attachment;\n\tfilename=a.txt\n\n"+extra+"\n--x\nContent-Type: application/pdf\nContent-Transfer-Encoding: base64\n\n"+extra+"\n--x--\n")
	}
	if with(minutes) != with(invoice) || !guard.Alike(with(minutes), of("", letter)) {
		t.Error("an attachment changed the fingerprint")
	}
}

// The fingerprint does not depend on how the body is cut into chunks.
func TestChunks(t *testing.T) {
	head := "Content-Type: multipart/alternative; boundary=x"
	body := "--x\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<p>" + strings.ReplaceAll(letter, "=", "=3D") + "&nbsp;<!-- no --> soft=\r\nbreak</p>\r\n--x--\r\n"
	want := of(head, body)
	for cut := range len(body) {
		var h Hash
		h.Header("Content-Type", head[len("Content-Type: "):])
		h.Write([]byte(body[:cut]))
		h.Write([]byte(body[cut:]))
		if got := h.Sum(); got != want {
			t.Fatalf("cut at %d: %x, whole %x", cut, got, want)
		}
	}
}

func TestBodyIsBounded(t *testing.T) {
	var h Hash
	full := false
	for n := 0; !full; n++ {
		full = h.Write([]byte(strings.Repeat("garden ", 1000)))
		if n > MaxBody/7000+1 {
			t.Fatal("never full")
		}
	}
	if !h.Write([]byte("more")) || h.taken != MaxBody {
		t.Errorf("took %d octets", h.taken)
	}
}

// What others wrote: fraud mails and their variants, and ordinary mail. The numbers are in the log of -v.
func TestRecallOnMailOfOthers(t *testing.T) {
	dir := os.Getenv("POSTWARD_DATA")
	if dir == "" {
		t.Skip("POSTWARD_DATA names no directory with mail of others")
	}
	r := rand.New(rand.NewPCG(3, 4))
	same, all := map[string]int{}, map[string]int{}
	var prints []uint64
	var names []string
	bodies := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".eml") {
			return err
		}
		text, f := readMail(path)
		if f == 0 || text == "" || bodies[squeezed(text)] || strings.Contains(path, "bounce") || strings.Contains(path, "report") || strings.Contains(path, "legacy") {
			return nil // machines' notices, and a parser's own tests, are one text
		}
		bodies[squeezed(text)] = true
		prints, names = append(prints, f), append(names, path)
		if !strings.Contains(path, "spam") {
			return nil
		}
		base := of("", text)
		for range 20 {
			for name, v := range variants(r, text) {
				all[name]++
				if guard.Alike(base, v) {
					same[name]++
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	hard, easy := 1.0, 1.0
	for name := range all {
		recall := float64(same[name]) / float64(all[name])
		t.Logf("recall %-12s %.4f of %d", name, recall, all[name])
		if strings.HasPrefix(name, "~") {
			hard = min(hard, recall)
		} else {
			easy = min(easy, recall)
		}
	}
	pairs, alike := 0, 0
	for i := range prints {
		for j := range i {
			pairs++
			if guard.Alike(prints[i], prints[j]) {
				alike++
				t.Logf("alike: %s %s (%d bits)", names[i], names[j], bits.OnesCount64(prints[i]^prints[j]))
			}
		}
	}
	t.Logf("false matches: %d of %d pairs of %d mails", alike, pairs, len(prints))
	if easy < 0.94 || hard < 0.94 || 500*alike > pairs {
		t.Errorf("recall %.3f, and %.3f where the text itself changed", easy, hard)
	}
}

func squeezed(text string) string { return strings.Join(strings.Fields(text), " ") }

// readMail returns the first plain text of a mail, decoded, and the fingerprint of the whole mail.
func readMail(path string) (string, uint64) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", 0
	}
	m, err := mail.ReadMessage(bytes.NewReader(b))
	if err != nil {
		return "", 0
	}
	var h Hash
	for name, values := range m.Header {
		for _, v := range values {
			h.Header(name, v)
		}
	}
	body, err := io.ReadAll(m.Body)
	if err != nil {
		return "", 0
	}
	h.Write(body)
	return plainText(textproto.MIMEHeader(m.Header), body), h.Sum()
}

func plainText(header textproto.MIMEHeader, body []byte) string {
	mediaType, parameters, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err == nil && strings.HasPrefix(mediaType, "multipart/") {
		r := multipart.NewReader(bytes.NewReader(body), parameters["boundary"])
		for {
			p, err := r.NextRawPart()
			if err != nil {
				return ""
			}
			inner, err := io.ReadAll(p)
			if err != nil {
				return ""
			}
			if text := plainText(p.Header, inner); text != "" {
				return text
			}
		}
	}
	if err == nil && mediaType != "text/plain" {
		return ""
	}
	switch strings.ToLower(header.Get("Content-Transfer-Encoding")) {
	case "base64":
		body, err = io.ReadAll(stdbase64.NewDecoder(stdbase64.StdEncoding, bytes.NewReader(body)))
	case "quoted-printable":
		body, err = io.ReadAll(quotedprintable.NewReader(bytes.NewReader(body)))
	}
	if err != nil && len(body) == 0 {
		return ""
	}
	return string(body)
}

func FuzzFingerprint(f *testing.F) {
	f.Add("text/plain", "7bit", letter, 10)
	f.Add("multipart/mixed; boundary=x", "base64", "--x\nContent-Type: text/html\n\n<p>a&amp;b<!-- --></p>\n--x--", 3)
	f.Fuzz(func(t *testing.T, contentType, encoding, body string, cut int) {
		var whole, parts Hash
		for _, h := range []*Hash{&whole, &parts} {
			h.Header("Content-Type", contentType)
			h.Header("Content-Transfer-Encoding", encoding)
		}
		whole.Write([]byte(body))
		cut = min(max(cut, 0), len(body))
		parts.Write([]byte(body[:cut]))
		parts.Write([]byte(body[cut:]))
		if a, b := whole.Sum(), parts.Sum(); a != b {
			t.Errorf("whole %x, in chunks %x", a, b)
		}
		if len(whole.part.line) > maxLine || len(whole.part.boundaries) > maxDepth {
			t.Error("out of bounds")
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	body := []byte(strings.Repeat(letter, 20))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		var h Hash
		h.Write(body)
		h.Sum()
	}
}
