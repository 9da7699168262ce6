package proof

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// maxLine bounds a line that is read, in octets.
const maxLine = 64 << 10

// Find gives the records of the mails whose queue ID is one of some, from the days between two times, oldest first. A directory that is not there
// has none. A line that cannot be read is passed over: a crash may have torn it.
func Find(dir string, from, to time.Time, is func(queueID string) bool, found func(Record)) error {
	first, last := from.UTC().Format(nameForm), to.UTC().Format(nameForm)
	files, err := os.ReadDir(dir) // by name, which is by day
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read what was proved of mails: %w", err)
	}
	for _, f := range files {
		if !isDay(f.Name()) || f.Name() < first || f.Name() > last || !f.Type().IsRegular() {
			continue
		}
		if err := findIn(filepath.Join(dir, f.Name()), is, found); err != nil {
			return fmt.Errorf("read what was proved of mails: %w", err)
		}
	}
	return nil
}

func findIn(path string, is func(queueID string) bool, found func(Record)) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return eachRecord(f, is, found)
}

func eachRecord(from io.Reader, is func(queueID string) bool, found func(Record)) error {
	r := bufio.NewReaderSize(from, maxLine)
	for torn := false; ; {
		line, err := r.ReadSlice('\n')
		var x Record
		if !torn && err == nil && is(queueID(line)) && json.Unmarshal(line, &x) == nil {
			found(x)
		}
		torn = errors.Is(err, bufio.ErrBufferFull) // the rest of it comes
		if err != nil && !torn {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return err
		}
	}
}

// queueID finds that of a line before the line is read as a whole: most are of other mails.
func queueID(line []byte) string {
	_, rest, _ := bytes.Cut(line, []byte(`"queue_id":"`))
	id, _, _ := bytes.Cut(rest, []byte{'"'})
	return string(id)
}
