package milter

import (
	"errors"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/cases"

	"postward/internal/guard"
	"postward/internal/mail/message"
)

// What the sender and the recipients of a mail are.
//
// The argument of MAIL and RCPT is the client's text: Postfix finds an address in it as RFC 822 reads one, with comments,
// phrases and groups (strict_rfc821_envelopes is off by default), completes it, and takes routes of its own host out of it
// (user%domain@here, domain!user@here). What it made of it is in {mail_addr} and {rcpt_addr} (MILTER_README), in lower
// case, quoted where it must be. Seen on Postfix 3.7:
//
//   - {rcpt_addr} is where the mail goes, in every case; of mail from sendmail(1), which cleanup(8) tells of, a route of
//     this host is still in it: such a recipient counts under a name of its own, and never under another one's;
//   - {mail_addr} has the routes taken out too, and the reverse-path that leaves has not: anna%example.org@here is
//     anna@example.org to the macro. So it is believed where the argument says the same;
//   - both have their case folded as Unicode does it: faß.example is fass.example, which is another domain.
//
// Without a macro (another MTA) the argument is all there is, and is read strictly.

var (
	errTwoWays = errors.New("it reads in two ways")
	errNobody  = errors.New("it is empty")
)

// sender returns the reverse-path that will leave. found says whether the MTA said what it made of the argument.
func sender(argument, macro string, found bool) (string, error) {
	if !found {
		return message.Path(argument)
	}
	made, err := message.Address(macro)
	if err != nil {
		return "", err
	}
	said, err := message.Path(bracketed(argument))
	switch {
	case err == nil && (said == made || sameButCase(argument, made)):
		return said, nil
	case err == nil && completed(said, made), err != nil && hasNoRoute(argument):
		return made, nil
	}
	return "", errTwoWays
}

// recipient returns the forward-path that the mail goes to.
func recipient(argument, macro string, found bool) (to string, err error) {
	if !found {
		to, err = message.Path(argument)
	} else if to, err = message.Address(macro); err == nil && sameButCase(argument, to) {
		to, err = message.Path(bracketed(argument))
	}
	if err == nil && to == "" {
		err = errNobody
	}
	return to, err
}

// bracketed is a path whose angle brackets the client, or cleanup(8), left out.
func bracketed(argument string) string {
	if strings.HasPrefix(argument, "<") {
		return argument
	}
	return "<" + argument + ">"
}

// sameButCase reports whether an argument is what Postfix folded to made, and nothing else is different.
func sameButCase(argument, made string) bool {
	if !strings.ContainsFunc(argument, func(r rune) bool { return r >= utf8.RuneSelf }) {
		return false // message.Path folds ASCII as Postfix does
	}
	folded, err := message.Path(bracketed(cases.Fold().String(argument)))
	return err == nil && folded == made
}

// completed reports whether the MTA added its own domain, or the end of it, to what was said.
func completed(said, made string) bool {
	rest, found := strings.CutPrefix(made, said)
	if message.DomainOf(said) == "" {
		return found && said != "" && strings.HasPrefix(rest, "@")
	}
	return found && strings.HasPrefix(rest, ".") && !strings.Contains(message.DomainOf(said), ".")
}

// hasNoRoute reports whether an argument with a comment or a phrase holds one address at most, and nothing that Postfix
// could take for a route.
func hasNoRoute(argument string) bool {
	return !strings.ContainsAny(argument, `%!"\`) && strings.Count(argument, "@") <= 1
}

// unread is the answer to an address that cannot be read as one.
func unread(code int, enhanced, what, argument string, err error) Answer {
	return Answer{Action: guard.Reject, Reply: guard.Reply{
		Code: code, Enhanced: enhanced, Text: "the " + what + " " + message.Clean(argument) + " cannot be read as one address: " + err.Error() + "; write it as <name@domain>",
	}}
}
