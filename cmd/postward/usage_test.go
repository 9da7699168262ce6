package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestAWrongCommandLineSaysTheNextStep(t *testing.T) {
	for line, want := range map[string][]string{
		"check example.org --no-conect":    {"unknown flag: --no-conect", "postward check --help"},
		"status --jsn":                     {"unknown flag: --jsn", "try: --json, or postward status --help"},
		"held list --frobnicatexyz":        {"unknown flag: --frobnicatexyz", "try: postward held list --help"},
		"status -x":                        {"unknown shorthand flag", "try: postward status --help"},
		"mail trace":                       {"postward mail trace wants an ID", "try: postward mail trace --help"},
		"mail find":                        {"postward mail find wants a KEY", "try: postward mail find --help"},
		"mail trace a b":                   {"postward mail trace wants an ID, and was given 2", "--help"},
		"account class anna":               {"postward account class wants ACCOUNT person|newsletter|application, and was given 1", "--help"},
		"held release":                     {"postward held release wants a QUEUE-ID", "--help"},
		"status now":                       {`postward status wants no argument: "now"`, "--help"},
		"account class anna x --budget 5k": {`--budget does not take "5k"`, "try: a number", "--help"},
		"investigate --html":               {"flag needs an argument: --html", "try: postward investigate --help"},
		"investgate":                       {`postward has no command "investgate"`, "try: postward investigate"},
		"investgate --html x /var/log":     {`postward has no command "investgate"`, "try: postward investigate"},
		"zzzz":                             {`postward has no command "zzzz"`, "try: postward --help"},
		"acount list":                      {`postward has no command "acount"`, "try: postward account"},
		"mail trac":                        {`postward mail has no command "trac"`, "try: postward mail trace"},
	} {
		_, said, code := postward(t, strings.Fields(line)...)
		if code != exitFailed || strings.Contains(said, "·") || strings.Contains(said, "postward: \n") || !strings.Contains(said, "\n  try: ") {
			t.Errorf("%s: %d %s", line, code, said)
		}
		for _, w := range want {
			if !strings.Contains(said, w) {
				t.Errorf("%s: no %q: %s", line, w, said)
			}
		}
	}
}

func TestADurationWithoutItsUnitSaysHowOneIsWritten(t *testing.T) {
	c := &cobra.Command{Use: "x"}
	c.Flags().Duration("timeout", 0, "")
	err := usageOfFlag(c, c.ParseFlags([]string{"--timeout", "5"}))
	if err == nil || !strings.Contains(err.Error(), `--timeout does not take "5"`) || !strings.Contains(err.Error(), "a duration like 30s or 5m") {
		t.Error(err)
	}
}

func TestHelpIsNoError(t *testing.T) {
	for _, line := range []string{"", "help", "mail", "mail trace --help", "--version", "help mail trace"} {
		if out, said, code := postward(t, strings.Fields(line)...); code != exitFine || said != "" || out == "" {
			t.Errorf("%q: %d %s", line, code, said)
		}
	}
}
