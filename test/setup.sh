#!/bin/bash
# Installs what `make run`, `make test`, `make prove` and the benches need on a Debian 12 or 13 with Go: packages that are
# missing, and the system user postward. Starts no daemon, touches no configuration, removes nothing.
#
#   test/setup.sh [run|test|prove|bench]        (default: test)
#
# Exit 0: everything is there. 2: could not; the last line says what to do.
set -euo pipefail
export PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
what=${1:-test}

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$1"; shift; for line in "$@"; do say "  $line"; done; exit 2; }

# One line a package: for whom (a level includes those before it), package, purpose.
packages() {
	cat <<-'LIST'
		run    postfix            the mail server that postward attaches to, private instances of it
		run    dovecot-core       the logins: SASL for Postfix; doveadm and doveconf
		run    swaks              mails whose whole SMTP dialogue can be read
		run    python3-dkim       verifies what postward signs
		run    iproute2           ip: the loopback of a private network namespace
		test   dovecot-imapd      sessions that are ended, and words that reach a mail program
		test   dovecot-pop3d      the same
		test   nftables           nft: to see what is banned
		test   miltertest         a milter client that is not ours
		test   rbldnsd            blocklists, as their operators serve them
		test   bind9-dnsutils     dig: to see what a name server says
		test   bind9              named: zones that postward writes into; tsig-keygen
		test   systemd            journald, and journalctl, as machines without a syslog daemon have them
		test   bzip2              logs as logrotate packs them
		test   xz-utils           the same
		test   zstd               the same
		test   openssl            s_client: to see what a mail server shows
		test   python3-authres    reads our Authentication-Results; python3-dkim seals ARC only with it
		test   qemu-user-static   the ARMv6 and arm64 binaries are started once
		prove  gcc                the race detector
		prove  libc6-dev          the race detector
		prove  spin               the model of the hold protocol
		prove  mmdebstrap         a tree of the other Debian release
		bench  sshguard           its parser and its bans, beside ours
		bench  fail2ban           its filters and its bans, beside ours
		bench  python3-pyinotify  by which fail2ban notices lines; Debian installs it with it
		bench  python3-spf        its verdicts, beside ours
		bench  opendkim           verifies and signs, beside ours
		bench  opendmarc          its verdicts, beside ours
		bench  dbconfig-no-thanks opendmarc would bring a database client
		bench  postfix-policyd-spf-python  asks for SPF, beside ours
		bench  rspamd             does all of that, beside ours
	LIST
}

wanted() {
	packages | awk -v what="$what" '
		BEGIN { rank["run"] = 1; rank["test"] = 2; rank["prove"] = 3; rank["bench"] = 4 }
		rank[$1] <= rank[what] { print $2 }'
}

missing() {
	local have
	have=" $(dpkg-query -W -f '${Package}:${db:Status-Status} ' 2>/dev/null) "
	for package in $(wanted); do
		[[ $have == *" $package:installed "* ]] || echo "$package"
	done
}

# Installing postfix removes any other mail-transport-agent: that is its owner's decision, not ours.
refuse_beside_foreign_mta() {
	local foreign
	foreign=$(dpkg-query -W -f '${Package}\t${db:Status-Status}\t${Provides}\n' |
		awk -F '\t' '$2 == "installed" && $1 != "postfix" && $3 ~ /(^|[ ,])mail-transport-agent([ ,(]|$)/ { print $1 }' |
		tr '\n' ' ')
	foreign=${foreign% }
	[[ -z $foreign ]] || die "this machine's mail server is $foreign; installing postfix would remove it: nothing was done." \
		"Use another machine or a container (docker run -it debian:12 will do)," \
		"or, if nobody needs it here: apt-get remove $foreign"
}

policy=/usr/sbin/policy-rc.d
mark='# laid by postward test/setup.sh for the time of an installation'

# Debian starts what it installs, unless policy-rc.d says 101. One that stood here before stays as it is.
forbid_starting() {
	if [[ -e $policy ]] && ! grep -qxF "$mark" "$policy"; then
		return
	fi
	trap allow_starting EXIT
	printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$policy"
	chmod 755 "$policy"
}

allow_starting() {
	if grep -qsxF "$mark" "$policy"; then
		rm -f "$policy"
	fi
}

# apt runs apt-get; what it prints is shown when it fails.
apt() {
	local said
	said=$(DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 "$@" 2>&1) || { printf '%s\n' "$said" >&2; return 1; }
}

lists_are_old() {
	[[ -z $(find /var/lib/apt/lists -maxdepth 1 -name '*_InRelease' -mtime -7 -print -quit 2>/dev/null) ]]
}

install_packages() {
	local fresh="$*"
	if lists_are_old || ! apt-get -s -qq --no-install-recommends install "$@" >/dev/null 2>&1; then
		say "apt-get update"
		apt update || die "apt-get update failed: see above; is there a network?"
	fi
	if [[ " $fresh " == *" postfix "* ]]; then
		debconf-set-selections <<<'postfix postfix/main_mailer_type select No configuration'
	fi
	forbid_starting
	apt --no-install-recommends install "$@" ||
		die "apt-get could not install: $fresh" "see above; nothing else was changed"
	if [[ " $fresh " == *" dovecot-core "* ]]; then
		leave_disabled dovecot.service dovecot.socket
	fi
	if [[ " $fresh " == *" postfix "* ]]; then
		leave_disabled postfix.service
	fi
	if [[ " $fresh " == *" rbldnsd "* ]]; then
		leave_disabled rbldnsd.service rbldnsd.socket
	fi
	if [[ " $fresh " == *" bind9 "* ]]; then
		leave_disabled named.service named-resolvconf.service
	fi
	local daemon
	for daemon in opendkim opendmarc rspamd; do
		[[ " $fresh " != *" $daemon "* ]] || leave_disabled "$daemon.service"
	done
}

# Debian enables what it installs: a machine that only runs tests should not find a mail server after its next boot.
leave_disabled() {
	command -v systemctl >/dev/null || return 0
	systemctl disable --quiet "$@" >/dev/null 2>&1 || true
}

add_user() {
	getent group postward >/dev/null || groupadd --system postward
	getent passwd postward >/dev/null ||
		useradd --system --gid postward --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin postward
}

case $what in
run | test | prove | bench) ;;
*) die "no such level: $what" "usage: test/setup.sh [run|test|prove|bench]" ;;
esac
command -v dpkg-query >/dev/null ||
	die "this is not Debian: what is needed is $(wanted | tr '\n' ' ')" "install these yourself, or use a container (debian:12)"

todo=$(missing | tr '\n' ' ')
todo=${todo% }
if [[ -z $todo ]] && getent passwd postward >/dev/null; then
	exit 0
fi
[[ $(id -u) == 0 ]] || die "needs root to install: ${todo:-the system user postward}" "run it as root: sudo $0 $what"

# Two at a time would take each other's policy-rc.d away.
exec 9>/run/postward-setup.lock
flock 9
todo=$(missing | tr '\n' ' ')
todo=${todo% }
if [[ -n $todo ]]; then
	[[ " $todo " != *" postfix "* ]] || refuse_beside_foreign_mta
	say "installing $todo"
	# shellcheck disable=SC2086 # package names, one word each
	install_packages $todo
fi
add_user
