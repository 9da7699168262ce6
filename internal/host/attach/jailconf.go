package attach

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// jailConf is fail2ban's jail.conf with all that is read after it (jail.conf(5)): options by section. A later one wins.
type jailConf map[string]map[string]string

const (
	jailDefaults = "DEFAULT"
	jailIncludes = "INCLUDES"
	maxIncludes  = 8    // deep
	longestValue = 4096 // octets of an option that are looked at
)

// readJails reads what fail2ban reads: jail.conf, jail.d/*.conf, jail.local, jail.d/*.local, with what each includes.
func readJails(dir string) (jailConf, error) {
	c := jailConf{}
	for _, pattern := range []string{"jail.conf", "jail.d/*.conf", "jail.local", "jail.d/*.local"} {
		paths, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return nil, fmt.Errorf("look for %s in %s: %w", pattern, dir, err)
		}
		slices.Sort(paths)
		for _, path := range paths {
			if filepath.Base(path)[0] == '.' { // as a shell's pattern, theirs finds none that is hidden
				continue
			}
			if err := c.read(path, 0); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}

// read takes a file in, between those that it includes.
func (c jailConf) read(path string, depth int) error {
	text, err := jailFile(path)
	if depth > 0 && errors.Is(err, os.ErrNotExist) { // fail2ban passes over it
		return nil
	}
	if err != nil {
		return err
	}
	own := parseJails(string(text))
	if err := c.include(path, own[jailIncludes]["before"], depth); err != nil {
		return err
	}
	for section, options := range own {
		c.take(section, options)
	}
	return c.include(path, own[jailIncludes]["after"], depth)
}

// knownAs is under which name an option has the value that it had before a later file said otherwise: %(known/enabled)s.
const knownAs = "known/"

// take takes a file's options of a section in.
func (c jailConf) take(section string, options map[string]string) {
	if c[section] == nil {
		c[section] = map[string]string{}
	}
	for name := range options {
		if before, is := c[section][name]; is {
			c[section][knownAs+name] = before
		}
	}
	maps.Copy(c[section], options)
}

func jailFile(path string) ([]byte, error) {
	const largest = 1 << 20
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read fail2ban's configuration: %w", err)
	}
	if !info.Mode().IsRegular() || info.Size() > largest {
		return nil, fmt.Errorf("read %s: not a file of at most %d octets", path, largest)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read fail2ban's configuration: %w", err)
	}
	return text, nil
}

// include reads the files of a list, one a line, each with the one that ends in .local beside it.
func (c jailConf) include(from, list string, depth int) error {
	if depth >= maxIncludes {
		return nil
	}
	for name := range strings.FieldsSeq(list) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(filepath.Dir(from), name)
		}
		for _, path := range []string{name, strings.TrimSuffix(name, filepath.Ext(name)) + ".local"} {
			if err := c.read(path, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// parseJails reads one file as Python's configparser does: sections, "name = value" or "name: value", lines that go on where they
// are indented more than what they belong to, and comments, which begin a line or stand behind a blank and a semicolon.
func parseJails(text string) jailConf {
	c := jailConf{}
	section, name, indent := "", "", 0
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\r\n")
		trimmed := strings.TrimLeft(line, " \t")
		switch {
		case trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';':
			continue
		case len(line)-len(trimmed) > indent && name != "":
			if value := c[section][name]; len(value) < longestValue {
				c[section][name] = value + "\n" + uncommented(trimmed)
			}
			continue
		}
		indent = len(line) - len(trimmed)
		trimmed = uncommented(trimmed)
		if end := strings.LastIndexByte(trimmed, ']'); trimmed[0] == '[' && end > 0 {
			section, name = trimmed[1:end], ""
			if c[section] == nil {
				c[section] = map[string]string{}
			}
			continue
		}
		if at := strings.IndexAny(trimmed, "=:"); at > 0 && section != "" {
			name = strings.ToLower(strings.TrimSpace(trimmed[:at]))
			c[section][name] = strings.TrimSpace(trimmed[at+1:])
		}
	}
	return c
}

// uncommented cuts off a comment at the end of a line.
func uncommented(line string) string {
	for i := 1; i < len(line); i++ {
		if line[i] == ';' && (line[i-1] == ' ' || line[i-1] == '\t') {
			return strings.TrimRight(line[:i], " \t")
		}
	}
	return line
}

var jailRef = regexp.MustCompile(`%\(([^)]*)\)s`)

// get is what an option of a jail is worth, with what it refers to put in: %(name)s, %(section/name)s.
func (c jailConf) get(jail, name string) string {
	const deepest = 10
	value := c.raw(jail, name)
	for range deepest {
		if !jailRef.MatchString(value) || len(value) > longestValue {
			break
		}
		value = jailRef.ReplaceAllStringFunc(value, func(ref string) string {
			name := strings.ToLower(ref[len("%(") : len(ref)-len(")s")])
			section, option, is := strings.Cut(name, "/")
			switch _, known := c[jail][name]; {
			case !is || known:
				return c.raw(jail, name)
			case section+"/" == knownAs:
				return c[jailDefaults][option]
			}
			return c.raw(section, option)
		})
	}
	return strings.ReplaceAll(value, "%%", "%")
}

func (c jailConf) raw(jail, name string) string {
	if name == "__name__" {
		return jail
	}
	value, is := c[jail][name]
	if !is {
		value = c[jailDefaults][name]
	}
	return value[:min(len(value), longestValue)]
}

// enabled are the jails that are switched on, in the order of their names.
func (c jailConf) enabled() (jails []string) {
	for jail := range c {
		if jail == jailDefaults || jail == jailIncludes {
			continue
		}
		switch strings.ToLower(strings.TrimSpace(c.get(jail, "enabled"))) {
		case "1", "yes", "true", "on":
			jails = append(jails, jail)
		}
	}
	slices.Sort(jails)
	return jails
}
