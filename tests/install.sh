#!/bin/sh
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
# make uninstall takes away what make install put, and nothing else.
#
#	tests/install.sh [OUT]
set -eu
LC_ALL=C; export LC_ALL
out=${1:-out}
top=$(cd "$(dirname "$0")/.." && pwd)
case $out in /*) ;; *) out=$PWD/$out ;; esac
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT INT TERM
fail() { echo "install.sh: $*" >&2; exit 1; }

# What is installed was built by whoever calls us: -o all builds nothing.
run() {
	"${MAKE:-make}" -s --no-print-directory -C "$top" -o all \
	    OUT="$out" DESTDIR="$tmp/$1" PREFIX="$2" SYSCONFDIR=/etc/berth \
	    "$3" >"$tmp/said" 2>&1 || fail "$3: $(cat "$tmp/said")"
}
files() { (cd "$tmp/$1" && find . ! -type d | sort); }

n=0
for prefix in /usr/local /opt/a; do
	n=$((n + 1))
	run $n $prefix install
	count=$(files $n | wc -l)
	[ "$count" -gt 10 ] || fail "$count files installed"
	[ -x "$tmp/$n$prefix/bin/berth" ] || fail "no berth in $prefix/bin"

	# what is the administrator's, and what is somebody else's
	echo '# mine' >>"$tmp/$n/etc/berth/berthd.conf"
	echo 0123456789abcdef >"$tmp/$n/etc/berth/token"
	mkdir -p "$tmp/$n/var/lib/berth"
	: >"$tmp/$n/var/lib/berth/sock"
	: >"$tmp/$n$prefix/bin/berth2"
	[ $n = 1 ] || : >"$tmp/$n$prefix/libexec/berth/foreign"
	run $n $prefix uninstall
	want=$({
		printf './%s\n' etc/berth/berthd.conf etc/berth/token \
		    var/lib/berth/sock
		echo ".$prefix/bin/berth2"
		[ $n = 1 ] || echo ".$prefix/libexec/berth/foreign"
	} | sort)
	[ "$(files $n)" = "$want" ] || fail "left in $prefix: $(files $n)"
	tail -n 1 "$tmp/$n/etc/berth/berthd.conf" | grep -q mine ||
	    fail "berthd.conf was changed"
	grep -q '/etc/berth/berthd.conf and the store' "$tmp/said" ||
	    fail "not said what stays"
	# once more: there is nothing to take away, and that is no error
	run $n $prefix uninstall
	[ "$(files $n)" = "$want" ] || fail "the second time took more"
done
[ ! -e "$tmp/1/usr/local/libexec/berth" ] || fail "a directory of ours stays"
echo "install.sh: $count files installed and uninstalled"
