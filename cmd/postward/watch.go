package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"postward/internal/guard"
	"postward/internal/lists/dnsbl"
	"postward/internal/lists/standing"
	"postward/internal/run/config"
	"postward/internal/run/ctl"
	"postward/internal/run/daemon"
	"postward/internal/wire/dns"
)

func (a *app) watchCommand() *cobra.Command {
	c := &cobra.Command{Use: "watch", Short: "what the daemon asks blocklists about"}
	c.AddCommand(&cobra.Command{Use: "show [NAME…]", Short: "which lists would be asked about which names, and where; asks nobody",
		Long: "Show which blocklists the daemon asks about the names of watch.names in postward.toml, or would ask about the\n" +
			"addresses and domains given: those that matter, and answer this host. Nobody is asked.",
		Example: "  postward watch show\n  postward watch show 192.0.2.25 example.org",
		RunE:    func(_ *cobra.Command, args []string) error { return a.watchShow(args) }})
	return c
}

// watched is what watch show says.
type watched struct {
	On        bool      `json:"on"`      // the daemon does so
	Watched   []string  `json:"watched"` // what the daemon asks about
	Names     []string  `json:"names"`
	Resolvers []string  `json:"resolvers"`
	Questions []watches `json:"questions"`
	Refused   []refuses `json:"not_asked"` // lists that matter, and why they are not asked
}

type watches struct {
	List  string `json:"list"`
	Title string `json:"title"`
	Zone  string `json:"zone"`
	Name  string `json:"name"`
	Level string `json:"influence"`
}

type refuses struct {
	List string `json:"list"`
	Why  string `json:"why"`
}

func (a *app) watchShow(names []string) error {
	c, err := config.Load(a.config)
	if err != nil && len(names) == 0 {
		return err
	}
	w := watched{Names: names}
	if err == nil {
		w.Watched = c.Watch.Names
	}
	if len(names) == 0 {
		w.Names = w.Watched
	}
	if len(w.Names) == 0 {
		return &ctl.Problem{What: "nothing is watched: watch.names in postward.toml is empty", Hint: "postward watch show ADDRESS DOMAIN, to see what would be asked"}
	}
	w.On = !slices.ContainsFunc(w.Names, func(name string) bool { return !slices.Contains(w.Watched, name) })
	subjects, err := daemon.Subjects(w.Names)
	if err != nil {
		return &ctl.Problem{What: err.Error(), Hint: "addresses like 192.0.2.25 and domains like example.org"}
	}
	if err := a.fillWatched(&w, subjects); err != nil || a.json {
		return a.orJSON(err, w)
	}
	return a.printWatched(&w)
}

// openLists opens blocklists with what the operator agreed with them: keys of the environment and of the file of keys, and
// where the resolver is registered, by flags and by the configuration if there is one. Who may not read the keys asks
// without them.
func (a *app) openLists(client *dns.Client, dir string, registered []string) (*dnsbl.Set, *dnsbl.Checker, error) {
	secrets, err := config.Secrets(config.KeysFile)
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		return nil, nil, err
	}
	if c, err := config.Load(a.config); err == nil {
		registered = slices.Concat(registered, c.Watch.Registered)
	}
	return dnsbl.Open(client, dir, secrets, registered)
}

// fillWatched says who would be asked.
func (a *app) fillWatched(w *watched, subjects []dnsbl.Subject) error {
	client, err := dns.HostClient()
	if err != nil {
		return err
	}
	for _, s := range client.Servers() {
		w.Resolvers = append(w.Resolvers, s.Addr().String())
	}
	set, checker, err := a.openLists(client, config.ListsDir, nil)
	if err != nil {
		return err
	}
	everything := standing.New(set.All(), subjects, func(*dnsbl.List) bool { return true })
	for _, q := range everything.Questions() {
		if why := checker.Refuses(q.List); why != "" {
			if r := (refuses{q.List.Name, why}); !slices.Contains(w.Refused, r) {
				w.Refused = append(w.Refused, r)
			}
			continue
		}
		w.Questions = append(w.Questions, watches{q.List.Name, q.List.Title, checker.Zone(q.List), q.Subject.String(), string(q.List.Influence.Level)})
	}
	return nil
}

func (a *app) printWatched(w *watched) error {
	var rows [][]string
	for _, q := range w.Questions {
		rows = append(rows, []string{q.Name, q.List, q.Zone, q.Level, q.Title})
	}
	if err := a.out.table([]string{"name", "list", "zone", "influence", "title"}, rows); err != nil {
		return err
	}
	a.out.line("")
	for _, r := range w.Refused {
		a.out.line("not asked: %-24s %s", r.List, printable(r.Why))
	}
	every := fmt.Sprintf("%s every %.0f hours, every %.0f minutes while an incident is open, through %s", guard.Count(len(w.Questions), "question"), standing.Every.Hours(), standing.Often.Minutes(), strings.Join(w.Resolvers, ", "))
	switch {
	case w.On:
		a.out.line("\nThe daemon asks: %s.", every)
	case len(w.Watched) > 0:
		a.out.line("\nIt would be %s. The daemon asks about %s; watch.names in postward.toml says so.", every, strings.Join(w.Watched, ", "))
	default:
		a.out.line("\nNobody is asked yet. It would be %s. To switch it on: watch.names in postward.toml, then systemctl reload postward.", every)
	}
	return nil
}
