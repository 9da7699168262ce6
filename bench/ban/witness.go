package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"postward/test/rig"
)

// The tables of the two.
const (
	tableOurs   = "postward"
	tableTheirs = "f2b-table"
)

// element is an address in a set of a table.
type element struct {
	table string
	addr  netip.Addr
}

// seen is when elements were first seen.
type seen struct {
	mu    sync.Mutex
	at    map[element]time.Time
	news  chan struct{}
	count map[string]int // different ones, by table
}

func newSeen() seen {
	return seen{at: map[element]time.Time{}, news: make(chan struct{}, 1), count: map[string]int{}}
}

func (s *seen) note(e element, at time.Time) {
	s.mu.Lock()
	if _, known := s.at[e]; !known {
		s.at[e] = at
		s.count[e.table]++
	}
	s.mu.Unlock()
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// wait waits until something is so, and looks whenever something was seen.
func (s *seen) wait(ctx context.Context, what string, is func(*seen) bool) error {
	for {
		s.mu.Lock()
		done := is(s)
		s.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-s.news:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		}
	}
}

// forget begins anew.
func (s *seen) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.at)
	clear(s.count)
}

// monitor is `nft monitor`, whose lines are stamped as they are read. stdbuf has it write each at once.
type monitor struct{ seen }

// watch starts it, and waits until it sees: an element is put into a set of our own for it.
func watch(parts *rig.Processes) (*monitor, error) {
	m := &monitor{newSeen()}
	cmd := exec.Command("stdbuf", "-oL", "nft", "monitor")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start nft monitor: %w", err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			m.take(lines.Text(), time.Now())
		}
	}()
	parts.Add(func() error {
		err := cmd.Process.Kill()
		<-read
		_ = cmd.Wait() // killed
		return err
	})
	const probe = "bench"
	if err := nft("add table inet " + probe + "\nadd set inet " + probe + " seen { type ipv4_addr; }"); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for n := byte(1); ctx.Err() == nil; n++ {
		e := element{probe, netip.AddrFrom4([4]byte{192, 0, 2, n})}
		if err := nft(fmt.Sprintf("add element inet %s seen { %s }", probe, e.addr)); err != nil {
			return nil, err
		}
		one, end := context.WithTimeout(ctx, time.Second)
		err := m.wait(one, "nft monitor", func(s *seen) bool { _, is := s.at[e]; return is })
		end()
		if err == nil {
			return m, nft("delete table inet " + probe)
		}
	}
	return nil, errors.New("wait for nft monitor: it sees nothing")
}

// take takes a line: add element inet postward ban4 { 198.18.0.7 timeout 30m expires 30m }.
func (m *monitor) take(line string, at time.Time) {
	rest, is := strings.CutPrefix(line, "add element inet ")
	if !is {
		return
	}
	table, rest, _ := strings.Cut(rest, " ")
	_, rest, _ = strings.Cut(rest, "{ ")
	word, _, _ := strings.Cut(rest, " ")
	if a, err := netip.ParseAddr(word); err == nil {
		m.note(element{table, a}, at)
	}
}

func nft(lines string) error {
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(lines)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %s", err, out)
	}
	return nil
}

// events are nf_tables' own messages (nft(8), "monitor"), of new elements alone.
type events struct{ seen }

// groupNFTables is NFNLGRP_NFTABLES of linux/netfilter/nfnetlink.h.
const groupNFTables = 7

func subscribe() (*events, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err == nil {
		err = errors.Join(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 256<<20),
			unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1 << (groupNFTables - 1)}))
	}
	if err != nil {
		return nil, fmt.Errorf("subscribe to nf_tables: %w", err)
	}
	e := &events{newSeen()}
	go e.read(fd) // ends with the program
	return e, nil
}

func (e *events) read(fd int) {
	buf := make([]byte, 1<<16)
	for {
		n, _, err := unix.Recvfrom(fd, buf, 0)
		at := time.Now()
		if err != nil { // ENOBUFS: some were lost, which whoever waits for them will say
			continue
		}
		all, err := syscall.ParseNetlinkMessage(buf[:n])
		if err != nil {
			continue
		}
		for _, m := range all {
			if m.Header.Type == unix.NFNL_SUBSYS_NFTABLES<<8|unix.NFT_MSG_NEWSETELEM && len(m.Data) > 4 {
				e.take(m.Data[4:], at)
			}
		}
	}
}

// take reads the elements of a message: see linux/netfilter/nf_tables.h, nft_set_elem_list_attributes.
func (e *events) take(data []byte, at time.Time) {
	list, err := netlink.NewAttributeDecoder(data)
	if err != nil {
		return
	}
	table := ""
	for list.Next() {
		switch list.Type() {
		case unix.NFTA_SET_ELEM_LIST_TABLE:
			table = list.String()
		case unix.NFTA_SET_ELEM_LIST_ELEMENTS:
			list.Nested(func(elements *netlink.AttributeDecoder) error {
				for elements.Next() {
					elements.Nested(func(one *netlink.AttributeDecoder) error {
						e.key(table, one, at)
						return nil
					})
				}
				return nil
			})
		}
	}
}

// key reads the address of one.
func (e *events) key(table string, one *netlink.AttributeDecoder, at time.Time) {
	for one.Next() {
		if one.Type() != unix.NFTA_SET_ELEM_KEY {
			continue
		}
		one.Nested(func(value *netlink.AttributeDecoder) error {
			for value.Next() {
				if a, ok := netip.AddrFromSlice(value.Bytes()); ok && value.Type() == unix.NFTA_DATA_VALUE {
					e.note(element{table, a}, at)
				}
			}
			return nil
		})
	}
}
