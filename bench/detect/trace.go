package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"postward/internal/guard"
)

// line is one line of a trace: a submission, or a mail that somebody wrote to an account. Label, Kind and Src
// are for the judge of the measurement and never reach the guard.
type line struct {
	Ev    string   `json:"ev"`
	ID    string   `json:"id"`
	T     float64  `json:"t"` // seconds since the start of the trace
	Acct  string   `json:"acct"`
	IP    string   `json:"ip"`
	ASN   uint32   `json:"asn"`
	CC    string   `json:"cc"`
	MUA   string   `json:"mua"`
	TZ    int16    `json:"tz"`
	Rcpts []string `json:"rcpts"`
	FP    uint64   `json:"fp"`
	DSN   []int    `json:"dsn"` // what the receiving server answers each recipient: 0, 511, 571
	Label string   `json:"label"`
	Kind  string   `json:"kind"`
	Src   string   `json:"src"`
}

// attack is one line of attacks.jsonl.gz: a compromise to be injected at T0.
type attack struct {
	ID       string  `json:"id"`
	Scenario string  `json:"scenario"` // its first letter is the scenario of the tables
	Acct     string  `json:"acct"`
	T0       float64 `json:"t0"`
	Submits  []line  `json:"submits"`
	Days     int     `json:"-"` // how long its leak is counted; 0: one
}

// begin is the instant of second 0 of a trace.
var begin = guard.TimeOf(time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC))

func at(seconds float64) guard.Time { return begin + guard.Time(seconds*1000) }

// transaction is what the guard sees of a submission.
func (l *line) transaction(id string) *guard.Transaction {
	t := &guard.Transaction{
		ID: id, Stage: guard.StageEnd, At: at(l.T), MailAt: at(l.T), Direction: guard.Submission, QueueID: id,
		Login: l.Acct, ReversePath: l.Acct + "@" + domain, Authors: []string{l.Acct + "@" + domain},
		Recipients: l.Rcpts, Mailer: l.MUA, Zone: l.TZ, Fingerprint: l.FP, ASN: l.ASN, Country: l.CC,
	}
	if a, err := netip.ParseAddr(l.IP); err == nil {
		t.Client = a
	} else {
		t.Client = pseudoAddress(l)
	}
	return t
}

// pseudoAddress stands in where a trace names no address: one that is the same for the same account and network.
func pseudoAddress(l *line) netip.Addr {
	h := fnv.New32a()
	fmt.Fprintf(h, "%s/%d", l.Acct, l.ASN)
	n := h.Sum32()
	return netip.AddrFrom4([4]byte{10, byte(n >> 16), byte(n >> 8), byte(n)})
}

// domain is where every account of a trace lives.
const domain = "site.example"

// read calls each for every JSON line of a gzip file.
func read[T any](dir, name string, each func(*T) error) error {
	path := filepath.Join(dir, name)
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read trace: %w", err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return fmt.Errorf("read trace %s: %w", path, err)
	}
	d := json.NewDecoder(bufio.NewReaderSize(z, 1<<20))
	for n := 1; ; n++ {
		var v T
		if err := d.Decode(&v); err == io.EOF {
			return nil
		} else if err != nil {
			return fmt.Errorf("read trace %s, line %d: %w", path, n, err)
		}
		if err := each(&v); err != nil {
			return err
		}
	}
}
