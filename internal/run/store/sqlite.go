package store

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// Settings of the database file; the package comment has the measurements.
const (
	pageSize       = 512     // octets
	walPages       = 4096    // after so many pages the write-ahead log is copied into the database: 2 MiB
	walLimit       = 8 << 20 // octets it is cut to if a long reader made it grow
	busyWait       = 5000    // milliseconds
	cacheKiB       = 1024    // a connection
	maxConnections = 3       // reading ones
)

// connect makes the file if there is none and opens it for one writer and some readers.
func (s *Store) connect() error {
	f, err := os.OpenFile(s.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	// It is closed before SQLite opens it: closing any descriptor of a file drops the process's locks on it.
	if s.file, err = f.Stat(); err == nil {
		err = f.Close()
	}
	if err != nil {
		return err
	}
	// Where the platform has no fdatasync, SQLite goes on with fsync.
	if _, err := sqlite.Fdatasync(true); err != nil && !errors.Is(err, sqlite.ErrFdatasyncUnavailable) {
		return err
	}
	if s.write, err = sql.Open("sqlite", dsn(s.path, url.Values{
		"_journal_mode": {"WAL"}, "_synchronous": {"FULL"}, "_txlock": {"immediate"},
		"_pragma": {"page_size(" + strconv.Itoa(pageSize) + ")", "wal_autocheckpoint(" + strconv.Itoa(walPages) + ")",
			"journal_size_limit(" + strconv.Itoa(walLimit) + ")"},
	})); err != nil {
		return err
	}
	s.write.SetMaxOpenConns(1)
	if s.read, err = sql.Open("sqlite", dsn(s.path, url.Values{"_query_only": {"1"}})); err != nil {
		return err
	}
	s.read.SetMaxOpenConns(maxConnections)
	s.read.SetMaxIdleConns(1)
	return nil
}

// dsn names the file as a URI, so that no octet of the path is taken for an option.
func dsn(path string, options url.Values) string {
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	options.Set("_busy_timeout", strconv.Itoa(busyWait))
	options.Set("_dqs", "0")
	options.Add("_pragma", "cache_size(-"+strconv.Itoa(cacheKiB)+")")
	file := url.URL{Scheme: "file", Path: path, RawQuery: options.Encode()}
	return file.String()
}

// present reports a database file that was removed or replaced while it is open: what SQLite writes then is lost
// with the process, without an error.
func (s *Store) present() error {
	now, err := os.Stat(s.path)
	if err != nil {
		return fmt.Errorf("%w, put it back or restart postward: %w", ErrGone, err)
	}
	if !os.SameFile(s.file, now) {
		return fmt.Errorf("%w: %s is another file than the one opened, restart postward", ErrGone, s.path)
	}
	return nil
}

// damaged makes SQLite's words for a broken file, and rows that are no JSON, an ErrCorrupt.
func damaged(err error) error {
	var syntax *json.SyntaxError
	var field *json.UnmarshalTypeError
	if errors.As(err, &syntax) || errors.As(err, &field) {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	var e *sqlite.Error
	if errors.As(err, &e) && (e.Code()&0xff == lib.SQLITE_CORRUPT || e.Code()&0xff == lib.SQLITE_NOTADB) {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}

// acquire takes the lock that keeps a second postward off, and writes the process id into it. The kernel drops it
// with the process. The file stays: removing it would let a third process lock another one.
func acquire(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("there is no directory %s: make it, owned by the user postward runs as: %w", filepath.Dir(path), err)
	}
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		pid := make([]byte, 20)
		n, _ := f.ReadAt(pid, 0) // an empty number is said as such
		f.Close()
		return nil, fmt.Errorf("%w by process %q: stop that postward first", ErrInUse, strings.TrimSpace(string(pid[:n])))
	}
	if err == nil {
		err = errors.Join(f.Truncate(0), writeAt(f, strconv.Itoa(os.Getpid())+"\n"))
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}

func writeAt(f *os.File, text string) error {
	_, err := f.WriteAt([]byte(text), 0)
	return err
}

// keepAside copies a database that is damaged or old (why), if there is one, and its write-ahead log. The copy is named by the time the file
// was last changed: a service that is restarted every second makes one copy, not one a second.
func keepAside(path, why string) (aside string, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	aside = path + why + strconv.FormatInt(info.ModTime().Unix(), 10)
	if _, err := os.Stat(aside); !errors.Is(err, os.ErrNotExist) {
		return aside, err
	}
	err = copyFile(path+"-wal", aside+"-wal")
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return aside, errors.Join(err, copyFile(path, aside))
}

// copyFile copies a file under a temporary name and renames it when it is whole.
func copyFile(from, to string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	part := to + ".part"
	dst, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(dst, src)
	if err = errors.Join(err, dst.Close()); err != nil {
		return errors.Join(err, os.Remove(part))
	}
	return os.Rename(part, to)
}
