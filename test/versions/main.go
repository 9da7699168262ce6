// Command versions records what one release's Postfix and Dovecot write to their logs: it plays a fixed number of sessions, good
// ones and broken ones, to private daemons, and leaves one file for each form of the log.
//
//	versions DIR       the files are DIR/FORM.log.gz; the first line of each says of which versions it is
//
// record.sh runs it in a tree of each Debian release. It needs root, Postfix, Dovecot with IMAP, POP3 and ManageSieve, and
// rsyslog. Exit status 0: everything was played. 2: it could not be; the last line says why.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"postward/test/rig"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: versions DIR")
		os.Exit(2)
	}
	if old := os.Getenv("OLD_ROOT"); old != "" { // a tree has no umount(8)
		_ = unix.Unmount(old, unix.MNT_DETACH)
		os.Unsetenv("OLD_ROOT")
	}
	inside, code, err := rig.Enter(rig.Room{Open: true, Needs: []string{"postfix", "dovecot", "rsyslogd"}})
	if err == nil && inside {
		ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
		defer cancel()
		err = record(ctx, os.Args[1])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "versions:", err)
		os.Exit(2)
	}
	os.Exit(code)
}

// stamps are values of Dovecot's log_timestamp, by the name of their file.
var stamps = []struct{ form, format string }{
	{"dovecot-default", "%b %d %H:%M:%S "},
	{"dovecot-iso", "%Y-%m-%d %H:%M:%S "},
	{"dovecot-rfc3339", "%Y-%m-%dT%H:%M:%S%z "},
	{"dovecot-zone", "%F %T %Z "},
	{"dovecot-ctime", "%a %b %e %H:%M:%S %Y "},
	{"dovecot-epoch", "%s "},
}

// record plays everything twice: once into a syslog daemon that writes three forms, once into the files of Postfix and Dovecot. Then
// the mailboxes alone, for each stamp.
func record(ctx context.Context, out string) error {
	if err := playSyslog(ctx, out); err != nil {
		return fmt.Errorf("play into the syslog daemon: %w", err)
	}
	if err := playFiles(ctx, out); err != nil {
		return fmt.Errorf("play into the daemons' own files: %w", err)
	}
	for _, stamp := range stamps {
		if err := playStamp(ctx, out, stamp.form, stamp.format); err != nil {
			return fmt.Errorf("play with log_timestamp = %q: %w", stamp.format, err)
		}
	}
	return nil
}

func playSyslog(ctx context.Context, out string) error {
	var parts rig.Processes
	syslogd, files, err := startSyslog()
	if err != nil {
		return err
	}
	parts.Add(syslogd.Stop)
	err = play(ctx, &parts, "", lines("log_path = syslog"))
	if closed := parts.Close(); err == nil {
		err = closed
	}
	for form, path := range files {
		if err == nil {
			err = keep(path, out, form)
		}
	}
	return err
}

func playFiles(ctx context.Context, out string) error {
	var parts rig.Processes
	dir, err := rig.NewDir("files")
	if err != nil {
		return err
	}
	verbose, err := talkative()
	if err != nil {
		return err
	}
	own := filepath.Join(dir, "dovecot.log")
	err = play(ctx, &parts, filepath.Join(dir, "mail.log"), lines(verbose, "log_path = "+own))
	if closed := parts.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = keep(filepath.Join(dir, "mail.log"), out, "maillog_file")
	}
	if err == nil {
		err = keep(own, out, "dovecot-verbose")
	}
	return err
}

func playStamp(ctx context.Context, out, form, format string) error {
	var parts rig.Processes
	dir, err := rig.NewDir("stamp")
	if err != nil {
		return err
	}
	own := filepath.Join(dir, "dovecot.log")
	s := &site{}
	err = s.mailboxesOnly(&parts, lines("log_path = "+own, `log_timestamp = "`+format+`"`))
	if err == nil {
		err = s.readMail(ctx)
	}
	if closed := parts.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = keep(own, out, form)
	}
	return err
}

func lines(all ...string) string { return strings.Join(all, "\n") + "\n" }

// keep writes a log to where it stays, behind a line that says of which versions it is.
func keep(path, out, form string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, err := versions()
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := w.Write(append([]byte(head), text...)); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, form+".log.gz"), packed.Bytes(), 0o644)
}

func versions() (string, error) {
	postfix, err := exec.Command("postconf", "-d", "-h", "mail_version").Output()
	if err != nil {
		return "", fmt.Errorf("ask Postfix for its version: %w", err)
	}
	dovecot, err := rig.DovecotVersion()
	number, _, _ := strings.Cut(dovecot, " ")
	return fmt.Sprintf("# Postfix %s, Dovecot %s\n", strings.TrimSpace(string(postfix)), number), err
}
