package publish

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	mdns "github.com/miekg/dns"
)

const tsigFile = "key \"postward\" {\n\talgorithm hmac-sha256;\n\tsecret \"UwuzraRYXbkS8RjuEKnwePo0EBj1t+xL4NfrJOhBJLo=\";\n};\n"

func TestAKeyFileIsReadAsTsigKeygenWritesIt(t *testing.T) {
	for name, text := range map[string]string{
		"as it is":     tsigFile,
		"one line":     `key postward { secret "UwuzraRYXbkS8RjuEKnwePo0EBj1t+xL4NfrJOhBJLo="; algorithm "HMAC-SHA256"; };`,
		"with remarks": "# of ns1\n// and\n/* more\n */" + tsigFile + "// end",
		"capitals":     strings.Replace(tsigFile, "postward", "Postward.", 1),
	} {
		k, err := ParseTSIG(text)
		if err != nil || k.Name != "postward." || k.Algorithm != mdns.HmacSHA256 || k.secret != "UwuzraRYXbkS8RjuEKnwePo0EBj1t+xL4NfrJOhBJLo=" {
			t.Errorf("%s: %v, %v", name, k, err)
		}
	}
}

func TestWhatIsNoKeyFileIsRefusedWithoutTellingTheSecret(t *testing.T) {
	for _, text := range []string{
		"", "key", "options { };", "key \"a\" { algorithm hmac-sha256; };", "key \"a\" { secret \"c2VjcmV0\"; };", "key a { algorithm hmac-md5; secret \"c2VjcmV0\"; };",
		"key a { algorithm hmac-sha256; secret \"c2VjcmV0!\"; };", tsigFile + tsigFile, "key \"a { algorithm", "/* key", "key a { algorithm hmac-sha256; secret c2VjcmV0; secret c2VjcmV0; };",
		"key \"a b\" { algorithm hmac-sha256; secret c2VjcmV0; };", "key . { algorithm hmac-sha256; secret c2VjcmV0; };", strings.Repeat(" ", maxKeyFile) + tsigFile,
		"key a { algorithm hmac-sha256; secret \"\"; };", "key a { algorithm hmac-sha256; secret c2VjcmV0; }; x",
	} {
		k, err := ParseTSIG(text)
		if err == nil || strings.Contains(err.Error(), "c2VjcmV0") {
			t.Errorf("%.60q: %v, %v", text, k, err)
		}
	}
}

func TestAKeyIsNotPrinted(t *testing.T) {
	k, err := ParseTSIG(tsigFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{"%v", "%+v", "%#v", "%s"} {
		if said := fmt.Sprintf(form, k); strings.Contains(said, "Uwuz") {
			t.Errorf("%s tells %s", form, said)
		}
	}
}

func TestAKeyFileThatEverybodyReadsIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(tsigFile), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadTSIG(path); err == nil || !strings.Contains(err.Error(), "chmod 640") {
		t.Errorf("0644: %v", err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if k, err := ReadTSIG(path); err != nil || k.String() != "postward (hmac-sha256)" {
		t.Errorf("0640: %v, %v", k, err)
	}
}

// FuzzAKeyFileIsReadOrRefused: what is read can be written as tsig-keygen does and is the same key then; nothing else signs.
func FuzzAKeyFileIsReadOrRefused(f *testing.F) {
	for _, text := range []string{tsigFile, "key a { algorithm hmac-sha512; secret c2VjcmV0; };", "/**/key#\n\"a\"{", "key \"};\" { secret \"{\"; };"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := ParseTSIG(text)
		if err != nil {
			return
		}
		again, err := ParseTSIG(fmt.Sprintf("key \"%s\" {\n\talgorithm %s;\n\tsecret \"%s\";\n};\n", k.Name, strings.TrimSuffix(k.Algorithm, "."), k.secret))
		if err != nil || *again != *k {
			t.Fatalf("%q is %v, and that written %v: %v", text, k, again, err)
		}
		m := new(mdns.Msg).SetUpdate("example.org.")
		m.SetTsig(k.Name, k.Algorithm, fudge, 1)
		if _, _, err := mdns.TsigGenerate(m, k.secret, "", false); err != nil {
			t.Fatalf("%v cannot sign: %v", k, err)
		}
	})
}
