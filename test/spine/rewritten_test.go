//go:build daemons

package spine_test

import (
	"strings"
	"testing"

	"postward/test/rig"
)

// TestWhatPostfixRewritesIsSignedAsItLeaves: canonical maps, masquerading, header_checks, names without a domain and fields that are missing
// come before the milter. What smtp(8) rewrites comes behind it, and breaks the signature: docs/dkim.md says so.
func TestWhatPostfixRewritesIsSignedAsItLeaves(t *testing.T) {
	o := opinionsOf(t)
	f := signing(t, rig.PostfixConfig{Main: map[string]string{
		"local_header_rewrite_clients": "permit_sasl_authenticated",
		"canonical_maps":               "inline:{ old@example.org=anna@example.org, bob.old@example.net=bob@example.net }",
		"masquerade_domains":           "example.org",
		"header_checks":                "regexp:{ {/^Subject: secret/ REPLACE Subject: public}, {/^X-Mailer:/ IGNORE}, {/^Comments:/ PREPEND X-Had-Comments: yes} }",
		"smtp_generic_maps":            "inline:{ generic@example.org=anna@example.org }",
		"smtp_header_checks":           "regexp:{ {/^Subject: late/ REPLACE Subject: too late}, {/^X-Late:/ IGNORE} }",
	}}, "example.org")
	f.do(t, "account", "allow", "anna", "--address", "*@example.org", "--address", "*@host.example.org")
	bare := func(fields string) rig.Mail { return rig.Mail{Bare: true, Header: fields} }
	var sent []rig.Mail
	for _, c := range []struct {
		name string
		mail rig.Mail
		has  string // in the mail as it arrives
		want string
	}{
		{"a canonical author", rig.Mail{Header: "From: Anna <old@example.org>\r\n"}, "From: Anna <anna@example.org>", holds},
		{"a canonical recipient", rig.Mail{Header: "To: Bob <bob.old@example.net>\r\nCc: bob.old@example.net\r\n"}, "Cc: bob@example.net", holds},
		{"masquerading", rig.Mail{Header: "From: Anna <anna@host.example.org>\r\n"}, "From: Anna <anna@example.org>", holds},
		{"a name without a domain", rig.Mail{Header: "From: anna\r\nReply-To: anna, (comment) bob\r\n"}, "From: anna@example.org", holds},
		{"no Date and no Message-ID", bare("From: anna@example.org\r\nTo: bob@example.net\r\nSubject: none\r\n"), "\nMessage-Id: <", holds},
		{"no From and no To", bare("Subject: nothing\r\n"), "\nFrom: ", holds},
		{"a date of another form", rig.Mail{Header: "Date: Mon, 30 Nov 2026 12:00 +0000\r\nMessage-ID: <a@b>\r\n"}, "Message-ID: <a@b>", holds},
		{"a field that is replaced", rig.Mail{Header: "Subject: secret plans\r\n"}, "Subject: public", holds},
		{"a field that is taken out, one that is put in", rig.Mail{Header: "X-Mailer: none\r\nComments: some\r\n"}, "X-Had-Comments: yes", holds},
		{"a blind copy", rig.Mail{Header: "Bcc: secret@example.net\r\nReturn-Path: <x@example.org>\r\nContent-Length: 7\r\n"}, "Subject: ", holds},
		{"a field that is not signed and goes late", rig.Mail{Header: "X-Late: yes\r\n"}, "Subject: ", holds},
		{"a generic author", rig.Mail{Header: "From: <generic@example.org>\r\n"}, "From: <anna@example.org>", changed},
		{"a field that is replaced late", rig.Mail{Header: "Subject: late\r\n"}, "Subject: too late", changed},
	} {
		c.mail.From, c.mail.To = "anna@example.org", []string{bob}
		m := f.client("anna", office).SendOne(f.ctx, c.mail)
		sent = append(sent, m)
		if m.Outcome != rig.Accepted {
			t.Errorf("%s: %d %s", c.name, m.Code, m.Reply)
			continue
		}
		mail := f.arrived(t, m.Token)
		o.agree(c.name, mail, c.want)
		if !strings.Contains(string(mail), c.has) {
			t.Errorf("%s: %q is not in %s", c.name, c.has, mail)
		}
	}
	f.account(t, sent)
}
