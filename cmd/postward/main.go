// Command postward keeps a Postfix server in good standing. The verbs are short functions: they read flags, ask
// the daemon or a package, and print.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"postward/internal/run/config"
	"postward/internal/run/ctl"
	"postward/internal/wire/netinfo"
)

// version is set by the linker: -X main.version=….
var version = "dev"

// Exit statuses, for scripts and cron.
const (
	exitFine   = 0 // done, nothing to report
	exitFound  = 1 // done, and there is something to look at
	exitFailed = 2 // could not run
)

// errFound is the error that means: this ran, and there is something to look at. It prints nothing by itself.
var errFound = errors.New("something to look at")

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	root := newRoot()
	root.SetArgs(args)
	err := root.Execute()
	switch {
	case err == nil:
		return exitFine
	case errors.Is(err, errFound):
		return exitFound
	}
	complain(err)
	return exitFailed
}

// complain ends with the next step.
func complain(err error) {
	var p *ctl.Problem
	if errors.As(err, &p) {
		fmt.Fprintf(os.Stderr, "postward: %s\n", printable(p.What))
		if p.Hint != "" {
			fmt.Fprintf(os.Stderr, "  try: %s\n", printable(p.Hint))
		}
		return
	}
	for line := range strings.Lines(err.Error()) {
		fmt.Fprintf(os.Stderr, "postward: %s\n", printable(strings.TrimSuffix(line, "\n")))
	}
}

// app is what the verbs share: the flags of the root command.
type app struct {
	config string
	socket string
	json   bool
	yes    bool
	out    *output
}

func newRoot() *cobra.Command {
	a := &app{out: newOutput(os.Stdout)}
	root := &cobra.Command{
		Use:   "postward",
		Short: "keeps a Postfix server in good standing",
		Long: "postward keeps a Postfix server in good standing: it stops a hijacked account before its spam leaves,\n" +
			"says why, tells the owner by another way than mail, and loses nothing.",
		SilenceUsage: true, SilenceErrors: true, Version: version,
	}
	flags := root.PersistentFlags()
	flags.StringVar(&a.config, "config", config.DefaultPath, "configuration file")
	flags.StringVar(&a.socket, "socket", "", "operator socket of the daemon (default: from the configuration)")
	flags.BoolVar(&a.json, "json", false, "print JSON")
	flags.BoolVarP(&a.yes, "yes", "y", false, "do not ask before what cannot be undone")
	root.AddCommand(a.statusCommand(), group(a.accountCommand()), group(a.banCommand()), group(a.sourceCommand()), group(a.allowCommand()), group(a.incidentCommand()), group(a.heldCommand()), group(a.forwarderCommand()), group(a.caseCommand()), group(a.receiverCommand()), group(a.replyCommand()), group(a.mailCommand()), group(a.dkimCommand()),
		a.attachCommand(), a.detachCommand(), group(a.configCommand()), group(a.notifyCommand()), a.serveCommand(), a.investigateCommand(), a.checkCommand(), group(a.dnsCommand()), group(a.listsCommand()), group(a.watchCommand()), manualCommand(root), versionCommand())
	sayUsage(group(root))
	return root
}

func versionCommand() *cobra.Command {
	return &cobra.Command{Use: "version", Short: "print the version, and whose data is in it", Args: cobra.NoArgs, Run: func(*cobra.Command, []string) {
		fmt.Println("postward", version)
		fmt.Println(netinfo.Embedded().Credit())
	}}
}
