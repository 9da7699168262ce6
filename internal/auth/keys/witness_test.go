//go:build daemons

package keys

import (
	"bytes"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// run is what another program says.
func run(t *testing.T, input, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	var out, said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, said.String())
	}
	return out.Bytes()
}

// TestOpensslReadsWhatIsKept: the file of a key is what other programs take, and its public key is what the record has.
func TestOpensslReadsWhatIsKept(t *testing.T) {
	d := directory(t)
	made, err := d.Create("example.org", noon)
	ok(t, err)
	for _, k := range made {
		der := run(t, "", "openssl", "pkey", "-in", filepath.Join(d.Path, fileOf(&k)), "-pubout", "-outform", "DER")
		if k.Algorithm == Ed25519 {
			der = der[len(der)-32:] // RFC 8410 section 4: a SubjectPublicKeyInfo ends with them
		}
		if got := base64.StdEncoding.EncodeToString(der); got != k.Public {
			t.Errorf("%s: %s, and the record has %s", k.Name(), got, k.Public)
		}
	}
}

// TestKeysOfOpensslAreRead: opendkim-genkey calls openssl, of this version or an older one.
func TestKeysOfOpensslAreRead(t *testing.T) {
	for name, args := range map[string][]string{
		"genrsa": {"genrsa", "2048"}, "the old form": {"genrsa", "-traditional", "1024"}, "ed25519": {"genpkey", "-algorithm", "ed25519"},
	} {
		text := run(t, "", "openssl", args...)
		private, err := ParsePrivate(text)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		k, err := Key{Domain: "example.org", Selector: "s"}.As(private)
		ok(t, err)
		if want := run(t, string(text), "openssl", "pkey", "-pubout", "-outform", "DER"); k.Algorithm == RSA && k.Public != base64.StdEncoding.EncodeToString(want) {
			t.Errorf("%s: %s", name, k.Public)
		}
	}
	text := run(t, "", "openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
	if _, err := ParsePrivate(text); err == nil {
		t.Error("a key of an elliptic curve of NIST signs no mail")
	}
}

// signAndVerify signs a mail with the key in a file, and verifies it by a record: dkimpy alone does both.
const signAndVerify = `
import sys, dkim
path, algorithm, selector, domain, record = [a.encode() for a in sys.argv[1:]]
key = open(path, "rb").read()
mail = b"From: anna@example.org\r\nTo: bert@example.net\r\nSubject: hello\r\nDate: Mon, 30 Nov 2026 12:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n\r\nHello.\r\n"
field = dkim.sign(mail, selector, domain, key, signature_algorithm=algorithm)
print(dkim.verify(field + mail, dnsfunc=lambda name, timeout=5: record if name.rstrip(b".") == selector + b"._domainkey." + domain else None))
`

// TestDkimpyVerifiesByTheRecordWhatTheKeySigned: two programs that know nothing of each other agree on both halves.
func TestDkimpyVerifiesByTheRecordWhatTheKeySigned(t *testing.T) {
	d := directory(t)
	made, err := d.Create("example.org", noon)
	ok(t, err)
	for _, k := range made {
		path, algorithm := filepath.Join(d.Path, fileOf(&k)), "rsa-sha256"
		if k.Algorithm == Ed25519 { // dkimpy keeps those as the 32 octets in base64
			algorithm = "ed25519-sha256"
			der := run(t, "", "openssl", "pkey", "-in", path, "-outform", "DER")
			path = filepath.Join(t.TempDir(), "key")
			ok(t, os.WriteFile(path, []byte(base64.StdEncoding.EncodeToString(der[len(der)-32:])), 0o600))
			if private, err := ParsePrivate([]byte(base64.StdEncoding.EncodeToString(der[len(der)-32:]))); err != nil || private == nil {
				t.Errorf("dkimpy's own form is not read: %v", err)
			}
		}
		out := run(t, "", "/usr/bin/python3", "-c", signAndVerify, path, algorithm, k.Selector, k.Domain, k.Record())
		if strings.TrimSpace(string(out)) != "True" {
			t.Errorf("%s: %s", k.Name(), out)
		}
	}
}
