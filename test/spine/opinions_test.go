//go:build daemons

package spine_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"postward/internal/mail/canon"
	"postward/internal/mail/dkim"
	"postward/internal/wire/dns"
	"postward/test/rig"
)

// python is Debian's: others do not find its modules.
const python = "/usr/bin/python3"

// needsDkimpy skips a test where somebody else's verifier is not installed; in CI it fails.
func needsDkimpy(t *testing.T) {
	t.Helper()
	if out, err := exec.Command(python, "-c", "import dkim, nacl, authres").CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("python3-dkim or python3-authres is not installed: test/setup.sh test (%s)", out)
		}
		t.Skip("python3-dkim or python3-authres is not installed: test/setup.sh test")
	}
}

// verifiers says of each mail, as it asks the room's resolver: one word for each of its signatures, the topmost first.
const verifiers = `
import sys, dkim
while True:
    line = sys.stdin.buffer.readline()
    if not line: break
    mail = sys.stdin.buffer.read(int(line))
    words = []
    for i, (name, value) in enumerate(f for f in dkim.rfc822_parse(mail)[0] if f[0].lower() == b'dkim-signature'):
        selector = dkim.util.parse_tag_value(value)[b's'].decode()
        try:
            words.append('%s=%s' % (selector, dkim.DKIM(mail).verify(idx=i)))
        except Exception as e:
            words.append('%s=%s' % (selector, type(e).__name__))
    try:
        chain = dkim.ARC(mail).verify()[0].decode()
    except Exception as e:
        chain = type(e).__name__
    if b'\nARC-' in mail.partition(b'\r\n\r\n')[0]: words.append('arc=' + chain)
    print(' '.join(words), flush=True)
`

// opinions are two programs that know nothing of each other: dkimpy, which runs as long as the test, and ours.
type opinions struct {
	t  *testing.T
	mu sync.Mutex // of dkimpy's pipes

	in  io.WriteCloser
	out *bufio.Reader
}

// opinionsOf starts dkimpy. It ends with the test.
func opinionsOf(t *testing.T) *opinions {
	t.Helper()
	needsDkimpy(t)
	cmd := exec.Command(python, "-W", "ignore", "-c", verifiers)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	return &opinions{t: t, in: in, out: bufio.NewReader(out)}
}

// dkimpy is its words about a mail: of each signature SELECTOR=True, or what it dislikes, and arc=pass or fail of one with a chain.
func (o *opinions) dkimpy(mail []byte) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, err := fmt.Fprintf(o.in, "%d\n%s", len(mail), mail); err != nil {
		return err.Error()
	}
	line, err := o.out.ReadString('\n')
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(line)
}

// ours is what our verifier says, in the same words. It begins with an empty cache: the zone as it is now counts.
func (o *opinions) ours(mail []byte) string {
	resolver, err := dns.HostClient()
	if err != nil {
		return err.Error()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	header, text := parted(mail)
	all := dkim.Read(header)
	body := canon.NewBody(all.Forms()...)
	_, _ = body.Write(text) // it never fails
	var words []string
	for _, r := range all.Verify(ctx, all.Ask(ctx, resolver), body, time.Now()) {
		word := "True"
		if r.Status != dkim.Pass {
			word = r.String()
		}
		words = append(words, r.Selector+"="+word)
	}
	return strings.Join(words, " ")
}

// parted is the header section of a mail and its body. One without a blank line is all header.
func parted(mail []byte) (header []canon.Field, body []byte) {
	top, body, _ := bytes.Cut(mail, []byte("\r\n\r\n"))
	for line := range strings.SplitSeq(strings.TrimSuffix(string(top), "\r\n"), "\r\n") {
		if n := len(header); n > 0 && line != "" && (line[0] == ' ' || line[0] == '\t') {
			header[n-1].Value += "\r\n" + line
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		header = append(header, canon.Field{Name: name, Value: value})
	}
	return header, body
}

// arrived is a mail as it came to the world.
func (f *field) arrived(t *testing.T, token string) []byte {
	t.Helper()
	return f.arrivedAt(t, f.Sink, token)
}

// arrivedAt is a mail as it came to a part of the world.
func (f *field) arrivedAt(t *testing.T, sink *rig.Sink, token string) (mail []byte) {
	t.Helper()
	f.wait(t, "the mail to arrive", func() error {
		for _, d := range sink.Deliveries() {
			if d.Token == token {
				mail = d.Head
				return nil
			}
		}
		return fmt.Errorf("%s is not there", token)
	})
	return mail
}
