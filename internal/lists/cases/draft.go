package cases

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"mime"
	"net/mail"
	"strings"
	"text/template"
	"time"
)

// Story is what was measured of the server and of the incident before a listing. What is zero was not measured, and no sentence tells it. There
// is no place in it for a recipient, a text, or the name of an account: a request holds none.
type Story struct {
	Address  string // that is listed
	Host     string // its name, which points at the address and back
	Domain   string
	Contact  string // an address of a person who answers
	Name     string // of that person
	Incident *Incident
	Prevents []Prevention // what is on now
}

// Incident is what happened.
type Incident struct {
	First, Last time.Time // the first and the last mail of it that left
	Left        int       // recipients whose servers took one
	Sources     []string  // from where it was sent
	Found       time.Time
	Stopped     time.Time // the account can send no more since
	Held        int       // mails that were kept from leaving
	Deleted     int
}

// Prevention is something that keeps it from happening again, and is on.
type Prevention string

// The preventions, in the order in which they are told.
const (
	OnList  Prevention = "list"    // only listed accounts may send
	Budgets Prevention = "budgets" // an account that writes to unusually many strangers is held
	Bans    Prevention = "bans"    // who guesses passwords is kept out
	Watches Prevention = "watch"   // blocklists and receivers are watched
	Signed  Prevention = "signed"  // mail is signed (DKIM)
)

// Draft is a request for a person to read, and to send himself.
type Draft struct {
	To, Subject, Text string // To is empty where a form takes the text
}

//go:embed request.tmpl
var requests string

var texts = template.Must(template.New("").Funcs(template.FuncMap{
	"utc": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") },
	"has": func(all []Prevention, one string) bool {
		for _, p := range all {
			if string(p) == one {
				return true
			}
		}
		return false
	},
	"and": func(all []string) string { return strings.Join(all, ", ") },
}).Parse(requests))

// Languages are those in which a request can be written.
var Languages = []string{"en", "de"}

// ErrNotYet says that something stands in the way of asking; the View says what.
var ErrNotYet = errors.New("not yet")

// Draft writes the request of a case. It is refused while anything stands in its way, and where there is nobody to ask.
func (v *View) Draft(s *Story, language string, f *Facts, now time.Time) (*Draft, error) {
	switch v.Stage {
	case Waiting, Listed, Requested, Denied:
		return nil, fmt.Errorf("draft a request for case %d: %w: %s", v.ID, ErrNotYet, v.Next)
	}
	t := texts.Lookup(language)
	if t == nil {
		return nil, fmt.Errorf("draft a request in %q: that is none of the languages: %s", language, strings.Join(Languages, ", "))
	}
	var text bytes.Buffer
	err := t.Execute(&text, map[string]any{"View": v, "Story": s, "Facts": f, "Hours": int(now.Sub(f.LastSpam).Hours()), "Provider": v.Rule.Asks == Provider})
	if err != nil {
		return nil, fmt.Errorf("draft a request for case %d: %w", v.ID, err)
	}
	subject, body, _ := strings.Cut(strings.TrimSpace(text.String()), "\n")
	return &Draft{To: addressee(v.Rule), Subject: subject, Text: strings.TrimSpace(body) + "\n"}, nil
}

// addressee is the mail address of a rule; a provider's desk is not known to us.
func addressee(r *Rule) string {
	if to, is := strings.CutPrefix(r.Link, "mailto:"); is && r.Asks != Provider {
		return to
	}
	return ""
}

// Mail is the draft as a file that a mail program opens: it has no Date and no Message-ID, for it was not sent.
func (d *Draft) Mail(from string) []byte {
	var b bytes.Buffer
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\r\n", name, value)
		}
	}
	if a, err := mail.ParseAddress(from); err == nil {
		field("From", a.String())
	}
	field("To", d.To)
	field("Subject", mime.QEncoding.Encode("utf-8", d.Subject))
	field("X-Unsent", "1")
	field("MIME-Version", "1.0")
	field("Content-Type", "text/plain; charset=utf-8")
	field("Content-Transfer-Encoding", "8bit")
	b.WriteString("\r\n" + strings.ReplaceAll(d.Text, "\n", "\r\n"))
	return b.Bytes()
}
