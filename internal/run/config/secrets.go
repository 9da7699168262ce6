package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// KeysFile is where the keys of blocklists are looked for that are not in the environment: a line NAME=VALUE each, as in
// POSTWARD_KEY_SPAMHAUS=…; lines that begin with # are comments. The daemon reads it as its own user.
const KeysFile = "/etc/postward/keys"

// maxKeys bounds it, in octets.
const maxKeys = 64 << 10

// Secrets is os.Getenv with what a file of keys has besides. A missing file has nothing; one that everybody may read is
// an error. The texts of errors hold no value.
func Secrets(path string) (getenv func(name string) string, err error) {
	values, err := readKeys(path)
	return func(name string) string {
		if v := os.Getenv(name); v != "" {
			return v
		}
		return values[name]
	}, err
}

func readKeys(path string) (map[string]string, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("read the keys of blocklists: %w", err)
	case info.Mode().Perm()&0o007 != 0:
		return nil, fmt.Errorf("read the keys of blocklists: everybody may read %s: chgrp postward %s && chmod 640 %s", path, path, path)
	case info.Size() > maxKeys:
		return nil, fmt.Errorf("read the keys of blocklists: %s is larger than %d octets", path, maxKeys)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the keys of blocklists: %w", err)
	}
	return parseKeys(string(text), path)
}

func parseKeys(text, path string) (map[string]string, error) {
	values := map[string]string{}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if name = strings.TrimSpace(name); !ok || !strings.HasPrefix(name, "POSTWARD_KEY_") {
			return nil, fmt.Errorf("read the keys of blocklists: %s line %d is not like POSTWARD_KEY_SPAMHAUS=…", path, n)
		}
		values[name] = strings.Trim(strings.TrimSpace(value), `"`)
	}
	return values, nil
}
