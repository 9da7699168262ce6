#!/bin/bash
# Runs every fuzz target of the tree for a while, one on each core: test/fuzz.sh 60s
set -euo pipefail
export GO=${GO:-go} TIME=$1
targets() {
	grep -rl '^func Fuzz' --include='*_test.go' internal test bench | sort | while read -r file; do
		for target in $(grep -o '^func Fuzz[A-Za-z0-9]*' "$file" | cut -c6-); do
			echo "$target ./$(dirname "$file")"
		done
	done
}
# What a target says is printed when it has ended, so that no two are mixed. 123: one of them found something.
targets | xargs -P "$(nproc)" -L 1 bash -c '
	said=$("$GO" test -run "^$" -fuzz "^$0\$" -fuzztime "$TIME" -fuzzminimizetime 3s -parallel 1 "$1" 2>&1) && ended=ok || ended=FAILED
	printf "%s in %s: %s\n%s\n" "$0" "$1" "$ended" "$said"
	[ $ended = ok ]'
