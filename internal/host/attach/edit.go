package attach

import (
	"regexp"
	"slices"
	"strings"

	"postward/internal/host/postfix"
)

// edit works out the insertions. main.cf gets the default, a service whose socket differs gets an override; so
// a service that is added later is judged as most are.
func (p *Plan) edit(texts map[Direction]string) {
	h := p.Host
	e := &editor{plan: p, texts: texts, def: Inbound, used: map[Direction]bool{}}
	if h.values["smtpd_sasl_auth_enable"] == "yes" {
		e.def = Submission // a service added later offers AUTH too
	}
	e.smtpd()
	e.cleanup()
	e.block()
	p.main, p.master = insert(h.main, e.inMain), insert(h.master, e.inMaster)
}

// editor collects the insertions of one plan.
type editor struct {
	plan  *Plan
	texts map[Direction]string
	def   Direction // of main.cf's smtpd_milters
	used  map[Direction]bool

	milter           bool // $postward_milter is in use
	lines            []string
	inMain, inMaster []insertion
}

// ref returns what stands for a direction's milter, "" for none, and remembers that it is used.
func (e *editor) ref(d Direction) string {
	if e.texts[d] == "" {
		return ""
	}
	e.used[d] = true
	return refs[d]
}

func (e *editor) smtpd() {
	any := false
	for _, s := range e.plan.Host.Services {
		if s.Direction == Local {
			continue
		}
		e.want(s, e.texts[s.Direction])
		any = any || e.texts[s.Direction] != ""
	}
	if !any {
		return
	}
	e.milter = true
	e.parameter("smtpd_milters", refMilter, "every smtpd: "+string(e.def)+" unless master.cf says otherwise")
	for _, s := range e.plan.Host.Services {
		if s.Direction != Local {
			e.service(s)
		}
	}
}

// service edits one smtpd.
func (e *editor) service(s Service) {
	text := e.texts[s.Direction]
	if own, ok := lastSetting(s.entry.options, "smtpd_milters"); ok {
		if text != "" {
			e.override(s, own)
		}
		return
	}
	if text != e.texts[e.def] {
		e.option(s, s.Direction)
	}
}

// cleanup edits what judges mail that no smtpd took. Where non_smtpd_milters ends with smtpd_milters, the word in
// there gets another meaning for cleanup (or none, when local mail is not judged). Else our milter goes behind the
// list, and a word amid it means nothing.
func (e *editor) cleanup() {
	text, inherited := e.texts[Local], false
	for _, s := range e.plan.Host.Services {
		if s.Direction != Local {
			continue
		}
		e.want(s, text)
		own, ok := lastSetting(s.entry.options, "non_smtpd_milters")
		list := own
		if !ok {
			list, _ = parameter(e.plan.Host.main, "non_smtpd_milters")
		}
		copies := e.milter && copiesSmtpd(list.value)
		last := copies && (text == "" || endsWithSmtpd(list.value))
		switch {
		case last || text == "":
		case ok:
			e.override(s, own)
		default:
			inherited = true
		}
		switch {
		case last:
			e.option(s, Local)
		case copies:
			e.option(s, None)
		}
	}
	if inherited {
		e.parameter("non_smtpd_milters", e.ref(Local), "mail injected with sendmail")
	}
}

var smtpdRef = regexp.MustCompile(`\$(?:smtpd_milters\b|[({]\s*smtpd_milters\b)`)

func copiesSmtpd(value string) bool { return smtpdRef.MatchString(value) }

// endsWithSmtpd reports whether no milter of a list's own follows those of smtpd_milters.
func endsWithSmtpd(value string) bool {
	items := postfix.SplitList(value)
	return len(items) > 0 && copiesSmtpd(items[len(items)-1])
}

// whyLast is said where others stand before us.
const whyLast = "; behind the others: when postward holds a mail, Postfix asks no milter after it"

// parameter puts ref behind a list in main.cf, or sets the list in our block.
func (e *editor) parameter(name, ref, why string) {
	main := e.plan.Host.main
	s, ok := parameter(main, name)
	if !ok {
		e.lines = append(e.lines, name+" = "+ref)
		return
	}
	in := token(s, ref)
	e.inMain = append(e.inMain, in)
	e.plan.changed(mainCF, main, in, why+behind(s))
}

func (e *editor) override(s Service, own setting) {
	in := token(own, e.ref(s.Direction))
	e.inMaster = append(e.inMaster, in)
	e.plan.changed(masterCF, e.plan.Host.master, in, s.Name+" ("+s.Type+"): "+s.Why+behind(own))
}

// behind says why our word stands where it does.
func behind(list setting) string {
	if list.first {
		return ""
	}
	return whyLast
}

func (e *editor) option(s Service, d Direction) {
	master := e.plan.Host.master
	in := option(master, s.entry, e.ref(d))
	e.inMaster = append(e.inMaster, in)
	number, _ := lineOf(master, s.entry.tail.start)
	e.plan.added(masterCF, number, in, s.Name+" ("+s.Type+"): "+s.Why)
}

// block defines the parameters that are used: Postfix warns of others.
func (e *editor) block() {
	if !e.milter && !e.used[Local] {
		return
	}
	var lines []string
	if e.milter {
		lines = append(lines, strings.TrimRight("postward_milter = "+e.ref(e.def), " "))
	}
	for _, d := range []Direction{Local, Submission, Inbound} {
		if e.used[d] {
			lines = append(lines, strings.TrimPrefix(refs[d], "$")+" = "+e.texts[d])
		}
	}
	slices.Reverse(lines)
	main := e.plan.Host.main
	in, after := block(main, append(lines, e.lines...))
	e.inMain = append(e.inMain, in)
	e.plan.added(mainCF, after, in, "where postward listens, and what happens while it does not answer")
}

// want remembers what Postfix must say of a service afterwards.
func (e *editor) want(s Service, text string) {
	list := s.Milters
	if text != "" {
		list = append(slices.Clone(list), text)
	}
	e.plan.want[s.key()] = list
}

func (p *Plan) changed(file string, text []byte, in insertion, why string) {
	number, before := lineOf(text, in.at)
	spans := physicalLines(text)
	cut := 0
	if number <= len(spans) {
		cut = in.at - spans[number-1].start
	}
	p.Edits = append(p.Edits, Edit{File: file, Line: number, Before: before, After: before[:cut] + in.text + before[cut:], Why: why})
}

func (p *Plan) added(file string, number int, in insertion, why string) {
	after := strings.ReplaceAll(strings.Trim(in.text, "\r\n"), "\r\n", "\n")
	p.Edits = append(p.Edits, Edit{File: file, Line: number, After: after, Why: why})
}
