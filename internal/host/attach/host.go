package attach

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"postward/internal/host/postfix"
)

// Direction is a kind of milter socket: Postfix does not tell port 25 from 587 in a macro.
type Direction string

const (
	None       Direction = ""           // no postward: handed back by a content filter, judged already
	Inbound    Direction = "inbound"    // mail from strangers
	Submission Direction = "submission" // AUTH is offered
	Local      Direction = "local"      // injected with sendmail(1), or by another program of Postfix
)

// Service is an entry of master.cf that takes mail: an smtpd, or a cleanup for what does not come through one.
type Service struct {
	Name      string    `json:"name"` // as in master.cf: "smtp", "127.0.0.1:10025"
	Type      string    `json:"type"` // inet, or pass behind postscreen
	Line      int       `json:"line"` // in master.cf, from 1
	Chroot    bool      `json:"chroot"`
	Auth      bool      `json:"auth"`      // smtpd_sasl_auth_enable as it works for this service
	Direction Direction `json:"direction"` // the socket that fits
	Why       string    `json:"why"`       // what Direction was concluded from
	Milters   []string  `json:"milters"`   // effective now, in order

	wrapper bool // TLS from the first octet on
	entry   entry
}

// Host is a Postfix instance as it was found. It is read only.
type Host struct {
	ConfigDir string    `json:"config_dir"`
	Instances []string  `json:"instances"` // configuration directories of every instance on this machine, this one first
	Version   string    `json:"version"`   // mail_version
	QueueDir  string    `json:"queue_dir"`
	Services  []Service `json:"services"`
	Attached  bool      `json:"attached"` // the files mention postward already
	Notes     []string  `json:"notes"`    // worth knowing, no obstacle
	Problems  []string  `json:"problems"` // why nothing can be attached, each with what to do

	bare         *Host             // without postward, when it is attached
	main, master []byte            // the files as read
	values       map[string]string // of the names in hostNames
}

// values answers what parameters are worth to a service with the given overrides, $names replaced.
type values func(overrides []setting, names ...string) (map[string]string, error)

// valuesIn asks the Postfix whose configuration is in dir.
func valuesIn(ctx context.Context, dir string) values {
	return func(overrides []setting, names ...string) (map[string]string, error) {
		var own []string
		for _, o := range overrides {
			own = append(own, o.name+"="+o.value)
		}
		return postfix.Instance{ConfigDir: dir}.Values(ctx, own, names...)
	}
}

const (
	mainCF   = "main.cf"
	masterCF = "master.cf"
)

var (
	hostNames = []string{
		"mail_version", "queue_directory", "smtpd_milters", "non_smtpd_milters", "smtpd_sasl_auth_enable", "smtpd_milter_maps",
		"milter_end_of_data_macros", "milter_protocol", "inet_interfaces", "header_checks", "body_checks", "mime_header_checks", "nested_header_checks", "milter_header_checks", "config_directory",
	}
	serviceNames = []string{
		"smtpd_sasl_auth_enable", "smtpd_milters", "non_smtpd_milters", "receive_override_options", "smtpd_proxy_filter",
		"smtpd_tls_wrappermode", "milter_mail_macros",
	}
)

// Inspect reads the Postfix configuration in configDir ("/etc/postfix"). It changes nothing and needs no
// privileges beyond reading the two files.
func Inspect(ctx context.Context, configDir string) (*Host, error) {
	dir, err := filepath.Abs(configDir)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", configDir, err)
	}
	main, err := postfix.ReadFile(filepath.Join(dir, mainCF))
	if err != nil {
		return nil, err
	}
	master, err := postfix.ReadFile(filepath.Join(dir, masterCF))
	if err != nil {
		return nil, err
	}
	h, err := inspect(dir, main, master, valuesIn(ctx, dir))
	if err != nil {
		return nil, err
	}
	if err := h.compareServices(ctx); err != nil {
		return nil, err
	}
	h.Instances = postfix.Instance{ConfigDir: dir}.Instances(ctx)
	if h.Attached {
		h.bare, err = h.without(ctx)
	}
	return h, err
}

