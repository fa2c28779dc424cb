#!/bin/sh
# SPDX-License-Identifier: ISC
# Copyright (c) 2026 The berth authors
# clang-tidy, clang's analyzer (which is what scan-build runs) and gcc's over
# every source, the parser that bison made among them (gen/parse.c).  What
# they find fails, but for the false ones that tests/analyze.known lists with
# the reason; one there that is no longer found is told.
#
#	tests/analyze.sh OUT
set -eu
LC_ALL=C; export LC_ALL
out=${1:-out}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM HUP

# shellcheck disable=SC2089,SC2090 # the quotes are C's
flags="-std=gnu11 -D_GNU_SOURCE -I$out/gen -Iworker/conf -DBERTH_VERSION=\"\"
-DBERTH_LIBEXECDIR=\"\" -DBERTH_BINDIR=\"\" -DBERTH_SBINDIR=\"\"
-DBERTH_SYSCONFDIR=\"\""
cpus=$(nproc)
# shellcheck disable=SC2090
export flags
have() {
	command -v "$1" >/dev/null && return 0
	echo "analyze.sh: skip: no $1" >&2
	return 1
}
# Each file by itself, as many at once as there are processors.
each() { # tool, its command line for one file
	name=$1; shift
	{ git ls-files 'broker/*.c' 'common/*.c' 'proto/*.c' 'worker/*.c'
	    echo "$out/gen/parse.c"; } |
	    xargs -P "$cpus" -n 1 sh -c "$* 2>&1 || :" sh >"$tmp/$name"
}

# shellcheck disable=SC2016 # for the inner shell, as the next two
have clang-tidy && each tidy 'clang-tidy --quiet \
    --config-file=.clang-tidy "$1" -- $flags'
# shellcheck disable=SC2016
have clang && each clang 'clang --analyze -Xanalyzer \
    -analyzer-output=text $flags -o /dev/null "$1"'
# shellcheck disable=SC2016
have gcc && each gcc 'gcc -fanalyzer -O1 $flags -c -o /dev/null "$1"'

# FILE CHECK of each finding, and the findings themselves.
cat "$tmp"/tidy "$tmp"/clang "$tmp"/gcc 2>/dev/null |
    sed -n "s|^$PWD/||; s|^$out/gen/|gen/|; /\(warning\|error\): /p" |
    sort -u >"$tmp/all"
known=tests/analyze.known
failed=0
while read -r line; do
	file=${line%%:*}
	check=$(echo "$line" | sed -n 's/.*\[\([^],]*\)[^]]*\]$/\1/p')
	echo "$file $check" >>"$tmp/found"
	grep -q -e "^$file $check " $known && continue
	echo "$line" >&2
	failed=$((failed + 1))
done <"$tmp/all"
grep -v '^#' $known | while read -r file check _; do
	grep -q -e "^$file $check$" "$tmp/found" 2>/dev/null ||
	    echo "analyze.sh: $known: $file $check is no longer found"
done
[ $failed = 0 ] || { echo "analyze.sh: $failed findings" >&2; exit 1; }
echo "analyze.sh: clean"
