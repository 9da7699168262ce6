package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"postward/test/rig"
	"postward/test/world"
)

// names are the story's part of the DNS, but for the key that signs.
const names = `far.example. TXT "v=spf1 ip4:203.0.113.0/24 -all"
_dmarc.far.example. TXT "v=DMARC1; p=reject"
example.org. NS ns.example.org.
example.org. TXT "v=spf1 ip4:192.0.2.25 -all"
_dmarc.example.org. TXT "v=DMARC1; p=none"
ns.example.org. A %s
`

// resolve starts the name server that the room asks, with the record of a key that opendkim has signed with, and returns where that is.
func (s *story) resolve() (conf string, err error) {
	address := rig.Room{Open: s.stay}.NameServer()
	server, err := world.StartServer(net.JoinHostPort(address, "53"))
	if err != nil {
		return "", err
	}
	s.parts.Add(server.Close)
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", err
	}
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		return "", err
	}
	dir, err := rig.NewDir("opendkim")
	if err != nil {
		return "", err
	}
	key := filepath.Join(dir, "mail.private")
	conf = filepath.Join(dir, "opendkim.conf")
	p := base64.StdEncoding.EncodeToString(public)
	return conf, errors.Join(
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)}), 0o600),
		os.WriteFile(conf, fmt.Appendf(nil, "Domain example.org\nSelector mail\nKeyFile %s\n", key), 0o644),
		server.SetZone(".", fmt.Sprintf(names+"mail._domainkey.example.org. TXT \"v=DKIM1; p=%s\" \"%s\"\n", address, p[:200], p[200:])))
}

// proof: who wrote a mail that comes in, and the proof that goes with one that leaves.
func (s *story) proof(ctx context.Context) error {
	fmt.Println("\nopendkim has signed anna's mail so far. Its key goes on, and nobody has to change the DNS.")
	if err := s.show(ctx, "dkim", "import", "--opendkim", s.opendkim, "--apply"); err != nil {
		return err
	}
	if err := s.proves(ctx); err != nil {
		return err
	}
	in := rig.Client{Addr: s.site.Postfix.SMTP(), Address: stranger, Helo: "mx.far.example"}.SendOne(ctx, rig.Mail{From: "george@far.example", To: []string{"anna@example.org"}})
	forged := rig.Client{Addr: s.site.Postfix.SMTP(), Address: hotel, Helo: "mx.far.example"}.SendOne(ctx, rig.Mail{From: "george@far.example", To: []string{"anna@example.org"}})
	out := s.client("anna", "correct horse", office).SendOne(ctx, rig.Mail{From: "anna@example.org", To: []string{"carla@example.com"}})
	s.remember(in, forged, out)
	if in.Outcome != rig.Accepted || forged.Outcome != rig.Refused || out.Outcome != rig.Accepted {
		return fmt.Errorf("of mail with proofs: in %d %s; forged %d %s; out %d %s", in.Code, in.Reply, forged.Code, forged.Reply, out.Code, out.Reply)
	}
	if err := s.arrived(ctx, in, out); err != nil {
		return err
	}
	return errors.Join(s.came(in, forged), s.left(ctx, out))
}

// proves waits until mail is authenticated and signed.
func (s *story) proves(ctx context.Context) error {
	for {
		var status struct {
			Proof struct {
				Inbound bool
				Signs   []string
			} `json:"authentication"`
		}
		out, err := s.ward.Run(ctx, "status", "--json") // it exits with 1 where something needs a person
		if len(out) == 0 {
			return err
		}
		if err := json.Unmarshal([]byte(out), &status); err != nil {
			return err
		}
		if status.Proof.Inbound && slices.Contains(status.Proof.Signs, "example.org") {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("mail is not authenticated and signed: %+v", status.Proof)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// came shows what was found out about mail from outside.
func (s *story) came(in, forged rig.Mail) error {
	head, _, err := s.head(in)
	if err != nil {
		return err
	}
	results := head.Get("Authentication-Results")
	if !strings.Contains(results, "spf=pass") || !strings.Contains(results, "dmarc=pass") {
		return fmt.Errorf("a mail of far.example arrived with %q", results)
	}
	fmt.Println("\nA mail comes in from far.example. Who wrote it stands in a field of its header:")
	for _, part := range strings.Split("Authentication-Results: "+results, "; ") {
		fmt.Println("  │", part)
	}
	fmt.Printf("The same by somebody else: %d %s\n", forged.Code, forged.Reply)
	return nil
}

// left shows the signature of a mail that left, and has somebody else's program verify it.
func (s *story) left(ctx context.Context, out rig.Mail) error {
	head, text, err := s.head(out)
	if err != nil {
		return err
	}
	signature := head.Get("Dkim-Signature")
	fmt.Println("\nanna writes. Her mail leaves signed:")
	fmt.Printf("  │ DKIM-Signature: %.100s …\n", signature)
	cmd := exec.CommandContext(ctx, "/usr/bin/python3", "-W", "ignore", "-c", "import dkim, sys; print(dkim.verify(sys.stdin.buffer.read()))")
	cmd.Stdin = bytes.NewReader(text)
	said, err := cmd.CombinedOutput()
	if err != nil || strings.TrimSpace(string(said)) != "True" {
		return fmt.Errorf("dkimpy verifies %q: %v %s", signature, err, said)
	}
	fmt.Println("  dkimpy, which is not ours, verifies it.")
	return nil
}

// head is a mail as it arrived.
func (s *story) head(m rig.Mail) (textproto.MIMEHeader, []byte, error) {
	for _, d := range s.site.Sink.Deliveries() {
		if d.Token == m.Token {
			h, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(d.Head))).ReadMIMEHeader()
			return h, d.Head, err
		}
	}
	return nil, nil, fmt.Errorf("%s did not arrive", m.Token)
}
