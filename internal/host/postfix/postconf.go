package postfix

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// Values returns what parameters are worth to a service with these overrides ("name=value", master(5), -o), $names
// replaced: postconf -x -o, which Postfix has from 2.10 on. A name that Postfix does not know is an error.
func (p Instance) Values(ctx context.Context, overrides []string, names ...string) (map[string]string, error) {
	args := []string{"-x"}
	for _, o := range overrides {
		args = append(args, "-o", o)
	}
	out, _, err := Tool(ctx, "postconf", p.args(append(args, names...)...)...)
	if err != nil {
		return nil, err
	}
	got := map[string]string{}
	for line := range strings.Lines(out) {
		if name, value, ok := strings.Cut(line, "="); ok {
			got[strings.TrimSpace(name)] = strings.TrimSpace(value)
		}
	}
	for _, name := range names {
		if _, ok := got[name]; !ok {
			return nil, fmt.Errorf("ask postconf for %s in %s: no answer", name, p.ConfigDir)
		}
	}
	return got, nil
}

// Everywhere returns what a parameter is worth in main.cf, and to each service that sets it by -o.
func (p Instance) Everywhere(ctx context.Context, name string) ([]string, error) {
	overrides, err := p.overrides(ctx)
	if err != nil {
		return nil, err
	}
	all := [][]string{nil}
	for _, service := range slices.Sorted(maps.Keys(overrides)) {
		if own := overrides[service]; slices.ContainsFunc(own, func(o string) bool { return strings.HasPrefix(o, name+"=") }) {
			all = append(all, own)
		}
	}
	var worth []string
	for _, own := range all {
		v, err := p.Values(ctx, own, name)
		if err != nil {
			return nil, err
		}
		worth = append(worth, v[name])
	}
	return worth, nil
}

// Get returns a parameter's value as it is in force; empty if Postfix does not know it.
func (p Instance) Get(ctx context.Context, parameter string) (string, error) {
	lines, err := p.conf(ctx, "-xh", parameter)
	return strings.TrimSpace(strings.Join(lines, "\n")), err
}

// Master returns "name type command" of every service of master.cf, in the order written.
func (p Instance) Master(ctx context.Context) ([]string, error) {
	table, err := p.conf(ctx, "-M")
	var all []string
	for _, line := range table {
		if f := strings.Fields(line); len(f) >= 8 {
			all = append(all, f[0]+" "+f[1]+" "+f[7])
		}
	}
	return all, err
}

// Warnings returns what postconf complains about, sorted, each once.
func (p Instance) Warnings(ctx context.Context) ([]string, error) {
	_, errs, err := Tool(ctx, "postconf", p.args("-n")...)
	if err != nil {
		return nil, err
	}
	var all []string
	for line := range strings.Lines(errs) {
		line = strings.ReplaceAll(strings.TrimSpace(line), filepath.Clean(p.ConfigDir)+"/", "")
		if line != "" {
			all = append(all, line)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// Instances returns the configuration directories of this machine's instances, this one first: those that it or the
// default one names (postmulti(1)). What cannot be asked is left out.
func (p Instance) Instances(ctx context.Context) []string {
	all := []string{p.ConfigDir}
	named, _ := p.Get(ctx, multiInstances)
	root, err := Instance{}.conf(ctx, "-d", "-h", "config_directory")
	if dir := strings.Join(root, ""); err == nil && dir != p.ConfigDir {
		if theirs, err := (Instance{ConfigDir: dir}).Get(ctx, multiInstances); err == nil {
			named += " " + dir + " " + theirs
		}
	}
	for _, dir := range SplitList(named) {
		if !slices.Contains(all, dir) {
			all = append(all, dir)
		}
	}
	return all
}

const multiInstances = "multi_instance_directories"

// overrides returns the -o parameters of every service, "name=value", by "name/type" of the service. Of two services
// of one name and type Postfix itself keeps the last value.
func (p Instance) overrides(ctx context.Context) (map[string][]string, error) {
	lines, err := p.conf(ctx, "-P")
	all := map[string][]string{}
	for _, line := range lines {
		key, value, _ := strings.Cut(line, "=")
		if at := strings.LastIndexByte(key, '/'); at >= 0 {
			all[key[:at]] = append(all[key[:at]], strings.TrimSpace(key[at+1:])+"="+strings.TrimSpace(value))
		}
	}
	return all, err
}

// conf returns the lines that postconf prints.
func (p Instance) conf(ctx context.Context, args ...string) ([]string, error) {
	var lines []string
	err := p.run(ctx, nil, func(r io.Reader) error {
		s := bufio.NewScanner(io.LimitReader(r, maxOutput))
		s.Buffer(nil, maxOutput)
		for s.Scan() {
			lines = append(lines, s.Text())
		}
		return errors.Join(s.Err(), discard(r))
	}, "postconf", args...)
	return lines, err
}
