package proof

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	keptFiles = 14 // days on which mail came
	// maxDay bounds a day's file, in octets: some 150,000 mails. Who sends more than that gets no more of the disk.
	maxDay = 64 << 20
	// lineTime is how long a line waits for others that are written with it.
	lineTime = time.Second
	// maxWaiting bounds what waits for a disk that is slow, in octets. What comes then is not written down.
	maxWaiting = 4 << 20

	nameForm  = "20060102" + extension // of a day's file, in UTC
	extension = ".jsonl"
)

// lines are records on their way to the disk: a file a day, a line of JSON a mail.
type lines struct {
	dir string
	log *slog.Logger

	mu      sync.Mutex // of what follows
	waiting []byte
	day     time.Time // on which the first of them came
	due     bool      // somebody will write them

	writing sync.Mutex // of the files
	said    string     // what is wrong with them, as it was logged last
}

// add takes a record for the next write.
func (l *lines) add(r *Record) {
	line, err := json.Marshal(r)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil || len(l.waiting)+len(line) >= maxWaiting { // an error is none that can be: a Record is texts and a time
		return
	}
	if len(l.waiting) == 0 {
		l.day = r.At
	}
	l.waiting = append(append(l.waiting, line...), '\n')
	if !l.due {
		l.due = true
		time.AfterFunc(lineTime, l.flush)
	}
}

// flush writes what waits.
func (l *lines) flush() {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	text, day := l.waiting, l.day
	l.waiting, l.due = nil, false
	l.mu.Unlock()
	if len(text) == 0 {
		return
	}
	said := ""
	if err := l.write(text, day); err != nil {
		said = err.Error()
	}
	if said != "" && said != l.said {
		l.log.Warn("what was proved of mails is not written down; mail trace will not show it", "err", said)
	}
	l.said = said
}

// write appends to the file of a day. With its first line the oldest file goes.
func (l *lines) write(text []byte, day time.Time) error {
	path := filepath.Join(l.dir, day.UTC().Format(nameForm))
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		if err := errors.Join(os.MkdirAll(l.dir, 0o700), l.sweep()); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case info.Size() >= maxDay:
		return fmt.Errorf("%s is full: it is begun anew tomorrow", path)
	case torn(f, info.Size()):
		text = append([]byte{'\n'}, text...)
	}
	_, err = f.Write(text)
	return err
}

// torn reports whether a file's last line has no end: a crash or a full disk cut it. What follows begins a line of its own.
func torn(f *os.File, size int64) bool {
	var last [1]byte
	n, _ := f.ReadAt(last[:], size-1) // of an empty file nothing
	return n == 1 && last[0] != '\n'
}

// sweep deletes the oldest files when there is to be another one. It goes by how many there are: a clock that is wrong for a day
// deletes no others.
func (l *lines) sweep() error {
	files, err := os.ReadDir(l.dir)
	days := slices.DeleteFunc(files, func(f fs.DirEntry) bool { return !isDay(f.Name()) })
	for _, f := range days[:max(len(days)+1-keptFiles, 0)] {
		err = errors.Join(err, os.Remove(filepath.Join(l.dir, f.Name())))
	}
	return err
}

func isDay(name string) bool {
	_, err := time.Parse(nameForm, name)
	return err == nil
}
