package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// others are attacks that the trace does not have: made here, beside every slow one of the trace, on the same account.
// They have no goal. They say what the guard does not see.
func (p *play) others(a *attack) {
	home, ok := p.source[a.Acct]
	if !ok || !strings.HasPrefix(a.Scenario, "D") {
		return
	}
	foreign := line{IP: "100.64.7.7", ASN: 64500, CC: "XX", MUA: "bot", TZ: 0}
	own := line{IP: "100.127.9.9", ASN: home.ASN, CC: home.CC, MUA: "bot", TZ: home.TZ}
	country := line{IP: "100.127.9.9", ASN: 64501, CC: home.CC, MUA: "bot", TZ: home.TZ}
	mimic := country
	mimic.MUA = home.MUA
	p.inject(made(a, "L in the owner's own network, 20/h, texts vary", own, 200, 180, 1))
	p.inject(made(a, "M text and client vary, 3000/h", foreign, 600, 1.2, 1))
	p.inject(made(a, "P patient: one in 4 h, home country, 10 days", country, 60, 4*3600, 10))
	p.inject(made(a, "Q the owner's client copied, home country, 20/h", mimic, 200, 180, 1))
	p.inject(p.together(a, foreign))
}

// made is an attack of n mails, one every so many seconds, each with a text of its own to one stranger.
func made(on *attack, scenario string, from line, n int, every float64, days int) *attack {
	a := &attack{ID: on.ID + scenario[:1], Scenario: scenario, Acct: on.Acct, T0: on.T0, Days: days}
	for i := range n {
		l := from
		l.Acct, l.T = on.Acct, on.T0+float64(i)*every
		l.FP = (uint64(on.T0)*1_000_003 + uint64(i) + 1) * 0x9e3779b97f4a7c15
		l.Rcpts = []string{fmt.Sprintf("victim%d@%s.invalid", i, a.ID)}
		if strings.HasPrefix(scenario, "M") {
			l.MUA = fmt.Sprintf("bot-%d", i)
		}
		a.Submits = append(a.Submits, l)
	}
	return a
}

// together is one text from ten accounts that were hijacked at once.
func (p *play) together(on *attack, from line) *attack {
	a := &attack{ID: on.ID + "N", Scenario: "N ten accounts at once, 60/h each, same text", Acct: on.Acct, T0: on.T0, Days: 1}
	names := slices.Sorted(maps.Keys(p.source))
	slices.SortStableFunc(names, func(x, y string) int { return int(p.source[y].T - p.source[x].T) })
	names = append([]string{on.Acct}, names[:min(9, len(names))]...)
	for i := range 20 * len(names) {
		l := from
		l.Acct, l.T, l.FP = names[i%len(names)], on.T0+float64(i)*60/float64(len(names)), uint64(on.T0)
		l.Rcpts = []string{fmt.Sprintf("victim%d@%s.invalid", i, a.ID)}
		a.Submits = append(a.Submits, l)
	}
	return a
}
