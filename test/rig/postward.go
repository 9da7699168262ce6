package rig

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// Build compiles postward into the room and returns the path of the binary. It is the witness's only tie to the
// product: everything else goes through its command line.
func Build() (string, error) {
	path := filepath.Join(Dir(), "postward")
	if Dir() == "" {
		return "", errors.New("build postward: not in a room, call rig.Enter first")
	}
	cmd := exec.Command("go", "build", "-o", path, "postward/cmd/postward")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build postward: %w\n%s", err, out)
	}
	return path, nil
}

// PostwardConfig says how a postward differs from one that was attached and told nothing.
type PostwardConfig struct {
	Binary   string
	Mode     string // shadow if empty
	Settings string // further tables of postward.toml; not [postfix], not [milter]
	Main     string // further keys of its first part
	Log      string // postfix.log_file; empty: the file that the Postfix writes
	Env      []string
	Behind   bool // its sockets lie elsewhere than Postfix believes: the test puts a Wire between
}

// Postward is a postward attached to a private Postfix. It runs as it does on a server: a parent that is root, a
// child that is the user postward.
type Postward struct {
	PostwardConfig
	Dir      string
	Config   string // path of postward.toml
	StateDir string

	postfix *Postfix
	process *Process
}

// NewPostward writes a configuration for a postward beside p. Nothing is attached or started.
func NewPostward(p *Postfix, config PostwardConfig) (*Postward, error) {
	dir, err := NewDir("postward")
	if err != nil {
		return nil, err
	}
	w := &Postward{PostwardConfig: config, Dir: dir, Config: filepath.Join(dir, "postward.toml"), StateDir: filepath.Join(dir, "state"), postfix: p}
	return w, w.configure()
}

// Attach is NewPostward, attached to a Postfix that does not run, by `postward attach --apply`. The Postfix must not
// have milters of its own.
func Attach(p *Postfix, config PostwardConfig) (*Postward, error) {
	w, err := NewPostward(p, config)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	// Nothing listens yet and Postfix does not run: attach need not ask either.
	if _, err = w.Run(ctx, "attach", "--apply", "--unheard", "--no-reload", "--postfix", p.ConfigDir, "--state-dir", w.StateDir); err != nil {
		return w, err
	}
	if config.Behind {
		err = w.configureAt(w.sockets() + "-behind")
	}
	return w, err
}

// sockets is the directory that Postfix looks for postward's sockets in.
func (w *Postward) sockets() string { return filepath.Join(w.postfix.QueueDir, "postward") }

// Wire lays a wire between Postfix and a postward that is Behind, on the socket of a direction.
func (w *Postward) Wire(direction string) (*Wire, error) {
	name := direction + ".sock"
	return NewWire(filepath.Join(w.sockets(), name), filepath.Join(w.sockets()+"-behind", name))
}

func (w *Postward) configure() error { return w.configureAt(w.sockets()) }

func (w *Postward) configureAt(sockets string) error {
	mode := w.Mode
	if mode == "" {
		mode = "shadow"
	}
	text := fmt.Sprintf(`node = "mail.example.org"
mode = %q
state_dir = %q
trash_dir = %q
socket = %q
%s
[postfix]
config_dir = %q
log_file = %q
[milter]
inbound = "unix:%[8]s/inbound.sock"
submission = "unix:%[8]s/submission.sock"
local = "unix:%[8]s/local.sock"
`, mode, w.StateDir, filepath.Join(w.Dir, "trash"), filepath.Join(w.Dir, "run", "control.sock"), w.Main,
		w.postfix.ConfigDir, cmp.Or(w.Log, w.postfix.LogPath), sockets)
	text = fmt.Sprintf("%s\n%s", text, w.Settings)
	if err := os.WriteFile(w.Config, []byte(text), 0o644); err != nil {
		return fmt.Errorf("attach: %w", err)
	}
	return nil
}

// Launch starts it and waits for nothing.
func (w *Postward) Launch() error {
	p, err := StartProcess(w.LogPath(), w.Env, w.Binary, "serve", "--config", w.Config)
	if err != nil {
		return err
	}
	w.process = p
	return nil
}

// Start starts it and waits until it answers.
func (w *Postward) Start() error {
	if err := w.Launch(); err != nil {
		return err
	}
	p := w.process
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err := Wait(ctx, "an answer of postward", func() error {
		select {
		case <-p.Ended():
			return fmt.Errorf("postward has ended: %s", w.LogTail(10))
		default:
		}
		var status struct{ Version string }
		return w.Ask(ctx, &status, "status")
	})
	if err != nil {
		return errors.Join(fmt.Errorf("%w\n%s", err, w.LogTail(10)), p.Kill())
	}
	return nil
}

// Stop drains and ends it.
func (w *Postward) Stop() error {
	if w.process == nil {
		return nil
	}
	return w.process.Stop()
}

// Kill ends parent and child at once, as a power cut does.
func (w *Postward) Kill() error { return w.process.Kill() }

// KillChild ends the daemon alone, with SIGKILL; its parent starts another one.
func (w *Postward) KillChild() error {
	for _, r := range running(func(r Running) bool { return r.Parent == w.process.Pid }) {
		p, err := os.FindProcess(r.Pid)
		if err == nil {
			err = p.Kill()
		}
		if err != nil && !errors.Is(err, os.ErrProcessDone) {
			return fmt.Errorf("kill postward's child: %w", err)
		}
	}
	return nil
}

// Pids are those of the parent and of its child.
func (w *Postward) Pids() []int {
	return append([]int{w.process.Pid}, PidsOf(func(r Running) bool { return r.Parent == w.process.Pid })...)
}

// Run runs a verb of the command line and returns what it printed. Exit status 1 ("there is something to look at")
// is no error.
func (w *Postward) Run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, w.Binary, append([]string{"--config", w.Config}, args...)...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		err = nil
	}
	if err != nil {
		return string(out), fmt.Errorf("postward %v: %w: %s", args, err, said.String())
	}
	return string(out), nil
}

// Ask runs a verb and reads its JSON.
func (w *Postward) Ask(ctx context.Context, into any, args ...string) error {
	out, err := w.Run(ctx, append([]string{"--json"}, args...)...)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(out), into); err != nil {
		return fmt.Errorf("postward %v: %w in %.200s", args, err, out)
	}
	return nil
}

// LogPath is the file of what it says.
func (w *Postward) LogPath() string { return filepath.Join(w.Dir, "postward.log") }

// LogTail is the end of that.
func (w *Postward) LogTail(lines int) string { return tailOf(w.LogPath(), lines) }
