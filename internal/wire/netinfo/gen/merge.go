package main

import (
	"cmp"
	"slices"

	"postward/internal/wire/netinfo"
)

// tidy sorts the ranges and takes overlaps away: the range that starts later wins, what the earlier one had behind
// it is unknown. It returns how many it cut.
func tidy(list []span) (tidied []span, cut int) {
	slices.SortStableFunc(list, func(a, b span) int { return cmp.Compare(a.first, b.first) })
	for _, s := range list {
		if n := len(tidied); n > 0 && tidied[n-1].last >= s.first {
			cut++
			if tidied[n-1].first == s.first {
				tidied = tidied[:n-1]
			} else {
				tidied[n-1].last = s.first - 1
			}
		}
		tidied = append(tidied, s)
	}
	return tidied, cut
}

// merge lays two tidy lists over each other: each address has its network of the one and its country of the other.
func merge(networks, countries []span) []netinfo.Start {
	edges := make([]uint64, 0, 2*(len(networks)+len(countries)))
	for _, list := range [][]span{networks, countries} {
		for _, s := range list {
			edges = append(edges, s.first, s.last+1)
		}
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	starts := make([]netinfo.Start, 0, len(edges))
	for _, at := range edges {
		networks, countries = from(networks, at), from(countries, at)
		var info netinfo.Info
		if len(networks) > 0 && networks[0].first <= at {
			info.ASN = networks[0].info.ASN
		}
		if len(countries) > 0 && countries[0].first <= at {
			info.Country = countries[0].info.Country
		}
		starts = append(starts, netinfo.Start{At: at, Info: info})
	}
	return starts
}

// from leaves out the ranges that end before at.
func from(list []span, at uint64) []span {
	for len(list) > 0 && list[0].last < at {
		list = list[1:]
	}
	return list
}
