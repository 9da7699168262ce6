#!/bin/bash
# Records what the Postfix and the Dovecot of several Debian releases write to their logs, for the tests of internal/log/maillog.
# Of each release a tree is made once, by mmdebstrap, and kept in /var/cache/postward-test; test/versions then plays its sessions
# in it, in mount, PID and network namespaces of its own, with loopback and nothing else.
#
#   test/versions/record.sh [release…]      (default: those that Debian's mirrors still serve), as root
#   CACHE=DIR                               where the trees are kept
#   OUT=DIR                                 where the logs go: DIR/RELEASE/FORM.log.gz (default: build/versions)
#
# Exit status: 0 all were recorded. 1 one was not; the lines above say which and why. 2 it could not begin.
set -euo pipefail
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
cd "$(dirname "$0")/../.."

die() { printf 'record: %s\n' "$@" >&2; exit 2; }

cache=${CACHE:-/var/cache/postward-test/versions}
out=${OUT:-build/versions}
packages=postfix,dovecot-core,dovecot-imapd,dovecot-pop3d,dovecot-managesieved,rsyslog,ca-certificates,openssl,passwd

# What a mirror has is as old as the mirror: the index of a release that changes daily may have run out.
make_tree() {
	local tree=$cache/$1
	[[ -e $tree ]] && return
	echo "record: making a tree of $1 in $tree" >&2
	rm -rf --one-file-system "$tree.new"
	unshare --mount mmdebstrap --quiet --mode=root --variant=essential --aptopt='Acquire::Check-Valid-Until "false"' \
		--include=$packages "$1" "$tree.new" "deb http://deb.debian.org/debian $1 main" >&2 || return
	mv "$tree.new" "$tree"
}

make_dev() {
	mount -t tmpfs -o mode=755 dev "$1/dev"
	local node
	for node in null zero full random urandom; do
		touch "$1/dev/$node"
		mount --bind "/dev/$node" "$1/dev/$node"
	done
	mkdir "$1/dev/shm"
	mount -t tmpfs -o mode=1777 shm "$1/dev/shm"
	ln -s /proc/self/fd "$1/dev/fd"
	ln -s /proc/self/fd/1 "$1/dev/stdout"
	ln -s /proc/self/fd/2 "$1/dev/stderr"
}

# inside is what runs in the namespaces, as their first process.
inside() {
	local tree=$1
	mount --make-rprivate /
	mount --bind "$tree" "$tree"
	mount -t proc -o nosuid,nodev,noexec proc "$tree/proc"
	mount -t tmpfs -o mode=755 run "$tree/run"
	make_dev "$tree"
	hostname mx
	ip link set lo up
	cd "$tree"
	mkdir -p mnt
	pivot_root . mnt
	cd /
	exec /usr/bin/env -i OLD_ROOT=/mnt HOME=/root LANG=C.UTF-8 TZ=UTC PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /versions /logs
}

record() {
	make_tree "$1" || return
	local tree=$cache/$1
	rm -rf --one-file-system "$tree/logs" "$tree"/var/lib/postward-rig-* # of a run that was killed
	mkdir -p "$tree/logs" "$tree/var/spool/postfix"
	touch "$tree/etc/resolv.conf" "$tree/etc/hosts"
	cp build/versions-recorder "$tree/versions"
	unshare --mount --pid --net --uts --fork --kill-child "$0" inside "$tree" </dev/null &
	room=$!
	local status=0
	wait "$room" || status=$?
	room=
	mkdir -p "$out/$1"
	cp "$tree"/logs/*.log.gz "$out/$1/"
	[[ $status == 0 ]] || return
	zcat "$out/$1/rfc3164.log.gz" | sed -n "1s/^#/record: $1:/p"
}

if [[ ${1-} == inside ]]; then
	shift
	inside "$@"
fi
# unshare leaves signals to its child: who ends this script ends all of it.
ended() { [[ -z ${room-} ]] || kill -KILL "$room" 2>/dev/null || true; }
trap ended EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
[[ $(id -u) == 0 ]] || die "needs root: sudo $0"
command -v mmdebstrap >/dev/null || die "mmdebstrap is not installed: test/setup.sh prove installs it"
CGO_ENABLED=0 go build -o build/versions-recorder ./test/versions
mkdir -p "$cache"
[[ $# -gt 0 ]] || set -- bullseye bookworm trixie sid
failed=
for release in "$@"; do
	record "$release" || failed+=" $release"
done
[[ -z $failed ]] || { echo "record: not recorded:$failed" >&2; exit 1; }
