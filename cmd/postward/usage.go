package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"postward/internal/run/config"
	"postward/internal/run/ctl"
)

// What is said of a command line that is wrong: cobra's own words name no next step.

// onlyCommands marks a group: what it is given is a command, or wrong.
const onlyCommands = "only commands"

// group makes a command that only has commands say so, and not end as if something had been done.
func group(c *cobra.Command) *cobra.Command {
	c.Args, c.Annotations = cobra.ArbitraryArgs, map[string]string{onlyCommands: ""}
	c.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		return noCommand(c, args[0])
	}
	return c
}

func noCommand(c *cobra.Command, name string) error {
	hint := c.CommandPath() + " --help"
	if near := config.Nearest(name, c.SuggestionsFor(name)); near != "" {
		hint = c.CommandPath() + " " + near
	}
	return &ctl.Problem{What: fmt.Sprintf("%s has no command %q", c.CommandPath(), name), Hint: hint}
}

// sayUsage makes a command and those below it say what is wrong with a command line in our words.
func sayUsage(c *cobra.Command) {
	c.SuggestionsMinimumDistance = 2
	c.SetFlagErrorFunc(usageOfFlag)
	for _, sub := range c.Commands() {
		sayUsage(sub)
	}
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if check(c, args) == nil {
				return nil
			}
			return usageOfArgs(c, args)
		}
	}
}

// usageOfArgs names the arguments as the command's usage does.
func usageOfArgs(c *cobra.Command, args []string) error {
	_, want, _ := strings.Cut(c.Use, " ")
	given := ""
	switch {
	case want == "":
		want, given = "no argument", fmt.Sprintf(": %q", args[0])
	case !strings.Contains(want, " "):
		want = article(want) + " " + strings.TrimSuffix(want, "…")
	}
	if given == "" && len(args) > 0 {
		given = fmt.Sprintf(", and was given %d", len(args))
	}
	return &ctl.Problem{What: c.CommandPath() + " wants " + want + given, Hint: c.CommandPath() + " --help"}
}

func article(word string) string {
	if strings.ContainsAny(word[:1], "AEIOU") {
		return "an"
	}
	return "a"
}

// usageOfFlag is what a wrong flag is told.
func usageOfFlag(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	var bad *pflag.InvalidValueError
	hint := c.CommandPath() + " --help"
	_, grouped := c.Annotations[onlyCommands]
	switch {
	case err == nil, errors.Is(err, pflag.ErrHelp):
		return err
	case grouped && c.Flags().NArg() > 0: // its flag is not ours: the command is what is wrong
		return noCommand(c, c.Flags().Arg(0))
	case errors.As(err, &bad):
		f := bad.GetFlag()
		return &ctl.Problem{What: fmt.Sprintf("--%s does not take %q", f.Name, bad.GetValue()), Hint: takes[f.Value.Type()] + hint}
	case errors.As(err, &unknown):
		if near := nearestFlag(c, unknown); near != "" {
			hint = "--" + near + ", or " + hint
		}
	}
	return &ctl.Problem{What: err.Error(), Hint: hint}
}

// takes says how a value of a type of flag is written.
var takes = map[string]string{
	"duration": "a duration like 30s or 5m; ", "int": "a number; ", "int64": "a number; ", "uint": "a number; ", "bool": "true or false; ",
}

func nearestFlag(c *cobra.Command, unknown *pflag.NotExistError) string {
	if unknown.GetSpecifiedShortnames() != "" {
		return ""
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	return config.Nearest(unknown.GetSpecifiedName(), names)
}
