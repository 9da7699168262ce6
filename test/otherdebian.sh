#!/bin/bash
# Runs `make test` once more in a tree of the other Debian release: of 13 on Debian 12, of 12 on everything else. The tree
# is made once, by mmdebstrap, and kept in /var/cache/postward-test; test/setup.sh then installs in it what it installs on
# a machine. The tests run on a copy of this checkout, in mount, PID and network namespaces of their own: nothing of it
# reaches this machine's daemons, and whatever is left ends, and is unmounted, with the namespaces.
#
#   test/otherdebian.sh [command…]        (default: make test), as root
#   SUITE=trixie test/otherdebian.sh      the release by its name
#
# Exit status: that of the command. 2: it could not begin; the last line says what to do.
set -euo pipefail
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
cd "$(dirname "$0")/.."

die() { printf 'otherdebian: %s\n' "$@" >&2; exit 2; }

other() {
	case $(. /etc/os-release && echo "${VERSION_CODENAME-}") in
	bookworm) echo trixie ;;
	*) echo bookworm ;;
	esac
}

cache=/var/cache/postward-test
suite=${SUITE:-$(other)}
tree=$cache/$suite

# A tree that was not finished is made anew. The README says what a minimal machine needs before anything else.
make_tree() {
	[[ -e $tree ]] && return
	command -v mmdebstrap >/dev/null || die "mmdebstrap is not installed: test/setup.sh prove installs it"
	echo "otherdebian: making a tree of Debian $suite in $tree" >&2
	rm -rf --one-file-system "$tree.new"
	unshare --mount mmdebstrap --quiet --mode=root --variant=minbase --include=ca-certificates,git,make "$suite" "$tree.new" >&2 ||
		die "mmdebstrap could not make a tree of $suite: see above. Is there a network, does debian-archive-keyring know the release?"
	mv "$tree.new" "$tree"
}

# The checkout as it is, not yet committed files too; without .git, which may be a worktree's.
copy_checkout() {
	rm -rf --one-file-system "$tree/src" "$tree"/var/lib/postward-rig-* # of a run that was killed
	mkdir -p "$tree/src/postward"
	git ls-files -z --cached --others --exclude-standard | tar -c --null --ignore-failed-read -T - | tar -x -C "$tree/src/postward"
}

# lend FROM TO: a directory of this machine, not to be written, if it is there.
lend() {
	[[ -d $1 ]] || return 0
	mkdir -p "$tree$2"
	mount --bind "$1" "$tree$2"
	mount -o remount,bind,ro "$tree$2"
}

make_dev() {
	mount -t tmpfs -o mode=755 dev "$tree/dev"
	for node in null zero full random urandom tty; do
		touch "$tree/dev/$node"
		mount --bind "/dev/$node" "$tree/dev/$node"
	done
	mkdir "$tree/dev/pts" "$tree/dev/shm"
	mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts "$tree/dev/pts"
	mount -t tmpfs -o mode=1777 shm "$tree/dev/shm"
	ln -s pts/ptmx "$tree/dev/ptmx"
	ln -s /proc/self/fd "$tree/dev/fd"
	ln -s /proc/self/fd/0 "$tree/dev/stdin"
	ln -s /proc/self/fd/1 "$tree/dev/stdout"
	ln -s /proc/self/fd/2 "$tree/dev/stderr"
}

# inside is what runs in the namespaces, as their first process.
inside() {
	mount --make-rprivate /
	mount --bind "$tree" "$tree"
	mount -t proc -o nosuid,nodev,noexec proc "$tree/proc"
	mount -t sysfs -o ro,nosuid,nodev,noexec sys "$tree/sys"
	mount -t cgroup2 -o ro,nosuid,nodev,noexec cgroup2 "$tree/sys/fs/cgroup" # journald does not start without
	mount -t tmpfs -o mode=755 run "$tree/run"
	make_dev
	rm -f "$tree/etc/resolv.conf"
	cp -L /etc/resolv.conf "$tree/etc/resolv.conf"
	lend "$(go env GOROOT)" /usr/local/go
	lend "$(go env GOMODCACHE)" /var/cache/go-mod
	[[ $1 != offline ]] || ip link set lo up
	shift
	# The tree is the root, not only a directory that looks like one: in a chroot a program does not learn its own name.
	cd "$tree"
	pivot_root . mnt
	umount --lazy /mnt
	cd /src/postward
	/usr/bin/env -i "${clean[@]}" "$@"
}

# What the commands find in their environment: this machine's Go and modules, which nobody fetches.
clean=(HOME=/root LANG=C.UTF-8 PATH=/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	GOMODCACHE=/var/cache/go-mod GOCACHE=/var/cache/go-build GOPROXY=off GOTOOLCHAIN=local)
for name in CI PROVE GOFLAGS GOMAXPROCS; do
	[[ -z ${!name-} ]] || clean+=("$name=${!name}")
done

# room FLAGS NETWORK command…: unshare itself leaves signals to its child, so whoever ends this script ends all of it.
room() {
	set -m
	unshare --mount --pid --fork --kill-child $1 "$0" inside "${@:2}" </dev/null &
	set +m
	room=$!
	wait "$room"
}

ended() {
	[[ -z ${room-} ]] || kill -KILL "$room" 2>/dev/null || true
}

if [[ ${1-} == inside ]]; then
	shift
	inside "$@"
	exit
fi
[[ $(id -u) == 0 ]] || die "needs root: sudo $0"
command -v go >/dev/null || die "go is not in PATH: see README.md"
mkdir -p "$cache"
exec 9>"$cache/$suite.lock"
flock -n 9 || echo "otherdebian: waiting for another run in $tree" >&2
flock 9
trap ended EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
go mod download
make_tree
copy_checkout
room "" online test/setup.sh test
[[ $# -gt 0 ]] || set -- make test
room --net offline "$@"
