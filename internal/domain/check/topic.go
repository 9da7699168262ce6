package check

import (
	"context"
	"slices"
	"strings"
)

// Topic is what a group of findings is about.
type Topic string

// topics are what is looked at, side by side, in the order in which a person reads them. Each function emits what it
// finds, and returns in one line what it saw; that line is the topic's Fine finding when there was nothing worse to
// say. An empty line: there is nothing to look at here.
var topics = []struct {
	topic Topic
	look  func(*run, context.Context) string
}{
	{"resolver", (*run).asked},
	{"mx", (*run).exchangers},
	{"address", (*run).addresses},
	{"spf", (*run).policy},
	{"dkim", (*run).keys},
	{"dmarc", (*run).alignment},
	{"smtp", (*run).talk},
	{"tls", (*run).starttls},
	{"relay", (*run).strangers},
	{"mta-sts", (*run).promise},
	{"tls-rpt", (*run).reports},
	{"dane", (*run).tlsa},
	{"dnssec", (*run).signed},
	{"caa", (*run).authorities},
	{"bimi", (*run).logo},
	{"lists", (*run).blocklists},
}

// Topics are the topics in the order in which a person reads them.
func Topics() []Topic {
	var all []Topic
	for _, t := range topics {
		all = append(all, t.topic)
	}
	return all
}

func order(t Topic) int { return slices.Index(Topics(), t) }

// Topic is what a finding is about: its ID's first word.
func (id ID) Topic() Topic {
	topic, _, _ := strings.Cut(string(id), ".")
	return Topic(topic)
}

// fine is the ID of a topic's finding when all is well, unknown that of one that could not be learned.
func (t Topic) fine() ID    { return ID(t + ".fine") }
func (t Topic) unknown() ID { return ID(t + ".unknown") }
