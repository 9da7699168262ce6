package main

import "testing"

func BenchmarkCampaign(b *testing.B) {
	f := newField(1, 0)
	h := newHunt(f, &rows[0], 1, nil)
	for b.Loop() {
		c := h.genes.campaign(h.rng)
		f.perform(&rows[0], &c)
	}
}

func BenchmarkCopy(b *testing.B) {
	f := newField(1, 0)
	for b.Loop() {
		f.site.copied()
	}
}
