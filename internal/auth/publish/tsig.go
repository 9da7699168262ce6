package publish

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	mdns "github.com/miekg/dns"
)

// TSIG is a key that updates are signed with (RFC 8945).
type TSIG struct {
	Name      string // lower case, with the final dot
	Algorithm string // as miekg/dns names it: hmac-sha256.
	secret    string // base64
}

// String names the key and never tells it.
func (k *TSIG) String() string {
	return strings.TrimSuffix(k.Name, ".") + " (" + strings.TrimSuffix(k.Algorithm, ".") + ")"
}

// GoString is String: a key must not come into a log by %#v.
func (k *TSIG) GoString() string { return k.String() }

// maxKeyFile bounds a key file, in octets.
const maxKeyFile = 8 << 10

// algorithms are those that are not broken or too short to be asked of anybody.
var algorithms = map[string]string{
	"hmac-sha224": mdns.HmacSHA224, "hmac-sha256": mdns.HmacSHA256, "hmac-sha384": mdns.HmacSHA384, "hmac-sha512": mdns.HmacSHA512, "hmac-sha1": mdns.HmacSHA1,
}

// NewTSIG is a key of its name and its secret in base64; without an algorithm it is hmac-sha256.
func NewTSIG(name, algorithm, secret string) (*TSIG, error) {
	k := &TSIG{Name: mdns.CanonicalName(name), Algorithm: mdns.HmacSHA256, secret: secret}
	if _, ok := mdns.IsDomainName(name); !ok || name == "" || name == "." || strings.Trim(k.Name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
		return nil, errors.New("the key's name is no name: write it as the name server has it")
	}
	if algorithm != "" {
		known, ok := algorithms[strings.ToLower(strings.TrimSuffix(algorithm, "."))]
		if !ok {
			return nil, fmt.Errorf("the algorithm %.40q is none that is used here: make a key with tsig-keygen -a hmac-sha256", algorithm)
		}
		k.Algorithm = known
	}
	octets, err := base64.StdEncoding.DecodeString(secret)
	if err != nil || len(octets) == 0 {
		return nil, errors.New("the secret is not base64: make one with tsig-keygen")
	}
	return k, nil
}

// ReadTSIG reads a key from a file as tsig-keygen(8) writes it. One that everybody may read is an error.
func ReadTSIG(path string) (*TSIG, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the key for updates: %w: tsig-keygen postward writes one; the name server needs it too", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && info.Mode().Perm()&0o007 != 0 {
		err = fmt.Errorf("everybody may read %s, and whoever has it can write into the zone: chmod 640 %s", path, path)
	}
	var text []byte
	if err == nil {
		text, err = io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	}
	var k *TSIG
	if err == nil {
		k, err = ParseTSIG(string(text))
	}
	if err != nil {
		return nil, fmt.Errorf("read the key for updates in %s: %w", path, err)
	}
	return k, nil
}

// ParseTSIG reads the one statement that tsig-keygen(8) writes, key "NAME" { algorithm WORD; secret "BASE64"; }; with comments as
// named.conf(5) has them. The errors tell nothing of the secret.
func ParseTSIG(text string) (*TSIG, error) {
	words, err := wordsOf(text)
	if err != nil {
		return nil, err
	}
	if len(words) < 5 || words[0] != "key" || words[2] != "{" {
		return nil, errors.New(`it does not begin with key "NAME" {: tsig-keygen writes such a file`)
	}
	name, values, rest := words[1], map[string]string{}, words[3:]
	for len(rest) >= 3 && rest[0] != "}" && rest[2] == ";" {
		if _, twice := values[rest[0]]; twice || rest[0] != "algorithm" && rest[0] != "secret" {
			return nil, fmt.Errorf("%.20q stands there twice, or has no meaning in a key", rest[0])
		}
		values[rest[0]], rest = rest[1], rest[3:]
	}
	if len(rest) == 0 || rest[0] != "}" || len(rest) > 2 || len(rest) == 2 && rest[1] != ";" {
		return nil, errors.New("it is not one key with algorithm and secret: leave the one in it that is meant")
	}
	if values["algorithm"] == "" || values["secret"] == "" {
		return nil, errors.New("algorithm or secret is missing: tsig-keygen writes both")
	}
	return NewTSIG(name, values["algorithm"], values["secret"])
}

// wordsOf takes a text of named.conf's grammar apart: words, texts in quotes, and the signs { } ;
func wordsOf(text string) (words []string, err error) {
	if len(text) > maxKeyFile {
		return nil, fmt.Errorf("it has more than %d octets: is it the right file?", maxKeyFile)
	}
	for text != "" {
		switch c := text[0]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			text = text[1:]
		case c == '#' || strings.HasPrefix(text, "//"):
			_, text, _ = strings.Cut(text, "\n")
		case strings.HasPrefix(text, "/*"):
			var closed bool
			if _, text, closed = strings.Cut(text[2:], "*/"); !closed {
				return nil, errors.New("a comment in it does not end")
			}
		case c == '{' || c == '}' || c == ';':
			words, text = append(words, text[:1]), text[1:]
		case c == '"':
			word, rest, closed := strings.Cut(text[1:], `"`)
			if !closed || strings.ContainsAny(word, "\r\n\\") {
				return nil, errors.New("a quoted text in it does not end")
			}
			words, text = append(words, word), rest
		default:
			end := strings.IndexAny(text, " \t\r\n;{}\"#")
			if end < 0 {
				end = len(text)
			}
			words, text = append(words, text[:end]), text[end:]
		}
	}
	return words, nil
}
