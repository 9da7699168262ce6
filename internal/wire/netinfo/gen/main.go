// Command gen makes table.bin of the npm packages @ip-location-db/asn and @ip-location-db/asn-country.
//
//	go generate ./internal/wire/netinfo                    fetches the newest packages with npm
//	go run ./gen -o table.bin -from DIR               reads the two .tgz files that npm pack left in DIR
//
// It looks up well-known addresses in what it made before it writes the file, and says its counts on stderr.
package main

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"postward/internal/wire/netinfo"
)

func main() {
	from := flag.String("from", "", "directory with the two .tgz files; empty: fetch them with npm")
	out := flag.String("o", "table.bin", "file to write")
	flag.Parse()
	if err := run(*from, *out); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(from, out string) error {
	if from == "" {
		dir, err := os.MkdirTemp("", "postward-gen-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		if err := fetch(dir); err != nil {
			return err
		}
		from = dir
	}
	data, err := build(from)
	if err != nil {
		return err
	}
	if err := prove(string(data)); err != nil {
		return fmt.Errorf("prove the new table (%s is as it was): %w", out, err)
	}
	if err := os.WriteFile(out+".new", data, 0o644); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "gen: %s: %d octets\n", out, len(data))
	return os.Rename(out+".new", out)
}

func fetch(dir string) error {
	cmd := exec.Command("npm", "pack", "--silent", "--pack-destination", dir, "@ip-location-db/asn", "@ip-location-db/asn-country")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("fetch with npm pack: %w: is npm there, and the network? -from DIR reads packages fetched elsewhere", err)
	}
	return nil
}

// build reads the two packages in dir and returns the table. Its date is the older package's.
func build(dir string) ([]byte, error) {
	asn, err := open(filepath.Join(dir, "ip-location-db-asn-[0-9]*.tgz"), "asn-ipv4.csv", "asn-ipv6.csv")
	if err != nil {
		return nil, err
	}
	country, err := open(filepath.Join(dir, "ip-location-db-asn-country-[0-9]*.tgz"), "asn-country-ipv4.csv", "asn-country-ipv6.csv")
	if err != nil {
		return nil, err
	}
	date := asn.date
	if country.date.Before(date) {
		date = country.date
	}
	var lists [2][]netinfo.Start
	for i, name := range []string{"IPv4", "IPv6"} {
		networks, cut := tidy(asn.ranges[i])
		countries, cut2 := tidy(country.ranges[i])
		lists[i] = merge(networks, countries)
		fmt.Fprintf(os.Stderr, "gen: %s: %d ranges of networks, %d of countries, %d cut for an overlap: %d starts\n",
			name, len(networks), len(countries), cut+cut2, len(lists[i]))
	}
	fmt.Fprintln(os.Stderr, "gen: data of", date.Format(time.DateTime))
	return netinfo.Encode(date, lists[0], lists[1])
}

// prove looks up networks that have been where they are for a decade: a source that lost them is not to be shipped.
func prove(data string) error {
	t, err := netinfo.Parse(data)
	if err != nil {
		return err
	}
	for address, want := range map[string]uint32{
		"8.8.8.8": 15169, "1.1.1.1": 13335, "9.9.9.9": 19281, "193.0.6.139": 3333,
		"2001:4860:4860::8888": 15169, "2606:4700:4700::1111": 13335, "2620:fe::fe": 19281, "2003::1": 3320,
	} {
		got := t.Lookup(netip.MustParseAddr(address))
		if got.ASN != want || got.Country == "" {
			return fmt.Errorf("%s is AS%d in the country %q, not AS%d: look at the packages", address, got.ASN, got.Country, want)
		}
	}
	return nil
}
