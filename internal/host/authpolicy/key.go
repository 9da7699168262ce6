package authpolicy

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Header is the field of a request that has the key.
const Header = "X-Postward-Key"

const keySize = 32 // octets; twice as many hexadecimal digits in the file

// Key is what Dovecot shows with each request. Whatever prints it shows nothing.
type Key struct{ digits string }

// Format keeps it out of every text.
func (Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("…")) }

// matches compares in a time that says nothing of the key.
func (k Key) matches(shown string) bool {
	own, other := sha256.Sum256([]byte(k.digits)), sha256.Sum256([]byte(strings.TrimSpace(shown)))
	return k.digits != "" && subtle.ConstantTimeCompare(own[:], other[:]) == 1
}

// LoadKey reads the key. One that others may read is an error: whoever has it can report logins that never were.
func LoadKey(path string) (Key, error) {
	k, err := loadKey(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return k, fmt.Errorf("read the key that Dovecot shows: %w: postward attach --dovecot --apply makes it", err)
	case err != nil:
		return k, fmt.Errorf("read the key that Dovecot shows: %w", err)
	}
	return k, nil
}

func loadKey(path string) (Key, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return Key{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Key{}, err
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o027 != 0 {
		return Key{}, fmt.Errorf("%s is not a file that only its owner and a group can read: remove it, and postward attach --dovecot --apply makes another", path)
	}
	text, err := io.ReadAll(io.LimitReader(f, 4*keySize))
	if err != nil {
		return Key{}, err
	}
	k := Key{strings.TrimSpace(string(text))}
	if raw, err := hex.DecodeString(k.digits); err != nil || len(raw) != keySize {
		return Key{}, fmt.Errorf("%s has not %d hexadecimal digits: remove it, and postward attach --dovecot --apply makes another", path, 2*keySize)
	}
	return k, nil
}

// MakeKey reads the key, and makes one if there is none. The file is the caller's; a group can read it, unless gid is -1.
func MakeKey(path string, gid int) (Key, error) {
	k, err := loadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		if err != nil {
			err = fmt.Errorf("read the key that Dovecot shows: %w", err)
		}
		return k, err
	}
	k = Key{random()}
	if err := writeKey(path, k, gid); err != nil {
		return Key{}, fmt.Errorf("make the key that Dovecot shows: %w", err)
	}
	return k, nil
}

func writeKey(path string, k Key, gid int) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	mode := fs.FileMode(0o600)
	if gid >= 0 {
		err, mode = f.Chown(-1, gid), 0o640
	}
	if err == nil {
		_, err = f.WriteString(k.digits + "\n")
	}
	if err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// random is a secret of hexadecimal digits.
func random() string {
	var b [keySize]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
