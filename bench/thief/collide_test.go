package main

import (
	"hash/fnv"
	"strings"
	"testing"
)

func fnvOf(address string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(address))
	return h.Sum64()
}

func TestColliderMakesStrangersWithTheHashOfAPartner(t *testing.T) {
	found := newCollider(partner, 100, 1).find(4)
	if len(found) < 4 {
		t.Fatalf("%d addresses were found in four rounds, about 16 were expected", len(found))
	}
	for who, address := range found {
		if fnvOf(address) != fnvOf(partner) {
			t.Errorf("%s has the hash %x, %s has %x", address, fnvOf(address), partner, fnvOf(partner))
		}
		if !strings.HasPrefix(address, mailbox(who)) || !strings.HasSuffix(address, provider) {
			t.Errorf("%s is no address of stranger %d", address, who)
		}
	}
}

func TestHashIsTakenBack(t *testing.T) {
	if h := hashBack(fnvOf("abc@d.example"), "@d.example"); h != hashOn(fnvStart, "abc") {
		t.Errorf("taken back to %x, not %x", h, hashOn(fnvStart, "abc"))
	}
}
