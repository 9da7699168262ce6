package reply

import (
	"strings"

	"postward/internal/lists/facts"
)

// Bounds of a reply, in octets. RFC 5321 allows 512 a line, Postfix keeps more lines than anybody reads.
const (
	maxRead  = 4096 // that are looked at
	maxShown = 400  // that are shown
	maxHost  = 255
)

// Parsed is a reply as Postfix logged it, taken apart.
type Parsed struct {
	Host     string // who said it, as Postfix names the MX, in lower case; empty when it is not told
	Addr     string // its address
	Code     string // "550"; empty: nobody spoke, the words are Postfix's own
	Enhanced string // "5.7.1", as the reply has it; empty when it has none
	Text     string // the reply in one line, printable, short: a stranger's text
	Command  string // what it answers: "RCPT TO", "end of DATA"; empty when it is not told
	words    string // what patterns are matched with
}

// Accepted reports whether the mail was taken.
func (p *Parsed) Accepted() bool { return strings.HasPrefix(p.Code, "2") }

// Parse takes apart the words in the brackets of a line that delivers:
//
//	host mx.example.org[192.0.2.1] said: 550-5.7.1 No. 550 5.7.1 Never. (in reply to RCPT TO command)
//
// host is whom the line itself names in relay=, without address; it goes before the words'. A bare reply is read too.
func Parse(logged []byte, host string) *Parsed {
	p := &Parsed{Host: hostName(host)}
	text, command := cutCommand(string(logged[:min(len(logged), maxRead)]))
	if len(logged) > maxRead { // its end tells what it answers
		_, command = cutCommand(string(logged[len(logged)-maxTail:]))
	}
	text = strings.TrimPrefix(strings.TrimSpace(text), "delivery temporarily suspended: ")
	said, spoke := p.cutHost(text)
	said = oneLine(said, maxRead)
	p.Text = facts.Printable(said, maxShown)
	if p.Code, _ = basic(said); p.Code == "" && !spoke {
		p.words = strings.ToLower(p.Text)
		return p
	}
	p.Command = command
	p.read(said)
	return p
}

// cutHost takes off who speaks; spoke says that somebody did. A stranger's text comes after it, so the first colon that can be it, is.
func (p *Parsed) cutHost(text string) (said string, spoke bool) {
	rest, found := strings.CutPrefix(text, "host ")
	name, rest, opened := strings.Cut(rest, "[")
	addr, rest, closed := strings.Cut(rest, "]")
	if !found || !opened || !closed || strings.ContainsAny(name+addr, " :(") && !isIPv6(name, addr) {
		return text, false
	}
	for _, verb := range []string{" said: ", " refused to talk to me: "} {
		if said, spoke = strings.CutPrefix(rest, verb); spoke {
			p.Addr = addr
			if p.Host == "" || p.Host == "none" {
				p.Host = hostName(name)
			}
			return said, true
		}
	}
	return text, false
}

// isIPv6 reports whether the colons are an address's.
func isIPv6(name, addr string) bool {
	return !strings.ContainsAny(name, " :(") && strings.Trim(addr, "0123456789abcdefABCDEF:.") == ""
}

// maxTail is where the command is looked for in a reply that is too long.
const maxTail = 80

// cutCommand takes off what a reply answers, which Postfix writes behind it.
func cutCommand(text string) (said, command string) {
	at := strings.LastIndex(text, " (in reply to ")
	if at < 0 || len(text)-at > maxTail || !strings.HasSuffix(text, ")") {
		return text, ""
	}
	command = strings.TrimSuffix(text[at+len(" (in reply to "):], ")")
	return text[:at], facts.Printable(strings.TrimSuffix(command, " command"), maxTail)
}

// hostName is a name as the receivers have them.
func hostName(name string) string {
	name, _, _ = strings.Cut(name, "[")
	name = facts.Printable(strings.ToLower(strings.TrimSuffix(name, ".")), maxHost)
	if name == "none" || strings.ContainsAny(name, " /") {
		return ""
	}
	return name
}

// oneLine makes a stranger's text printable and one line.
func oneLine(text string, most int) string {
	return facts.Printable(strings.Join(strings.Fields(facts.Printable(text, maxRead)), " "), most)
}

// read takes the words of a reply: the code, the enhanced code, and the text without those between its lines.
func (p *Parsed) read(text string) {
	var b strings.Builder
	fields := strings.Fields(strings.ToLower(strings.ReplaceAll(text, "’", "'")))
	for i, word := range fields {
		if i > 0 && p.repeats(&word) {
			continue
		}
		if code, rest := basic(word); i == 0 && code != "" {
			p.Code, word = code, rest
			b.WriteString(code)
		}
		if word = strings.TrimPrefix(word, "#"); p.Enhanced == "" && i < 2 && enhanced(word) {
			p.Enhanced = word
		}
		if word != "" {
			b.WriteByte(' ')
			b.WriteString(word)
		}
	}
	p.words = b.String()
}

// repeats reports whether a word is the code of another line, and takes it off a word that begins with it.
func (p *Parsed) repeats(word *string) bool {
	if rest, found := strings.CutPrefix(*word, p.Code); found && p.Code != "" && (rest == "" || rest[0] == '-') {
		*word = strings.TrimPrefix(rest, "-")
	}
	return *word == "" || p.Enhanced != "" && strings.TrimPrefix(*word, "#") == p.Enhanced
}

// basic cuts a reply code off a text: three digits, and a space, a hyphen or nothing.
func basic(text string) (code, rest string) {
	if len(text) < 3 || text[0] < '2' || text[0] > '5' || !digits(text[:3]) {
		return "", text
	}
	if len(text) > 3 && text[3] != ' ' && text[3] != '-' {
		return "", text
	}
	return text[:3], strings.TrimLeft(text[3:], " -")
}

// enhanced reports whether a word is an enhanced status code (RFC 3463 section 2).
func enhanced(word string) bool {
	class, rest, _ := strings.Cut(word, ".")
	subject, detail, found := strings.Cut(rest, ".")
	return found && len(class) == 1 && strings.Contains("245", class) && len(subject) < 4 && len(detail) < 4 && digits(subject) && digits(detail)
}

func digits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }
