package mailauth

import (
	"fmt"
	"testing"
)

// TestWhoHandedAMailOnIsWhoProvedToBeItsClient: and is no author, where the mail says by more than a Received field that it was handed on.
func TestWhoHandedAMailOnIsWhoProvedToBeItsClient(t *testing.T) {
	const srs = "SRS0=a1=b2=author.example=anna@forward.example"
	for name, c := range map[string]struct {
		l        *letter
		want     string
		survived bool
	}{
		"by SRS":                         {from(t, "author.example").by(forwards, "h", srs), "[{forward.example false}]", false},
		"by SRS, signed by the author":   {from(t, "author.example").sign("author.example").by(forwards, "h", srs), "[{forward.example false}]", true},
		"by a field, and its HELO":       {from(t, "author.example").top("Delivered-To: x@h").by(forwards, "out.forward.example", "-"), "[{out.forward.example false}]", false},
		"by a list":                      {from(t, "author.example").sign("list.example").top("List-Post: <mailto:l@list.example>").by(lists, "h", "x@list.example"), "[{list.example false}]", false},
		"by its seal":                    {hopping(t), "[{list.example true}]", true},
		"by its seal, changed":           {hopping(t).footer(), "[]", false},
		"a seal that vouches for nobody": {from(t, "author.example").seal("list.example").by(lists, "h", "-"), "[{list.example false}]", false},
		"a newsletter":                   {from(t, "author.example").top("List-Id: <n.example>", "List-Unsubscribe: <https://n.example>").by(lists, "h", "x@list.example"), "[]", false},
		"only a Received field":          {from(t, "author.example").top("Received: from a by b").by(forwards, "h", "x@forward.example"), "[]", false},
		"a name that is only said":       {from(t, "author.example").top("Delivered-To: x@h").by(stranger, "out.forward.example", srs), "[]", false},
		"its author's own server":        {from(t, "author.example").top("Delivered-To: x@h"), "[]", false},
		"an author nobody is sure of":    {from(t, "author.example").bottom("From: x@mallory.example").by(forwards, "h", srs), "[]", false},
		"a forger, by his own name":      {from(t, "author.example").top("Delivered-To: x@h").by(stranger, "h", "x@mallory.example"), "[{mallory.example false}]", false},
	} {
		r := c.l.arrive(house(t))
		if got := fmt.Sprint(r.Handed); got != c.want || r.Survived != c.survived {
			t.Errorf("%s: %s %t, want %s %t (%s)", name, got, r.Survived, c.want, c.survived, r.told())
		}
	}
}