// without is the host as it would be without postward: what it would be attached to anew.
func (h *Host) without(ctx context.Context) (*Host, error) {
	tmp, err := os.MkdirTemp("", "postward-attach-")
	if err != nil {
		return nil, fmt.Errorf("look at the configuration without postward: %w", err)
	}
	defer os.RemoveAll(tmp)
	main, master := strip(h.main), strip(h.master)
	dir, err := writePair(filepath.Join(tmp, "bare"), main, master)
	if err != nil {
		return nil, fmt.Errorf("look at the configuration without postward: %w", err)
	}
	bare, err := inspect(h.ConfigDir, main, master, valuesIn(ctx, dir))
	if err != nil {
		return nil, fmt.Errorf("look at the configuration without postward: %w", err)
	}
	bare.Instances = h.Instances
	return bare, nil
}

// inspect makes a Host of the two texts and of what the parameters are worth.
func inspect(dir string, main, master []byte, get values) (*Host, error) {
	h := &Host{ConfigDir: dir, main: main, master: master}
	var err error
	if h.values, err = get(nil, hostNames...); err != nil {
		return nil, err
	}
	h.Version, h.QueueDir = h.values["mail_version"], h.values["queue_directory"]
	h.Attached = mentions(main) || mentions(master)
	kept, shadowed := inForce(entries(master))
	for _, e := range kept {
		if err := h.addEntry(e, get); err != nil {
			return nil, err
		}
	}
	for _, number := range slices.Sorted(maps.Keys(shadowed)) {
		e := shadowed[number]
		h.note("master.cf:%d and master.cf:%d both are the service %s (%s): Postfix takes the last, and so does attach; take line %d out", number, e.number, e.name, e.kind, number)
	}
	h.checkHost()
	h.checkHold()
	return h, nil
}

func (h *Host) addEntry(e entry, get values) error {
	program := filepath.Base(e.command)
	if program != "smtpd" && program != "cleanup" && program != "pickup" && program != "postscreen" {
		return nil
	}
	v, err := get(e.options, serviceNames...)
	if err != nil {
		return fmt.Errorf("ask for the parameters of %s (master.cf:%d): %w", e.name, e.number, err)
	}
	s := Service{
		Name: e.name, Type: e.kind, Line: e.number, Chroot: e.chroot != "n", entry: e,
		Auth: v["smtpd_sasl_auth_enable"] == "yes", wrapper: v["smtpd_tls_wrappermode"] == "yes",
	}
	switch program {
	case "smtpd":
		s.Milters = postfix.SplitList(v["smtpd_milters"])
		s.Direction, s.Why = direction(s)
		h.checkSmtpd(s, v)
	case "cleanup":
		s.Auth, s.wrapper, s.Direction, s.Why = false, false, Local, "mail that comes through no smtpd"
		s.Milters = postfix.SplitList(v["non_smtpd_milters"])
	case "pickup":
		if hasWord(v["receive_override_options"], "no_milters") {
			h.note("pickup (master.cf:%d) has no_milters: mail injected with sendmail passes unjudged", e.number)
		}
		return nil
	case "postscreen":
		h.note("%s (master.cf:%d) is postscreen: what it lets through reaches the smtpd of type pass", e.name, e.number)
		return nil
	}
	h.Services = append(h.Services, s)
	return nil
}

// direction says which socket fits an smtpd. A port that a content filter hands mail back to is known by what
// its own overrides switch off; where in doubt AUTH wins, so that no door stays open.
func direction(s Service) (Direction, string) {
	mark := returnMark(s.entry)
	unusual := s.Type == "inet" && !isKnownPort(s.Name)
	switch {
	case mark != "" && unusual && isLoopback(s.Name):
		return None, "a content filter hands mail back here (" + mark + " on loopback)"
	case s.Auth && isSMTPPort(s.Name):
		return Submission, "AUTH is offered, on the port for other servers too: their mail is deferred while postward is down"
	case s.Auth:
		return Submission, "AUTH is offered"
	case mark != "" && unusual:
		return None, "a content filter hands mail back here (" + mark + " on an unusual port)"
	}
	return Inbound, "no AUTH"
}

// returnMark returns the override that tells a content filter's return, or "".
func returnMark(e entry) string {
	for _, o := range e.options {
		switch {
		case (o.name == "content_filter" || o.name == "smtpd_milters") && o.value == "":
			return "-o " + o.name + "="
		case o.name == "receive_override_options" && hasWord(o.value, "no_milters"):
			return "-o receive_override_options=…no_milters"
		case o.name == "smtpd_authorized_xforward_hosts" && o.value != "":
			return "-o smtpd_authorized_xforward_hosts"
		}
	}
	return ""
}

