package facts

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Each hands on the files of an operator's directory, every *.yaml of it, in the order of their names. Without dir, or when it does
// not exist, there are none. The first that is not good ends it.
func Each(dir string, read func(file string, data []byte) error) error {
	files, err := operators(dir)
	if err != nil {
		return err
	}
	for _, file := range files {
		data, err := slurp(file)
		if err == nil {
			err = read(file, data)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func operators(dir string) ([]string, error) {
	if dir == "" {
		return nil, nil
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var files []string
	for _, e := range entries {
		if name := e.Name(); strings.HasSuffix(name, ".yaml") && !strings.HasPrefix(name, ".") {
			files = append(files, filepath.Join(dir, name))
		}
	}
	if len(files) > maxFiles {
		return nil, fmt.Errorf("read %s: more than %d files", dir, maxFiles)
	}
	return files, nil
}

// slurp reads a file, but not much more than may be in it.
func slurp(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxFile+1))
}
