package attach

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	toolTime  = 30 * time.Second // for one call of a Postfix tool; `postfix stop` waits for its daemons
	maxOutput = 8 << 20          // octets kept of what a tool prints
)

// tool runs one of Postfix's commands without a shell and with an empty environment: MAIL_CONFIG and the like
// would make it speak of another instance.
func tool(ctx context.Context, name string, args ...string) (stdout, stderr string, err error) {
	ctx, cancel := context.WithTimeout(ctx, toolTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, toolPath(name), args...)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}
	cmd.WaitDelay = time.Second // a daemon that inherited our pipe does not keep us
	out, errs := &bounded{}, &bounded{}
	cmd.Stdout, cmd.Stderr = out, errs
	err = cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	if err != nil {
		err = fmt.Errorf("run %s %s: %w: %s", name, strings.Join(args, " "), err, lastLine(errs.String()))
	}
	return out.String(), errs.String(), err
}

// toolPath finds a command of Postfix; root's PATH does not always name /usr/sbin.
func toolPath(name string) string {
	for _, dir := range []string{"/usr/sbin", "/usr/local/sbin", "/usr/bin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	return name
}

// bounded keeps the first maxOutput octets written to it.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	if room := maxOutput - b.Len(); room > 0 {
		b.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	s = s[strings.LastIndexByte(s, '\n')+1:]
	if len(s) > 300 {
		s = s[:300]
	}
	return s
}

// values answers what parameters are worth to a service with the given overrides, $names replaced.
type values func(overrides []setting, names ...string) (map[string]string, error)

// postconfValues asks postconf(1) about the configuration in dir.
func postconfValues(ctx context.Context, dir string) values {
	return func(overrides []setting, names ...string) (map[string]string, error) {
		args := []string{"-c", dir, "-x"}
		for _, o := range overrides {
			args = append(args, "-o", o.name+"="+o.value)
		}
		out, _, err := tool(ctx, "postconf", append(args, names...)...)
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
				return nil, fmt.Errorf("ask postconf for %s in %s: no answer", name, dir)
			}
		}
		return got, nil
	}
}

// postconfServices returns "name type command" of every service as postconf reads master.cf.
func postconfServices(ctx context.Context, dir string) ([]string, error) {
	out, _, err := tool(ctx, "postconf", "-c", dir, "-M")
	if err != nil {
		return nil, err
	}
	var all []string
	for line := range strings.Lines(out) {
		if f := strings.Fields(line); len(f) >= 8 {
			all = append(all, f[0]+" "+f[1]+" "+f[7])
		}
	}
	return all, nil
}

// postconfWarnings returns what postconf complains about, sorted, each once.
func postconfWarnings(ctx context.Context, dir string) ([]string, error) {
	_, errs, err := tool(ctx, "postconf", "-c", dir, "-n")
	if err != nil {
		return nil, err
	}
	var all []string
	for line := range strings.Lines(errs) {
		line = strings.ReplaceAll(strings.TrimSpace(line), filepath.Clean(dir)+"/", "")
		if line != "" {
			all = append(all, line)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}
