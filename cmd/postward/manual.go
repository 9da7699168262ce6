package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"postward/internal/run/config"
)

// manualCommand writes the man pages: of the commands, of the reasons, and of the configuration.
func manualCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{Use: "manual DIRECTORY", Short: "write the man pages", Args: cobra.ExactArgs(1),
		Long: "Write the man pages: postward(8) and one for each command, postward-reasons(7), postward.toml(5). In a directory that is\n" +
			"called man they go where man(1) looks for them, man5, man7 and man8: postward manual /usr/local/share/man",
		RunE: func(_ *cobra.Command, args []string) error {
			if err := writeManual(root, args[0]); err != nil {
				return fmt.Errorf("write the man pages: %w", err)
			}
			return nil
		}}
}

//go:embed postward-reasons.7
var reasonsPage []byte

// elsewhere is what postward(8) refers to beside its commands.
const elsewhere = ", \\fBpostward-reasons(7)\\fP, \\fBpostward.toml(5)\\fP\n"

func writeManual(root *cobra.Command, dir string) error {
	part := func(section string) string { return dir }
	if filepath.Base(filepath.Clean(dir)) == "man" {
		part = func(section string) string { return filepath.Join(dir, "man"+section) }
	}
	for _, section := range []string{"5", "7", "8"} {
		if err := os.MkdirAll(part(section), 0o755); err != nil {
			return err
		}
	}
	root.DisableAutoGenTag = true // the page ends with what it refers to
	header := &doc.GenManHeader{Title: "POSTWARD", Section: "8", Source: "postward " + version, Manual: "postward"}
	if err := doc.GenManTree(root, header, part("8")); err != nil {
		return err
	}
	first := filepath.Join(part("8"), "postward.8")
	page, err := os.ReadFile(first)
	if err != nil {
		return err
	}
	if err := os.WriteFile(first, append(bytes.TrimRight(page, "\n"), elsewhere...), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(part("7"), "postward-reasons.7"), reasonsPage, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(part("5"), "postward.toml.5"), []byte(configurationPage()), 0o644)
}

// configurationPage is the example, which says of every key what it means, as a page.
func configurationPage() string {
	lines := strings.NewReplacer("\\", "\\e", "-", "\\-").Replace(config.Example())
	var b strings.Builder
	b.WriteString(".TH POSTWARD.TOML 5 \"\" \"postward\" \"postward\"\n.SH NAME\npostward.toml \\- the configuration of postward\n.SH DESCRIPTION\n")
	b.WriteString("Every key with its default, as\n.B postward config example\nprints it. What is wrong with a file says\n.BR \"postward config check\" .\n.PP\n.nf\n")
	for line := range strings.Lines(lines) {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			line = "\\&" + line
		}
		b.WriteString(line)
	}
	b.WriteString(".fi\n.SH SEE ALSO\n.BR postward (8),\n.BR postward\\-reasons (7)\n")
	return b.String()
}