// checkSmtpd notes where postward would not see what it must judge.
func (h *Host) checkSmtpd(s Service, v map[string]string) {
	at := fmt.Sprintf("%s (master.cf:%d)", s.Name, s.Line)
	say := h.note
	if s.Direction == Submission {
		say = h.problem
	}
	if s.Direction == None {
		return
	}
	if hasWord(v["receive_override_options"], "no_milters") {
		say("%s has receive_override_options=no_milters: no milter is called there; take no_milters out, or close the port", at)
	}
	if v["smtpd_proxy_filter"] != "" {
		say("%s has smtpd_proxy_filter=%s: a milter sees no message there (SMTPD_PROXY_README); use content_filter instead", at, v["smtpd_proxy_filter"])
	}
	if !hasWord(v["milter_mail_macros"], "{auth_authen}") {
		say("%s: milter_mail_macros lacks {auth_authen}: postward would not know who logged in; add it", at)
	}
}

func (h *Host) checkHost() {
	if major, _, _ := strings.Cut(h.Version, "."); len(major) == 1 && major < "3" {
		h.problem("Postfix %s does not know settings for a single milter; 3.0 or newer is needed", h.Version)
	}
	if maps := h.values["smtpd_milter_maps"]; maps != "" {
		h.note("smtpd_milter_maps=%s: clients listed there pass without postward", maps)
	}
	if !hasWord(h.values["milter_end_of_data_macros"], "i") {
		h.problem("milter_end_of_data_macros lacks i: postward would not know a mail's queue ID; add it")
	}
	if !slices.ContainsFunc(h.Services, func(s Service) bool { return s.Direction == Inbound || s.Direction == Submission }) {
		h.note("no smtpd takes mail from outside here (master.cf): only mail injected with sendmail can be judged")
	}
	for _, name := range []string{"smtpd_milters", "non_smtpd_milters"} {
		if s, ok := parameter(h.main, name); ok && strings.Contains(s.value, "postward") && !h.Attached {
			h.problem("%s names postward, but not as attach writes it; take that out by hand first", name)
		}
	}
}

// Filtered reports whether a content filter hands mail back to one of the services.
func (h *Host) Filtered() bool {
	return slices.ContainsFunc(h.Services, func(s Service) bool { return s.Direction == None })
}

// compareServices makes sure that postconf reads the same services in master.cf as we do.
func (h *Host) compareServices(ctx context.Context) error {
	theirs, err := postfix.Instance{ConfigDir: h.ConfigDir}.Master(ctx)
	if err != nil {
		return err
	}
	var ours []string
	for _, e := range entries(h.master) {
		ours = append(ours, e.name+" "+e.kind+" "+e.command)
	}
	if !slices.Equal(ours, theirs) {
		h.problem("master.cf cannot be read without doubt: postconf -M finds %d services, attach %d; make its lines plain", len(theirs), len(ours))
	}
	return nil
}

func (h *Host) note(format string, args ...any) {
	h.Notes = append(h.Notes, fmt.Sprintf(format, args...))
}
func (h *Host) problem(format string, args ...any) {
	h.Problems = append(h.Problems, fmt.Sprintf(format, args...))
}

// endpoint cuts a service's name into host and port: "smtp", "127.0.0.1:smtp", "[::1]:10025".
func endpoint(name string) (host, port string) {
	i := strings.LastIndexByte(name, ':')
	if i < 0 {
		return "", name
	}
	return strings.Trim(name[:i], "[]"), name[i+1:]
}

func isLoopback(name string) bool {
	host, _ := endpoint(name)
	return host == "localhost" || host == "::1" || strings.HasPrefix(host, "127.")
}

func isSMTPPort(name string) bool {
	_, port := endpoint(name)
	return port == "smtp" || port == "25" || port == "smtpd"
}

// isKnownPort reports whether clients outside expect a mail server at this port.
func isKnownPort(name string) bool {
	_, port := endpoint(name)
	known := []string{"smtp", "25", "smtps", "submissions", "465", "submission", "587", "2525"}
	return slices.Contains(known, port)
}

func hasWord(list, word string) bool { return slices.Contains(postfix.SplitList(list), word) }
