package message

import (
	"slices"
	"testing"
)

// An author in obsolete syntax is the author that receivers show, whatever stands in comments, names and quotes beside it.
func TestNoAuthorHidesInObsoleteSyntax(t *testing.T) {
	for from, want := range map[string][]string{
		"Chef (anna@example.org) <ceo(x)@bank.example>":               {"ceo@bank.example", "anna@example.org"},
		"(anna@example.org) ceo @ bank.example":                       {"ceo@bank.example", "anna@example.org"},
		"ceo(x)@bank.example, anna@example.org":                       {"ceo@bank.example", "anna@example.org"},
		`"The Chief, anna@example.org" <ceo(c)@bank.example>`:         {"ceo@bank.example"},
		"ceo . x@bank.example":                                        {"ceo.x@bank.example"},
		"ceo@bank.(x)example":                                         {"ceo@bank.example"},
		"ceo (a (nested) \\) one) @bank . example (anna@example.org)": {"ceo@bank.example", "anna@example.org"},
		"ceo\r\n @bank.example":                                       {"ceo@bank.example"},
		"ceo \t@\t bank.example":                                      {"ceo@bank.example"},
		`"ceo" @bank.example`:                                         {"ceo@bank.example"},
		"(\r\n <ceo@bank.example>\r\n ) <anna@example.org>":           {"anna@example.org", "ceo@bank.example"},
		`(x\) <ceo@bank.example> (y) <anna@example.org>`:              {"ceo@bank.example", "anna@example.org"},
		"(ceo@bank.example":                                           {"ceo@bank.example"},
		"anna@example.org (Anna)":                                     {"anna@example.org"},
		"Anna M. <anna@example.org>":                                  {"anna@example.org"},
		`"Anna (at home)" <anna@example.org>`:                         {"anna@example.org"},
	} {
		f := New()
		f.Field("From", from)
		if !slices.Equal(f.Authors, want) || f.NoAuthor() {
			t.Errorf("%s: authors %q, unreadable %v", from, f.Authors, f.Unreadable)
		}
	}
	for _, from := range []string{
		"anna@example.org ceo@@bank.example", "ceo@bank@example.org", "anna@example.org <ceo>@bank.example", "<anna@example.org> (", "a@b (c\x00",
		`anna@example.org, "ceo"x"@bank.example`, "anna@example.org, ceo;@bank.example",
	} {
		f := New()
		f.Field("From", from)
		if !f.NoAuthor() && slices.Equal(f.Authors, []string{"anna@example.org"}) && from != "<anna@example.org> (" {
			t.Errorf("%s: it counts as anna's", from)
		}
	}
}
