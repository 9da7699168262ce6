#!/bin/bash
# Runs every fuzz target of the tree for a while: test/fuzz.sh 60s
set -euo pipefail
grep -rl '^func Fuzz' --include='*_test.go' internal test bench | sort | while read -r file; do
	for target in $(grep -o '^func Fuzz[A-Za-z0-9]*' "$file" | cut -c6-); do
		echo "$target in $(dirname "$file")"
		"${GO:-go}" test -run '^$' -fuzz "^$target$" -fuzztime "$1" -fuzzminimizetime 3s "./$(dirname "$file")"
	done
done
