package investigate

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"postward/internal/log/delivery"
	"postward/internal/log/maillog"
)

// maxSample bounds how much of a sample is looked at, in octets, and how many keys are taken from it.
const (
	maxSample = 4 << 20
	maxKeys   = 200
)

// received finds the queue ID that a Received field of Postfix names: "… with ESMTPSA id 4ABCDE for <…>".
var received = regexp.MustCompile(`(?i)\bid ([0-9A-Za-z]{5,20})\b`)

// Keys returns what a spam sample, a complaint or a bounce says by which its mail can be found in our log: Message-IDs
// and queue IDs of its Received fields, however deep they are quoted or attached.
func Keys(sample io.Reader) ([]string, error) {
	var keys []string
	add := func(key string) {
		if key != "" && !slices.Contains(keys, key) && len(keys) < maxKeys {
			keys = append(keys, key)
		}
	}
	lines := bufio.NewScanner(io.LimitReader(sample, maxSample))
	lines.Buffer(nil, maxSample)
	in := "" // the field that a folded line belongs to
	for lines.Scan() {
		line := strings.TrimLeft(lines.Text(), ">| ")
		if name, value, ok := strings.Cut(line, ":"); ok && !strings.ContainsAny(name, " \t") {
			in = strings.ToLower(name)
			line = value
		}
		switch in {
		case "message-id":
			if id := strings.Trim(strings.TrimSpace(line), "<>"); strings.Contains(id, "@") {
				add(id)
			}
		case "received":
			for _, m := range received.FindAllStringSubmatch(line, -1) {
				if maillog.ValidQueueID([]byte(m[1])) {
					add(m[1])
				}
			}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the sample: %w", err)
	}
	return keys, nil
}

// Brothers are the mails that one account sent around a mail.
type Brothers struct {
	Mail       *delivery.Mail `json:"mail"`
	Mails      int            `json:"mails"`       // of the account, within a day of it
	SameClient int            `json:"same_client"` // those from the same address
	Recipients int            `json:"recipients"`
	First      time.Time      `json:"first"`
	Last       time.Time      `json:"last"`
}

// around is how long before and after a mail its brothers are looked for.
const around = 24 * time.Hour

// NewBrothers begins to look for those of a mail.
func NewBrothers(m *delivery.Mail) *Brothers {
	return &Brothers{Mail: m, First: m.Arrived, Last: m.Arrived}
}

// Note counts a mail of the log, if it is one of them; the mail itself is.
func (b *Brothers) Note(m *delivery.Mail) {
	if !m.Queued() || m.Account == "" || m.Account != b.Mail.Account || m.Arrived.Sub(b.Mail.Arrived).Abs() > around {
		return
	}
	b.Mails++
	b.Recipients += len(m.Deliveries) + m.More
	if m.Client == b.Mail.Client {
		b.SameClient++
	}
	if m.Arrived.Before(b.First) {
		b.First = m.Arrived
	}
	if m.Arrived.After(b.Last) {
		b.Last = m.Arrived
	}
}
