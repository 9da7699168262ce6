package gate

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postward/test/rig"
)

// eventually waits for a fact.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err := rig.Wait(ctx, what, func() error {
		if !is() {
			return errors.New("not yet")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestAPortThatIsTakenIsSaidAndListenedAtWhenItIsFree: the mail is guarded meanwhile, and status names the next step.
func TestAPortThatIsTakenIsSaidAndListenedAtWhenItIsFree(t *testing.T) {
	dir := t.TempDir()
	d := begin(t, dir)
	defer end(t, d)
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(dir, "key")
	if err := os.WriteFile(key, []byte(strings.Repeat("ab", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	d.config.AuthPolicy.Listen, d.config.AuthPolicy.KeyFile = other.Addr().String(), key
	runs(t, d.AnswerDovecot)
	trouble := func() string {
		for _, text := range d.troubles.List() {
			if strings.Contains(text, "Dovecot is not answered") {
				return text
			}
		}
		return ""
	}
	eventually(t, "status to say it", func() bool { return trouble() != "" })
	for _, want := range []string{"lets everybody in whose password is right", "another program has this port", "set authpolicy.listen to another one"} {
		if text := trouble(); !strings.Contains(text, want) {
			t.Errorf("no %q in %q", want, text)
		}
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the trouble to be over", func() bool { return trouble() == "" })
	if err := asks(t.Context(), other.Addr().String()); err != nil {
		t.Error(err)
	}
}

// asks asks as a stranger does who has no key.
func asks(ctx context.Context, address string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/?command=allow", strings.NewReader("{}"))
	if err != nil {
		return err
	}
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	if reply.StatusCode != http.StatusForbidden {
		err = fmt.Errorf("it answers %s", reply.Status)
	}
	return errors.Join(err, reply.Body.Close())
}
