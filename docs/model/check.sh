#!/bin/bash
# Checks the model of the hold protocol with spin, exhaustively, and that each mistake put into it on purpose is found.
# Needs spin and a C compiler (test/setup.sh prove). About a minute, 1 GiB; a run that takes 5 minutes is stopped, and fails.
set -euo pipefail
model=$(cd "$(dirname "$0")" && pwd)/hold.pml
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cp "$model" .

# explore FLAGS…: spin's report on the whole state space
explore() {
	rm -f pan* ./*.trail
	spin -a "$@" hold.pml >/dev/null
	gcc -O2 -w -DSAFETY -DCOLLAPSE -DMEMLIM=1400 -o pan pan.c
	timeout 300 ./pan -m400000 -w26 2>&1
}

# reached SAID: whether spin came to every line of the proctype that looks at the end
reached() { grep -A1 'unreached in proctype Quiet' <<<"$1" | grep -q '(0 of'; }

# In shadow mode the switch to enforcing is a restart, which forgets like a crash.
for size in "-DN=1 -DCRASHES=3" "-DN=2 -DCRASHES=1" "-DN=1 -DCRASHES=2 -DSHADOW" "-DN=2 -DCRASHES=0 -DSHADOW"; do
	# shellcheck disable=SC2086 # words
	said=$(explore $size)
	echo "model $size: $(grep -E 'errors:' <<<"$said" | sed 's/.*depth/depth/'), $(grep -m1 -oE '[0-9]+ states, stored' <<<"$said")"
	if ! grep -q 'errors: 0' <<<"$said" || grep -qE 'Search not completed|max search depth too small|out of memory' <<<"$said" || ! reached "$said"; then
		echo "$said"
		exit 1
	fi
done

for mistake in $(grep -oE 'BUG_[A-Z_]+' hold.pml | sort -u); do
	size="-DN=2 -DCRASHES=1"
	[[ $mistake == *SHADOW* ]] && size="-DN=2 -DCRASHES=0 -DSHADOW"
	# shellcheck disable=SC2086 # words
	said=$(explore $size "-D$mistake")
	if grep -q 'errors: 0' <<<"$said"; then
		echo "model: the mistake $mistake is not found"
		exit 1
	fi
	echo "model with $mistake: found, $(grep -m1 -oE 'assertion violated|invalid end state' <<<"$said") at depth $(grep -m1 -oE 'at depth [0-9]+' <<<"$said" | tr -dc 0-9)"
done
echo "model: every state is well, every mistake is found, in $SECONDS s"
