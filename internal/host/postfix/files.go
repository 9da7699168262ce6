package postfix

import (
	"fmt"
	"os"
	"strings"
)

// MaxFile is how many octets a file of Postfix's configuration may have to be read.
const MaxFile = 4 << 20

// ReadFile reads a file of Postfix's configuration, of at most [MaxFile] octets.
func ReadFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read Postfix's configuration: %w (another directory? --postfix)", err)
	}
	if !info.Mode().IsRegular() || info.Size() > MaxFile {
		return nil, fmt.Errorf("read %s: not a file of at most %d octets", path, MaxFile)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read Postfix's configuration: %w", err)
	}
	return b, nil
}

// ListFile reads a list that is kept in a file of its own: postconf(5), "/file/name" in a list.
func ListFile(path string) ([]string, error) {
	b, err := ReadFile(path)
	return listed(string(b)), err
}

// listed cuts such a file into its items. Text that begins with white space and continues nothing is left out, as
// Postfix does.
func listed(file string) []string {
	var all []string
	begun := false
	for line := range strings.Lines(file) {
		text := strings.TrimSpace(line)
		if text == "" || text[0] == '#' {
			continue
		}
		if begun = begun || !isSpace(line[0]); begun {
			all = append(all, SplitList(text)...)
		}
	}
	return all
}
